import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { CronExpression, JobHandler, ScheduledJob, SchedulerService } from 'nestjs-vigil';
import { HAND_OVER_AT } from '../hand-over.js';
import { Shop } from '../shop.js';

@Injectable()
export class ShopJobs implements OnApplicationBootstrap {
  constructor(
    private readonly shop: Shop,
    private readonly scheduler: SchedulerService,
  ) {}

  @ScheduledJob('*/3 * * * * *', { id: 'outbox', startAt: HAND_OVER_AT })
  async sendOutbox(): Promise<void> {
    await this.shop.work('outbox');
  }

  @ScheduledJob('0 30 7 * * 1-5', { id: 'report', timeZone: 'Europe/Paris', startAt: HAND_OVER_AT })
  async sendReport(): Promise<void> {
    await this.shop.work('report');
  }

  @ScheduledJob(CronExpression.EVERY_DAY_AT_3AM, {
    id: 'cleanup',
    disabled: process.env.CLEANUP === 'off',
    startAt: HAND_OVER_AT,
  })
  async cleanUp(): Promise<void> {
    await this.shop.work('cleanup');
  }

  @ScheduledJob({ id: 'stock', every: '10m', startAt: HAND_OVER_AT })
  async readStock(): Promise<void> {
    await this.shop.work('stock');
  }

  async onApplicationBootstrap(): Promise<void> {
    const job = { id: 'index-2026-12', handler: [ShopJobs, 'buildIndex'], in: '5s' } as const;
    await this.scheduler.addJob(job, { onConflict: 'keep' });
  }

  @JobHandler('index')
  async buildIndex(): Promise<void> {
    await this.shop.work('index');
  }
}
