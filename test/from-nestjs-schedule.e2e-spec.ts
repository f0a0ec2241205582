import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import type { INestApplicationContext, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SchedulerRegistry } from '@nestjs/schedule';
import { SchedulerService } from 'nestjs-vigil';
import { createDatabase, type TestDatabase } from 'nestjs-vigil-testing';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';

import { RatesCache } from './from-nestjs-schedule/1-before/rates.cache.js';
import { Reminders as RemindersBefore } from './from-nestjs-schedule/1-before/reminders.js';
import { RecordingLogger } from './support/application.js';
import { blocksOf } from './support/code-blocks.js';

/** How often the outbox is due. */
const EVERY_MS = 3_000;
/** What the applications may take to boot. */
const BOOTING_MS = 12_000;

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'));
  pool = new pg.Pool({ connectionString: database.url }).on('error', () => {});
  await pool.query('CREATE TABLE work (what text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())');
  vi.stubEnv('DATABASE_URL', database.url);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await pool.end();
  await database.drop();
});

/** The classes of a stage, which read the environment when they are loaded first. */
async function load<T>(stage: string, file: string, name: string): Promise<Type<T>> {
  const path = new URL(`./from-nestjs-schedule/${stage}/${file}.ts`, import.meta.url).href;
  return ((await import(path)) as Record<string, Type<T>>)[name]!;
}

async function boot(stage: string): Promise<INestApplicationContext & AsyncDisposable> {
  const logger = new RecordingLogger();
  const module = await load(stage, 'app.module', 'AppModule');
  const app = await NestFactory.createApplicationContext(module, { logger, abortOnError: false });
  return Object.assign(app, { [Symbol.asyncDispose]: () => app.close() });
}

/** When a piece of work was done. */
async function timesOf(what: string): Promise<Date[]> {
  const { rows } = await pool.query<{ at: Date }>('SELECT at FROM work WHERE what = $1 ORDER BY at', [what]);
  return rows.map(({ at }) => at);
}

describe('docs/guides/from-nestjs-schedule.md', () => {
  it('shows the files of the applications that these tests run', () => {
    const guide = readFileSync(new URL('../docs/guides/from-nestjs-schedule.md', import.meta.url), 'utf8');
    const blocks = blocksOf(guide);
    expect(blocks.length).toBeGreaterThan(5);
    for (const { file, code, line } of blocks) {
      expect(file, `the block in line ${line} has no comment <!-- file --> before it`).not.toBeNull();
      const path = new URL(`./from-nestjs-schedule/${file}`, import.meta.url);
      expect(code, `line ${line}: ${file} says something else`).toBe(readFileSync(path, 'utf8'));
    }
  });

  it('begins with an application whose jobs run in its memory', async () => {
    await using app = await boot('1-before');
    const registry = app.get(SchedulerRegistry);
    for (const name of ['outbox', 'report', 'cleanup']) await registry.getCronJob(name).fireOnTick();
    app.get(RemindersBefore).remindIn('anna', 10);
    app.get(RemindersBefore).subscribe('anna', '* * * * * *');
    for (const what of ['outbox', 'report', 'cleanup', 'remind anna', 'news for anna']) {
      await vi.waitFor(async () => expect(await timesOf(what)).not.toEqual([]), { timeout: 20_000 });
    }
    app.get(RemindersBefore).unsubscribe('anna');
    expect(registry.getCronJobs().has('news-anna')).toBe(false);
  });

  it('ends with two replicas that share the same jobs, after a deploy that doubled no fire and lost none', async () => {
    await pool.query('TRUNCATE work');
    const handOverAt = (Math.ceil((Date.now() + BOOTING_MS) / EVERY_MS) + 0.5) * EVERY_MS;
    vi.stubEnv('HAND_OVER_AT', new Date(handOverAt).toISOString());
    {
      await using _old = await boot('2-hand-over');
      await using one = await boot('3-after');
      await using other = await boot('3-after');
      expect(Date.now(), 'the applications took too long to boot').toBeLessThan(handOverAt);
      await sleep(handOverAt + 2.5 * EVERY_MS - Date.now());

      const scheduler = one.get(SchedulerService);
      const { items } = await scheduler.getExecutions({ jobId: 'outbox' });
      expect(items.length).toBeGreaterThanOrEqual(2);
      expect(items.map(({ scheduledAt }) => scheduledAt.getTime()).filter((at) => at < handOverAt)).toEqual([]);
      await proveJobs(scheduler, await load('3-after', 'reminders', 'Reminders').then((it) => other.get(it)));
      expect((await scheduler.getExecutions({ jobId: 'index-2026-12' })).items).toHaveLength(1);
      expect(other.get(RatesCache).readAt.getTime()).toBeGreaterThan(0);
    }
    const fires = (await timesOf('outbox')).map((at) => Math.floor((at.getTime() + 100) / EVERY_MS));
    const inAll = fires.at(-1)! - fires[0]! + 1;
    expect(fires).toEqual(Array.from({ length: inAll }, (_, index) => fires[0]! + index));
    expect(fires[0]! * EVERY_MS).toBeLessThan(handOverAt);
  });
});

interface RemindersAfter {
  remindIn(customer: string, delay: string): Promise<void>;
  subscribe(customer: string, cron: string): Promise<void>;
  unsubscribe(customer: string): Promise<void>;
}

async function proveJobs(scheduler: SchedulerService, reminders: RemindersAfter): Promise<void> {
  for (const id of ['report', 'cleanup', 'stock']) await scheduler.runJob(id);
  await reminders.remindIn('anna', '100ms');
  await reminders.subscribe('anna', '* * * * * *');
  for (const what of ['report', 'cleanup', 'stock', 'remind anna', 'news for anna']) {
    await vi.waitFor(async () => expect(await timesOf(what)).not.toEqual([]), { timeout: 20_000 });
  }
  await reminders.unsubscribe('anna');
  expect(await scheduler.getJob('news-anna')).toBeNull();
}
