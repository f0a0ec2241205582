import { Injectable, Module, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  getSchedulerToken,
  JobContext,
  ScheduledJob,
  SchedulerModule,
  SchedulerService,
  type SchedulerModuleOptions,
} from 'nestjs-vigil';
import { createDatabase, FlakyProxy, readLedger, recordEvents, startPostgres } from 'nestjs-vigil-testing';
import { describe, expect, inject, it } from 'vitest';

import { RecordingLogger, startApplication, tickerProviders } from './support/application.js';
import { createRunTable, query } from './support/ledger.js';
import { Replica } from './support/replicas.js';

const STUBBORN = { script: new URL('support/stubborn.mjs', import.meta.url) };
const SHUTDOWN_TIMEOUT_MS = 2_000;
/** Of real time, on a busy machine: a guard against hanging. The bound itself is asserted on a clock turned by hand. */
const HANGS_AFTER_MS = SHUTDOWN_TIMEOUT_MS + 1_000 + 4_000;

async function inTime(ending: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Not over after ${HANGS_AFTER_MS} ms.`)), HANGS_AFTER_MS);
  });
  await Promise.race([ending, late]).finally(() => clearTimeout(timer));
}

function environment(url: string, misbehaviour: string, more: object = {}): Record<string, string> {
  const options = { shutdownTimeoutMs: SHUTDOWN_TIMEOUT_MS, callTimeoutMs: 1_000, ...more };
  return { DATABASE_URL: url, MISBEHAVIOUR: misbehaviour, OPTIONS: JSON.stringify(options) };
}

const runOf = (line: Record<string, unknown>): boolean => line.ran !== undefined;
const isOdd = (line: Record<string, unknown>): boolean => line.odd === true;
const isRunning = (line: Record<string, unknown>): boolean => line.state === 'running';

async function connectionsOf(url: string): Promise<number> {
  const rows = await query<{ count: number }>(
    url,
    'SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  return rows[0]!.count;
}

describe('A process whose application is closed ends by itself, without process.exit:', () => {
  it('when it has nothing to do', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using replica = Replica.start(environment(database.url, 'none'), STUBBORN);
    await replica.waitFor(runOf, 'a run');
    await inTime(replica.stop());
    expect(replica.lines).toContainEqual({ closed: true });
    expect(replica.process.exitCode).toBe(0);
    expect(await query(database.url, 'SELECT 1 FROM scheduler.node')).toEqual([]);
    expect(await connectionsOf(database.url)).toBe(0);
  });

  it.each([
    ['obeys', 'obey', 0],
    ['ignores', 'ignore', 60_000],
  ])('when a handler %s its signal: the run is handed over, and no attempt is spent', async (_what, how, delayMs) => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using replica = Replica.start(environment(database.url, how), STUBBORN);
    const { started } = await replica.waitFor(isOdd, 'a handler that does not end');
    await inTime(replica.stop());
    expect(replica.process.exitCode).toBe(0);
    const [run] = await query<{ status: string; attempt: number; crashes: number; delay_ms: number }>(
      database.url,
      `SELECT *, extract(epoch FROM available_at - now()) * 1000 AS delay_ms FROM scheduler.job_execution WHERE id = $1`,
      [started],
    );
    expect(run).toMatchObject({ status: 'pending', attempt: 0, crashes: 0, owner: null });
    expect(Number(run?.delay_ms)).toBeGreaterThan(delayMs - HANGS_AFTER_MS);
    expect(Number(run?.delay_ms)).toBeLessThanOrEqual(delayMs);
  });

  it.each<[string, (proxy: FlakyProxy) => unknown]>([
    ['refuses connections', (proxy) => proxy.refuse()],
    ['does not answer', (proxy) => proxy.silence('all')],
  ])('while the database %s', async (_what, begin) => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using proxy = await FlakyProxy.start({ target: database.url });
    await using replica = Replica.start(environment(proxy.url, 'none'), STUBBORN);
    await replica.waitFor(runOf, 'a run');
    const from = replica.lines.length;
    await begin(proxy);
    await replica.waitFor(({ state }) => state === 'disconnected', 'an outage', from);
    await inTime(replica.stop());
    expect(replica.process.exitCode).toBe(0);
  });

  it('while the server is frozen, also when it thaws in the middle of the shutdown', async () => {
    await using server = await startPostgres({ settings: { fsync: 'off' } });
    for (const isThawed of [false, true]) {
      const settings = environment(server.url, 'ignore', { schema: isThawed ? 'thawed' : 'frozen' });
      await using replica = Replica.start(settings, STUBBORN);
      await replica.waitFor(isRunning, 'running');
      await replica.waitFor(({ started }) => started !== undefined, 'a handler');
      await server.freeze();
      await replica.waitFor(({ state }) => state === 'disconnected', 'an outage');
      const stopped = replica.stop();
      await replica.waitFor(({ state }) => state === 'draining', 'draining');
      if (isThawed) await server.thaw();
      await inTime(stopped);
      if (!isThawed) await server.thaw();
      expect(replica.process.exitCode).toBe(0);
      expect(await connectionsOf(server.url)).toBe(0);
    }
  });

  it('while it starts on a server that is frozen', async () => {
    await using server = await startPostgres({ settings: { fsync: 'off' } });
    await server.freeze();
    await using replica = Replica.start(environment(server.url, 'none'), STUBBORN);
    await replica.waitFor(({ booted }) => booted === true, 'booted');
    await inTime(replica.stop());
    expect(replica.process.exitCode).toBe(0);
    await server.thaw();
  });

  it('and by SIGTERM, with shutdown hooks', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using replica = Replica.start(environment(database.url, 'obey'), STUBBORN);
    const { started } = await replica.waitFor(isOdd, 'a handler that waits');
    replica.process.kill('SIGTERM');
    await inTime(replica.exited);
    expect(replica.process.signalCode).toBe('SIGTERM');
    const run = (await readLedger(database.url)).find(({ executionId }) => executionId === started);
    expect(run).toMatchObject({ status: 'pending', owner: null });
    expect(await query(database.url, 'SELECT 1 FROM scheduler.node')).toEqual([]);
  });
});

/** An application that is still being initialised: whoever made it may close it already. */
async function compile(imports: object[], logger = new RecordingLogger()): Promise<INestApplicationContext> {
  @Module({})
  class AppModule {}
  return await Test.createTestingModule({ imports: [...imports, AppModule] as never })
    .setLogger(logger)
    .compile();
}

describe('app.close()', () => {
  it('follows a boot that waits for a database that is away, which scheduler.shutdown() ends', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using proxy = await FlakyProxy.start({ target: database.url });
    for (const begin of [() => proxy.refuse(), () => proxy.silence('all')]) {
      begin();
      const options = { waitForDatabase: true, callTimeoutMs: 1_000, shutdownTimeoutMs: SHUTDOWN_TIMEOUT_MS };
      const app = await compile([SchedulerModule.forRoot({ connection: { url: proxy.url }, ...options })]);
      const scheduler = app.get(SchedulerService, { strict: false });
      using events = recordEvents(scheduler, ['scheduler.failure']);
      const booted = app.init();
      await events.waitFor('scheduler.failure');
      // Nest calls no hook of an application that is still being initialised
      const closed = app.close();
      await inTime(scheduler.shutdown());
      await inTime(Promise.all([booted, closed]));
      expect(scheduler.state).toBe('stopped');
      proxy.heal({ existing: true });
    }
  });

  it('lets two schedulers end beside each other, one of them without its database', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using proxy = await FlakyProxy.start({ target: database.url });
    const options = { callTimeoutMs: 1_000, shutdownTimeoutMs: SHUTDOWN_TIMEOUT_MS };
    const named = (name: string, url: string) =>
      SchedulerModule.forRootAsync({
        name,
        useFactory: (): SchedulerModuleOptions => ({ connection: { url }, schema: `scheduler_${name}`, ...options }),
      });
    const app = await compile([named('near', database.url), named('far', proxy.url)]);
    await app.init();
    const near = app.get<SchedulerService>(getSchedulerToken('near'), { strict: false });
    const far = app.get<SchedulerService>(getSchedulerToken('far'), { strict: false });
    using events = recordEvents(far, ['scheduler.state']);
    using nearEvents = recordEvents(near, ['scheduler.state']);
    proxy.silence('all');
    await events.waitFor('scheduler.state', ({ to }) => to === 'disconnected');
    await inTime(app.close());
    expect([near.state, far.state]).toEqual(['stopped', 'stopped']);
    expect(nearEvents.names).not.toContain('scheduler.failure');
    proxy.heal({ existing: true });
    expect(await query(database.url, 'SELECT 1 FROM scheduler_near.node')).toEqual([]);
  });

  it('of a scheduler that was never started leaves no connection', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using proxy = await FlakyProxy.start({ target: database.url });
    const options: SchedulerModuleOptions = { connection: { url: proxy.url }, autoStart: false };
    const { app } = await startApplication(options);
    await inTime(app.close());
    expect(proxy.connections).toBe(0);
  });
});

describe('After a shutdown', () => {
  it('start() works again, also when the database was away meanwhile', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await createRunTable(database.url);
    await using proxy = await FlakyProxy.start({ target: database.url });
    const options = { connection: { url: proxy.url }, callTimeoutMs: 1_000, shutdownTimeoutMs: SHUTDOWN_TIMEOUT_MS };
    await using application = await startApplication(options, tickerProviders(database.url));
    const { scheduler, events } = application;
    for (const begin of [() => {}, () => proxy.refuse(), () => proxy.silence('all')]) {
      const from = events.events.length;
      await events.waitFor('execution.succeeded', undefined, { from });
      begin();
      await inTime(scheduler.shutdown());
      expect(scheduler.state).toBe('stopped');
      proxy.heal({ existing: true });
      await scheduler.start();
    }
    await events.waitFor('execution.succeeded', undefined, { from: events.events.length });
  });

  it('a pass in flight leaves nothing claimed that is not run or given back', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    @Injectable()
    class Quick {
      @ScheduledJob('* * * * * *', { id: 'quick' })
      run(_context: JobContext): void {}
    }
    for (let turn = 0; turn < 3; turn += 1) {
      await using application = await startApplication({ connection: { url: database.url } }, [Quick]);
      const { scheduler, events } = application;
      await events.waitFor('execution.started');
      const stopped = scheduler.shutdown();
      await inTime(stopped);
      const rows = await readLedger(database.url);
      expect(rows.filter(({ status, owner }) => status === 'running' || owner !== null)).toEqual([]);
    }
  });
});
