import { Injectable } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { CronJob } from 'cron';
import { Shop } from '../shop.js';

@Injectable()
export class Reminders {
  constructor(
    private readonly registry: SchedulerRegistry,
    private readonly shop: Shop,
  ) {}

  remindIn(customer: string, ms: number): void {
    const timeout = setTimeout(() => void this.shop.work(`remind ${customer}`), ms);
    this.registry.addTimeout(`remind-${customer}`, timeout);
  }

  subscribe(customer: string, cronTime: string): void {
    const job = CronJob.from({ cronTime, onTick: () => this.shop.work(`news for ${customer}`) });
    this.registry.addCronJob(`news-${customer}`, job);
    job.start();
  }

  unsubscribe(customer: string): void {
    this.registry.deleteCronJob(`news-${customer}`);
  }
}
