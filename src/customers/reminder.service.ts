import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { FatalError, JobContext, JobHandler } from 'nestjs-vigil';
import { type Repository } from 'typeorm';
import { CustomerEntity } from '../shop/customer.entity.js';

interface Reminder {
  customerId: number;
}

@Injectable()
export class ReminderService {
  constructor(@InjectRepository(CustomerEntity) private readonly customers: Repository<CustomerEntity>) {}

  @JobHandler({
    key: 'remind-customer',
    description: 'Reminds a new customer of the cart.',
    retry: { maxAttempts: 5, backoff: { kind: 'exponential', delayMs: 1_000 } },
    timeoutMs: 15_000,
  })
  async remind({ data, scheduledAt }: JobContext<Reminder>): Promise<string> {
    const customer = await this.customers.findOneBy({ id: data.customerId });
    if (!customer) throw new FatalError(`There is no customer ${data.customerId}.`);
    await this.customers.update(customer.id, { remindedAt: scheduledAt });
    return `reminded ${customer.name}`;
  }
}
