// One node of the cluster that chaos happens to: a process of its own, in plain JavaScript, on the built library. It has
// a job of every kind, and prints a line of JSON for each thing that happens; the lines, not the database, are what the
// handlers' own account is kept in. Settings come in the environment: DATABASE_URL, OPTIONS (JSON for forRoot), SHOP_URL
// (of the application's own data source), LEND (the scheduler gets its connection settings from that one, and the
// application keeps all of its connections busy), SCHEDULERS (how many in this process).
// On stdin: `stop`; `add` and JSON for addJob; `list`; `step` and by how many milliseconds the process's clock jumps.
import 'reflect-metadata';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JobHandler, ScheduledJob, SchedulerModule, SchedulerService } from 'nestjs-vigil';
import { DataSource } from 'typeorm';

/** The clock that nobody sets: what is told is told in its time. */
const TrueDate = Date;
const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const { DATABASE_URL, SHOP_URL, LEND, SCHEDULERS = '1', OPTIONS = '{}' } = process.env;

class Work {
  async tick() {}
  async everyFire() {}
  async slow(context) {
    await delay(700, undefined, { signal: context.signal });
  }
  async careful() {
    await delay(300);
  }
  async shaky(context) {
    if (context.attempt === 1) throw new Error('the first attempt fails');
  }
  async remind() {}
  async poison() {
    process.kill(process.pid, 'SIGKILL');
    await delay(60_000);
  }
}
Injectable()(Work);
const method = (name) => [Work.prototype, name, Object.getOwnPropertyDescriptor(Work.prototype, name)];
ScheduledJob('* * * * * *', { id: 'tick' })(...method('tick'));
ScheduledJob({ id: 'every-fire', every: '500ms', misfire: 'all', overlap: 'queue-all' })(...method('everyFire'));
ScheduledJob({ id: 'slow', every: '1s' })(...method('slow'));
ScheduledJob({ id: 'careful', every: '2s', onNodeLoss: 'abandon' })(...method('careful'));
const retry = { maxAttempts: 3, backoff: { kind: 'fixed', delayMs: 200, jitter: false } };
ScheduledJob({ id: 'shaky', every: '2s', retry })(...method('shaky'));
JobHandler('remind')(...method('remind'));
JobHandler('poison')(...method('poison'));

const runOf = ({ jobId, executionId, scheduledAt, attempt }) => ({ jobId, executionId, scheduledAt, attempt });
const aroundJob = async (context, run) => {
  const told = runOf(context);
  tell({ run: 'started', ...told, at: new TrueDate() });
  try {
    return await run();
  } finally {
    tell({ run: 'ended', ...told, at: new TrueDate() });
  }
};

const shop = SHOP_URL === '' ? undefined : new DataSource({ type: 'postgres', url: SHOP_URL, extra: { max: 2 } });
await shop?.initialize();
const place = LEND ? { dataSource: shop } : { connection: { url: DATABASE_URL } };
class AppModule {}
Module({
  imports: [SchedulerModule.forRoot({ ...place, aroundJob, ...JSON.parse(OPTIONS) })],
  providers: [Work],
})(AppModule);

async function boot() {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: new Logger(), abortOnError: false });
  const scheduler = app.get(SchedulerService);
  scheduler.on('scheduler.state', ({ from, to, downMs }) => tell({ state: to, from, downMs }));
  scheduler.on('execution.rescued', (rescued) => tell({ rescued }));
  scheduler.on('execution.taken-over', ({ execution }) => tell({ takenOver: execution.id }));
  scheduler.on('job.quarantined', ({ job }) => tell({ quarantined: job.id, reason: job.reason }));
  return app;
}
const apps = await Promise.all(Array.from({ length: Number(SCHEDULERS) }, boot));
const scheduler = apps[0].get(SchedulerService);
tell({ booted: true, state: scheduler.state });

/** Customers sign up, and each gets a reminder in the same transaction: no one without the other. */
let isSigningUp = shop !== undefined;
async function signUp() {
  for (let customer = 0; isSigningUp; customer += 1) {
    const id = `${process.pid}-${customer}`;
    await shop
      .transaction(async (manager) => {
        await manager.query('INSERT INTO customer (id) VALUES ($1)', [id]);
        await scheduler.addJob({ id: `remind-${id}`, handler: 'remind', in: '500ms', data: { id } }, { manager });
        if (customer % 5 === 4) throw new Error('this one changes her mind');
      })
      .catch(() => {});
    await delay(250);
  }
}
/** The application keeps every connection of its own pool busy. */
async function load() {
  while (isSigningUp) await shop.query('SELECT pg_sleep(0.5)').catch(() => delay(100));
}
const works = LEND ? Array.from({ length: 20 }, load) : shop ? [signUp()] : [];

/** Somebody sets the machine's clock, as this process sees it. */
function stepClock(ms) {
  const SetDate = Date;
  globalThis.Date = class extends SetDate {
    constructor(...parts) {
      super(...(parts.length === 0 ? [SetDate.now() + ms] : parts));
    }
    static now() {
      return SetDate.now() + ms;
    }
  };
}
async function stop() {
  isSigningUp = false;
  await Promise.all(works);
  for (const app of apps) await app.close();
  await shop?.destroy();
  process.exit(0);
}
async function list() {
  const listed = [];
  for (let cursor; cursor !== null;) {
    const { items, nextCursor } = await scheduler.getJobs({ cursor });
    listed.push(...items.map(({ id }) => id));
    cursor = nextCursor;
  }
  tell({ listed, state: scheduler.state });
}
async function add(json) {
  const { id } = await scheduler.addJob(JSON.parse(json));
  tell({ added: id });
}
const commands = { stop, list, add, step: (ms) => stepClock(Number(ms)) };
createInterface({ input: process.stdin }).on('line', (line) => {
  const [, command, rest] = /^(\w+) ?(.*)$/.exec(line);
  void commands[command](rest);
});
// whoever started it is gone
process.stdin.on('end', () => process.exit(1));
