import { Injectable } from '@nestjs/common';
import { Cron, CronExpression, Interval, Timeout } from '@nestjs/schedule';
import { Shop } from '../shop.js';

@Injectable()
export class ShopJobs {
  constructor(private readonly shop: Shop) {}

  @Cron('*/3 * * * * *', { name: 'outbox', waitForCompletion: true, threshold: 2_000 })
  async sendOutbox(): Promise<void> {
    await this.shop.work('outbox');
  }

  @Cron('0 30 7 * * 1-5', { name: 'report', timeZone: 'Europe/Paris' })
  async sendReport(): Promise<void> {
    await this.shop.work('report');
  }

  @Cron(CronExpression.EVERY_DAY_AT_3AM, { name: 'cleanup', disabled: process.env.CLEANUP === 'off' })
  async cleanUp(): Promise<void> {
    await this.shop.work('cleanup');
  }

  @Interval('stock', 600_000)
  async readStock(): Promise<void> {
    await this.shop.work('stock');
  }

  @Timeout('index', 5_000)
  async buildIndex(): Promise<void> {
    await this.shop.work('index');
  }
}
