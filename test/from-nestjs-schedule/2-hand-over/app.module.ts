import { Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Shop } from '../shop.js';
import { RatesCache } from '../1-before/rates.cache.js';
import { Reminders } from '../1-before/reminders.js';
import { ShopJobs } from './shop.jobs.js';

@Module({
  imports: [TypeOrmModule.forRoot({ type: 'postgres', url: process.env.DATABASE_URL }), ScheduleModule.forRoot()],
  providers: [Shop, ShopJobs, RatesCache, Reminders],
})
export class AppModule {}
