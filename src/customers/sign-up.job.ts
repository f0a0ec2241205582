import { Injectable } from '@nestjs/common';
import { JobContext, ScheduledJob } from 'nestjs-vigil';
import { AppSettings } from '../app.settings.js';
import { CustomerService } from './customer.service.js';

const NAMES = ['Kofi Lindt', 'Lea Moreau', 'Mats Nilsson', 'Nora Okafor', 'Omar Petit', 'Pia Quist'];

/** Plays the customers who come by. */
@Injectable()
export class SignUpJob {
  constructor(private readonly customers: CustomerService) {}

  @ScheduledJob({
    id: 'sign-up',
    inject: [AppSettings],
    useFactory: ({ signUpEvery }) => ({
      every: signUpEvery,
      description: 'Signs up a customer, and adds the job that reminds the customer.',
      timeoutMs: 10_000,
    }),
  })
  async signUp({ executionId, scheduledAt }: JobContext): Promise<string> {
    const name = NAMES[Math.floor(scheduledAt.getTime() / 1_000) % NAMES.length] ?? 'Somebody';
    const customer = await this.customers.signUp({ name, email: `${executionId}@example.com` });
    return `${name} is customer ${customer.id}`;
  }
}
