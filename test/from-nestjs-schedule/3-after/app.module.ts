import { Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SchedulerModule } from 'nestjs-vigil';
import { RatesCache } from '../1-before/rates.cache.js';
import { Shop } from '../shop.js';
import { Reminders } from './reminders.js';
import { ShopJobs } from './shop.jobs.js';

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: process.env.DATABASE_URL }),
    SchedulerModule.forRoot(),
    // for what each process does for itself
    ScheduleModule.forRoot(),
  ],
  providers: [Shop, ShopJobs, RatesCache, Reminders],
})
export class AppModule {}
