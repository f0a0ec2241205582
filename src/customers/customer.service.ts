import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { SchedulerService } from 'nestjs-vigil';
import { DataSource } from 'typeorm';
import { AppSettings } from '../app.settings.js';
import { CartEntity } from '../shop/cart.entity.js';
import { CustomerEntity } from '../shop/customer.entity.js';
import { ReminderService } from './reminder.service.js';

export interface NewCustomer {
  name: string;
  email: string;
}

const CART_LIVES_MS = 60_000;
const FIRST_PRODUCT = 1;

@Injectable()
export class CustomerService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly scheduler: SchedulerService,
    private readonly settings: AppSettings,
  ) {}

  /** One transaction: no customer without a reminder, and no reminder without a customer. */
  signUp({ name, email }: NewCustomer): Promise<CustomerEntity> {
    return this.dataSource.transaction(async (manager) => {
      const customer = await manager.save(CustomerEntity, manager.create(CustomerEntity, { name, email }));
      const cart = { customerId: customer.id, productId: FIRST_PRODUCT, state: 'open' as const };
      await manager.insert(CartEntity, { ...cart, expiresAt: new Date(Date.now() + CART_LIVES_MS) });
      await this.scheduler.addJob(
        {
          id: `remind-customer-${customer.id}`,
          handler: [ReminderService, 'remind'],
          in: this.settings.remindIn,
          data: { customerId: customer.id },
        },
        { manager },
      );
      return customer;
    });
  }
}
