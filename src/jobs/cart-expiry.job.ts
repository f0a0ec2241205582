import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { ScheduledJob } from 'nestjs-vigil';
import { LessThanOrEqual, type Repository } from 'typeorm';
import { AppSettings } from '../app.settings.js';
import { CartEntity } from '../shop/cart.entity.js';

@Injectable()
export class CartExpiryJob {
  constructor(@InjectRepository(CartEntity) private readonly carts: Repository<CartEntity>) {}

  @ScheduledJob({
    id: 'expire-carts',
    inject: [AppSettings],
    useFactory: ({ expireCartsEvery }) => ({
      every: expireCartsEvery,
      description: 'Closes carts that nobody has ordered.',
      timeoutMs: 10_000,
    }),
  })
  async expireCarts(): Promise<string> {
    const due = { state: 'open' as const, expiresAt: LessThanOrEqual(new Date()) };
    const { affected } = await this.carts.update(due, { state: 'expired' });
    return affected === 1 ? '1 cart expired' : `${affected ?? 0} carts expired`;
  }
}
