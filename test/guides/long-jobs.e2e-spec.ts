import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { NestFactory } from '@nestjs/core';
import { MemoryJobStore, SchedulerModule, SchedulerService } from 'nestjs-vigil';
import { recordEvents } from 'nestjs-vigil-testing';
import { expect, it, onTestFinished } from 'vitest';

import { PriceListService } from './price-list.service.js';

const ENDLESS = 1e15;
const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8');

it.each(['price-list.service.ts', 'price-list.worker.mjs'])('The guide shows %s as it is run here', (file) => {
  expect(read('../../docs/guides/long-jobs.md')).toContain(read(file));
});

async function application() {
  class AppModule {}
  const imports = [SchedulerModule.forRoot({ store: new MemoryJobStore(), shutdownTimeoutMs: 1_000 })];
  const app = await NestFactory.createApplicationContext(
    { module: AppModule, imports, providers: [PriceListService] },
    { logger: false },
  );
  onTestFinished(() => app.close());
  await app.init();
  const scheduler = app.get(SchedulerService);
  const names = ['execution.succeeded', 'execution.cancelled', 'execution.progress', 'execution.released'] as const;
  return { app, scheduler, events: recordEvents(scheduler, names) };
}

it('A computation runs beside the event loop, and tells how far it is', async () => {
  const { scheduler, events } = await application();
  await scheduler.addJob({ handler: [PriceListService, 'compute'], data: { products: 2_000_000 } });
  const { fraction } = await events.waitFor('execution.progress', (event) => event.fraction > 0);
  expect(fraction).toBeLessThan(1);
  expect(await events.waitFor('execution.succeeded')).toMatchObject({ execution: { result: 2_000_000 } });
});

it('is ended by a cancel, although it never looks at its signal', async () => {
  const { scheduler, events } = await application();
  await scheduler.addJob({ handler: [PriceListService, 'compute'], data: { products: ENDLESS } });
  const { execution } = await events.waitFor('execution.progress');
  await scheduler.cancelExecution(execution.id, { reason: 'not today' });
  const cancelled = await events.waitFor('execution.cancelled');
  expect(cancelled.execution).toMatchObject({ id: execution.id, reason: 'not today' });
});

it('and by a shutdown, which hands it over', async () => {
  const { app, scheduler, events } = await application();
  await scheduler.addJob({ handler: [PriceListService, 'compute'], data: { products: ENDLESS } });
  await events.waitFor('execution.progress');
  await app.close();
  await events.waitFor('execution.released');
});
