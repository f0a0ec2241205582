import { Injectable } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  CallerTransactionError,
  InvalidJobError,
  JobHandler,
  JobStoreConfigurationError,
  JobStoreUnavailableError,
  MemoryJobStore,
  ScheduledJob,
  SchedulerModule,
  SchedulerNotStartedError,
  SchedulerService,
  type SchedulerModuleOptions,
} from 'nestjs-vigil';
import { createDatabase, FlakyProxy, ManualClock, recordEvents } from 'nestjs-vigil-testing';
import { DataSource } from 'typeorm';
import { beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';

import { at, MINUTE, NOW } from './reminders.js';
import { boot, initialise } from './support.js';

@Injectable()
class Jobs {
  @JobHandler('noop')
  noop(): void {}
  @ScheduledJob('0 0 0 1 1 *', { id: 'yearly' })
  yearly(): void {}
}
const NOTE = { reason: 'the tables are moved', by: 'anna' };
const providers = [Jobs];

describe('pause() and resume()', () => {
  it('stop and continue every scheduler on the store, and say who and why', async () => {
    const scheduler = { store: new MemoryJobStore() };
    const [here, there] = [await boot({ scheduler, providers }), await boot({ scheduler, providers })];
    using events = recordEvents(there.scheduler, ['scheduler.state', 'execution.started']);
    await here.scheduler.pause(NOTE);
    const reason = 'the cluster is paused by anna: the tables are moved';
    expect(here.scheduler.health()).toMatchObject({ state: 'paused', alive: true, ready: true, reason });
    expect(await events.waitFor('scheduler.state')).toMatchObject({ from: 'running', to: 'paused', reason });
    const late = await boot({ scheduler, providers });
    const { id } = await here.scheduler.runJob('yearly');
    expect(late.scheduler.state).toBe('paused');

    await here.scheduler.pause({ by: 'bob' });
    expect(here.scheduler.health().reason).toBe(reason);
    await here.scheduler.resume({ by: 'bob', reason: 'done' });
    expect(here.scheduler.health()).toMatchObject({ state: 'running', reason: null });
    await events.waitFor('scheduler.state', ({ to }) => to === 'running');
    await expect.poll(async () => (await here.scheduler.getExecution(id))?.status, { interval: 5 }).toBe('succeeded');
  });

  it('go on from now, unless catchUp says that it was lateness', async () => {
    const clock = new ManualClock(NOW);
    const { scheduler } = await boot({ scheduler: { store: new MemoryJobStore({ clock }) }, providers, clock });
    await scheduler.addJob({ id: 'x', handler: 'noop', every: '10m' });
    const of = async (status: 'missed' | 'succeeded') =>
      (await scheduler.getExecutions({ jobId: 'x', status })).items.map(({ scheduledAt }) => scheduledAt);
    await scheduler.pause();
    await clock.advance(35 * MINUTE);
    await scheduler.resume();
    await clock.advance(0);
    expect([await of('missed'), await of('succeeded')]).toEqual([[at(30), at(20), at(10)], []]);
    await scheduler.pause();
    await clock.advance(20 * MINUTE);
    await scheduler.resume({ catchUp: true });
    await clock.advance(0);
    expect([await of('missed'), await of('succeeded')]).toEqual([[at(40), at(30), at(20), at(10)], [at(50)]]);
  });

  it('do nothing the second time', async () => {
    const { scheduler } = await boot({ providers });
    await scheduler.resume();
    using events = recordEvents(scheduler, ['scheduler.state']);
    await scheduler.pause(NOTE);
    await scheduler.pause();
    await scheduler.resume();
    await scheduler.resume({ catchUp: true });
    expect(events.events.map(({ payload }) => payload.to)).toEqual(['paused', 'running']);
  });

  it('of a node are its own, and take no part in the cluster', async () => {
    const scheduler = { store: new MemoryJobStore() };
    const [here, there] = [await boot({ scheduler, providers }), await boot({ scheduler, providers })];
    await here.scheduler.pause({ scope: 'node', by: 'anna' });
    expect(here.scheduler.health()).toMatchObject({
      state: 'paused',
      ready: true,
      reason: 'this node is paused by anna',
    });
    expect(there.scheduler.state).toBe('running');
    using events = recordEvents(there.scheduler, ['execution.succeeded']);
    await here.scheduler.runJob('yearly');
    await events.waitFor('execution.succeeded');
    await here.scheduler.resume();
    expect(here.scheduler.state).toBe('paused');
    await here.scheduler.resume({ scope: 'node' });
    expect(here.scheduler.state).toBe('running');
  });

  it.each<[string, (scheduler: SchedulerService) => Promise<unknown>, RegExp]>([
    [
      'a scope there is not',
      (s) => s.pause({ scope: 'world' as never }),
      /pause: scope is "world"\. Write one of cluster, node/,
    ],
    ['a scope there is not', (s) => s.resume({ scope: 1 as never }), /resume: scope is 1/],
    [
      'an option there is not',
      (s) => s.pause({ catchUp: true } as never),
      /pause: "catchUp" is not an option here\. Known: .*scope/,
    ],
    ['catchUp that is no boolean', (s) => s.resume({ catchUp: 'yes' as never }), /catchUp is "yes"/],
    ['a reason that is no text', (s) => s.pause({ reason: 5 as never }), /reason is 5\. Write a text/],
    ['options that are none', (s) => s.pause(null as never), /expected an object with options, not null/],
    ['a manager that is none', (s) => s.pause({ manager: {} as never }), /Give the EntityManager of a transaction/],
    [
      'a node in a transaction',
      (s) => s.pause({ scope: 'node', manager: { query: () => {} } as never }),
      /manager is about the cluster\. Leave manager out/,
    ],
    ['a node that catches up', (s) => s.resume({ scope: 'node', catchUp: false }), /catchUp is about the cluster/],
  ])('refuse %s', async (_, call, message) => {
    const { scheduler } = await boot({ providers });
    const error: unknown = await call(scheduler).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidJobError);
    expect((error as Error).message).toMatch(message);
    expect(scheduler.state).toBe('running');
  });

  it('are refused before the start and after the shutdown, and a node that starts again is not paused', async () => {
    const connection = { url: 'postgres://nobody@127.0.0.1:1/none' };
    const { scheduler: idle } = await boot({ scheduler: { connection, autoStart: false }, providers });
    for (const scope of ['cluster', 'node'] as const) {
      await expect(idle.pause({ scope })).rejects.toBeInstanceOf(SchedulerNotStartedError);
      await expect(idle.resume({ scope })).rejects.toThrow(/Call start\(\) first/);
    }
    const { scheduler } = await boot({ scheduler: { store: new MemoryJobStore(), autoStart: false }, providers });
    await scheduler.start();
    await scheduler.pause({ scope: 'node' });
    await scheduler.shutdown();
    await expect(scheduler.pause({ scope: 'node' })).rejects.toThrow(/was shut down\. Call start\(\) first/);
    using events = recordEvents(scheduler, ['scheduler.state']);
    await scheduler.start();
    expect(await events.waitFor('scheduler.state', ({ to }) => to !== 'starting')).toMatchObject({ to: 'running' });
  });

  it('join no transaction of a store that has none', async () => {
    const { scheduler } = await boot({ providers });
    const manager = { query: () => Promise.resolve([]) } as never;
    await expect(scheduler.pause({ manager })).rejects.toBeInstanceOf(JobStoreConfigurationError);
    await expect(scheduler.resume({ manager })).rejects.toBeInstanceOf(JobStoreConfigurationError);
  });
});

describe('On PostgreSQL pause() and resume()', () => {
  let url: string;
  beforeAll(async () => {
    const database = await createDatabase(inject('postgresUrl'));
    url = database.url;
    return database.drop;
  });

  async function booted(
    schema: string,
    options: Partial<SchedulerModuleOptions> = {},
    imports = [own(schema, options)],
  ) {
    const app = await initialise({ scheduler: null, imports, providers });
    const scheduler = app.get(SchedulerService, { strict: false });
    return { app, scheduler };
  }
  const own = (schema: string, options: Partial<SchedulerModuleOptions>) =>
    SchedulerModule.forRoot({
      connection: { url },
      schema,
      waitForDatabase: true,
      ...options,
    } as SchedulerModuleOptions);

  it('are what becomes of the transaction they are in, and both replicas hear of it at once', async () => {
    const application = TypeOrmModule.forRoot({ type: 'postgres', url, retryAttempts: 0 });
    const here = await booted('in_transaction', {}, [application, own('in_transaction', {})] as never);
    const there = await booted('in_transaction');
    using events = recordEvents(there.scheduler, ['scheduler.state']);
    const dataSource = here.app.get(DataSource, { strict: false });
    const undone = dataSource.transaction(async (manager) => {
      await here.scheduler.pause({ ...NOTE, manager });
      throw new Error('change of mind');
    });
    await expect(undone).rejects.toThrow('change of mind');
    expect(here.scheduler.state).toBe('running');
    await dataSource.transaction(async (manager) => {
      await here.scheduler.pause({ ...NOTE, manager });
      expect(here.scheduler.state).toBe('running');
    });
    await events.waitFor('scheduler.state', ({ to }) => to === 'paused');
    await expect.poll(() => here.scheduler.health().reason).toContain('anna');
    await dataSource.transaction(async (manager) => await here.scheduler.resume({ manager }));
    await events.waitFor('scheduler.state', ({ to }) => to === 'running');
    await expect(here.scheduler.pause({ manager: dataSource.manager })).rejects.toBeInstanceOf(CallerTransactionError);
    expect(events.events.map(({ payload }) => payload.to)).toEqual(['paused', 'running']);
  });

  it('reject with the database away, within the time of a call, and say what is known of the write', async () => {
    const proxy = await FlakyProxy.start({ target: url });
    onTestFinished(() => proxy.close());
    const connection = { url: proxy.url };
    const { scheduler } = await booted('away', { connection, callTimeoutMs: 1_000, notifications: false });
    const rejects = async (call: Promise<void>): Promise<string> => {
      const error: unknown = await call.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(JobStoreUnavailableError);
      return (error as JobStoreUnavailableError).outcome;
    };
    // whatever else is under way, the first COMMIT is that of the pause
    const cut = proxy.cutOnce({ match: /^COMMIT/, side: 'after' });
    expect(await rejects(scheduler.pause(NOTE))).toBe('unknown');
    await cut;
    await expect.poll(() => scheduler.state, { timeout: 10_000 }).toBe('paused');
    proxy.silence('all');
    expect(['not-written', 'unknown']).toContain(await rejects(scheduler.resume()));
    proxy.heal({ existing: true });
    const resumed = () =>
      scheduler.resume().then(
        () => scheduler.health().ready,
        () => false,
      );
    await expect.poll(resumed, { timeout: 20_000 }).toBe(true);
    expect(scheduler.state).toBe('running');
  });

  it('answer while a node of it runs no jobs: a database restored to the past is looked at before anything runs', async () => {
    const operator = await booted('restored', { runJobs: false });
    await operator.scheduler.addJob({ id: 'once', handler: 'noop' });
    await operator.scheduler.addJob({ id: 'each', handler: 'noop', every: '1s' });
    await operator.scheduler.pause({ reason: 'restored' });
    const rest = await booted('restored');
    using events = recordEvents(rest.scheduler, ['execution.started', 'execution.succeeded']);
    expect([operator.scheduler.state, rest.scheduler.state]).toEqual(['paused', 'paused']);
    await operator.scheduler.removeJob('once');
    await operator.scheduler.resume();
    const { execution } = await events.waitFor('execution.succeeded');
    expect(execution.jobId).toBe('each');
    const { items } = await operator.scheduler.getExecutions({ jobId: 'each', status: 'missed' });
    for (const { reason, scheduledAt } of items) {
      expect(reason).toBe('the cluster was paused');
      expect(scheduledAt < execution.scheduledAt).toBe(true);
    }
  });
});
