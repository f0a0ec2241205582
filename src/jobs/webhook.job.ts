import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { JobContext, ScheduledJob } from 'nestjs-vigil';
import { type Repository } from 'typeorm';
import { AppSettings } from '../app.settings.js';
import { OwnAddress } from '../http/own.address.js';
import { OrderEntity } from '../shop/order.entity.js';

/** Tells a partner about orders. The partner is often busy: the call is tried again, later each time. */
@Injectable()
export class WebhookJob {
  constructor(
    @InjectRepository(OrderEntity) private readonly orders: Repository<OrderEntity>,
    private readonly address: OwnAddress,
  ) {}

  @ScheduledJob({
    id: 'flaky-webhook',
    inject: [AppSettings],
    useFactory: ({ callWebhookEvery }) => ({
      every: callWebhookEvery,
      description: 'Tells a partner about orders; the partner fails three times in ten.',
      retry: { maxAttempts: 4, backoff: { kind: 'exponential', delayMs: 1_000, maxDelayMs: 8_000 } },
      timeoutMs: 15_000,
    }),
  })
  async callPartner({ executionId, signal }: JobContext): Promise<string> {
    const orders = await this.orders.count();
    const response = await fetch(await this.address.url('/partner/orders', signal), {
      method: 'POST',
      // The partner recognises a call that comes twice by this.
      headers: { 'content-type': 'application/json', 'idempotency-key': executionId },
      body: JSON.stringify({ orders }),
      signal,
    });
    if (!response.ok) throw new Error(`the partner answered ${response.status}`);
    return `the partner knows of ${orders} orders`;
  }
}
