import { Test, type TestingModule } from '@nestjs/testing';
import { getDataSourceToken } from '@nestjs/typeorm';
import { SchedulerService } from 'nestjs-vigil';
import { createJobContext, ManualClock, quietScheduler } from 'nestjs-vigil-testing';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Shop } from '../shop.js';
import { AppModule } from './app.module.js';
import { Reminders } from './reminders.js';

let app: TestingModule;
let clock: ManualClock;
let done: string[];

beforeEach(async () => {
  done = [];
  clock = new ManualClock('2026-12-08T00:00:00Z'); // a Tuesday
  app = await quietScheduler(Test.createTestingModule({ imports: [AppModule] }), { clock })
    .overrideProvider(getDataSourceToken())
    .useValue(new DataSource({ type: 'postgres' })) // never connected
    .overrideProvider(Shop)
    .useValue({ work: async (what: string) => void done.push(what) })
    .compile();
  await app.init();
});
afterEach(() => app.close());

it('The report goes out on working days, at half past seven in Paris', async () => {
  const scheduler = app.get(SchedulerService);
  await scheduler.start();
  for (const id of ['outbox', 'stock']) await scheduler.pauseJob(id); // often due, and not what this is about
  await clock.advance('7d');
  const { items } = await scheduler.getExecutions({ jobId: 'report', status: 'succeeded' });
  expect(items.map(({ scheduledAt }) => scheduledAt.toISOString()).reverse()).toEqual([
    '2026-12-08T06:30:00.000Z',
    '2026-12-09T06:30:00.000Z',
    '2026-12-10T06:30:00.000Z',
    '2026-12-11T06:30:00.000Z',
    '2026-12-14T06:30:00.000Z',
  ]);
});

it('A reminder comes when it was asked for', async () => {
  await app.get(Reminders).remindIn('anna', '3d');
  const scheduler = app.get(SchedulerService);
  await scheduler.start();
  for (const id of ['outbox', 'stock']) await scheduler.pauseJob(id);
  await clock.advance('4d');
  expect(done.filter((what) => what === 'remind anna')).toHaveLength(1);
});

it('News name their customer', async () => {
  await app.get(Reminders).sendNews(createJobContext({ data: { customer: 'anna' } }));
  expect(done).toEqual(['news for anna']);
});
