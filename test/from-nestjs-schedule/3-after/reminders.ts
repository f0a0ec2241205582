import { Injectable } from '@nestjs/common';
import { JobContext, JobHandler, SchedulerService, type Duration } from 'nestjs-vigil';
import { Shop } from '../shop.js';

@Injectable()
export class Reminders {
  constructor(
    private readonly scheduler: SchedulerService,
    private readonly shop: Shop,
  ) {}

  async remindIn(customer: string, delay: Duration): Promise<void> {
    const id = `remind-${customer}`;
    await this.scheduler.addJob({ id, handler: [Reminders, 'remind'], in: delay, data: { customer } });
  }

  async subscribe(customer: string, cron: string): Promise<void> {
    const id = `news-${customer}`;
    await this.scheduler.addJob({ id, handler: [Reminders, 'sendNews'], cron, data: { customer } });
  }

  async unsubscribe(customer: string): Promise<void> {
    await this.scheduler.removeJob(`news-${customer}`);
  }

  @JobHandler('remind')
  async remind({ data }: JobContext<{ customer: string }>): Promise<void> {
    await this.shop.work(`remind ${data.customer}`);
  }

  @JobHandler('news')
  async sendNews({ data }: JobContext<{ customer: string }>): Promise<void> {
    await this.shop.work(`news for ${data.customer}`);
  }
}
