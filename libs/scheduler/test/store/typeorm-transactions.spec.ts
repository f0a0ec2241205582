import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import { describe, expect, it } from 'vitest';

import { ManualClock } from '../../../testing/src/manual-clock.js';
import { createDatabase } from '../../../testing/src/postgres/create-database.js';
import { systemClock } from '../../src/clock/clock.js';
import { CallerTransactionError, JobConflictError, JobStoreUnavailableError } from '../../src/store/errors.js';
import { TypeOrmJobStore } from '../../src/store/typeorm-job.store.js';
import { aJob, aPass, advanceOf, decideAll, decisions, outcomeOf, recordFor } from './builders.js';
import { added, registered, running } from './contract/fixture.js';
import { aStoreForEachTest, cleanup, schema, serverUrl, sql, store } from './typeorm-store.support.js';

aStoreForEachTest();

async function application(url = serverUrl()): Promise<DataSource> {
  const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
  return cleanup.add(dataSource, (each) => each.destroy());
}

describe("a caller's manager", () => {
  it('writes with the transaction: seen after its commit, gone after its rollback', async () => {
    const dataSource = await application();
    await dataSource.transaction(async (manager) => {
      await store.addJobs(() => [aJob({ id: 'kept' })], 'error', { manager });
      await store.changeJob('kept', () => ({ set: { priority: 3 } }), { manager });
      expect(await store.getJob('kept')).toBeNull();
    });
    expect(await store.getJob('kept')).toMatchObject({ priority: 3, version: 2 });
    const rolledBack = dataSource.transaction(async (manager) => {
      await store.addJobs(() => [aJob({ id: 'dropped' })], 'error', { manager });
      const id = randomUUID();
      await store.addManualExecution('kept', { id, data: { value: 1 }, reason: null }, { manager });
      await store.cancelExecution(id, 'no', { manager });
      await store.removeJob('kept', { manager });
      throw new Error('change of mind');
    });
    await expect(rolledBack).rejects.toThrow('change of mind');
    expect(await store.getJob('dropped')).toBeNull();
    expect(await store.getJob('kept')).not.toBeNull();
    expect((await store.getExecutions({})).items).toEqual([]);
  });

  it('is refused outside a transaction', async () => {
    const { manager } = await application();
    const call = store.addJobs(() => [aJob()], 'error', { manager });
    await expect(call).rejects.toBeInstanceOf(CallerTransactionError);
    expect(await store.getJob('report')).toBeNull();
  });

  it('is refused on another database, and the transaction may go on', async () => {
    const elsewhere = await createDatabase(serverUrl());
    cleanup.add(elsewhere, (each) => each.drop());
    const dataSource = await application(elsewhere.url);
    await dataSource.transaction(async (manager) => {
      const call = store.addJobs(() => [aJob()], 'error', { manager });
      await expect(call).rejects.toBeInstanceOf(CallerTransactionError);
      expect(await manager.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    });
  });

  it('is refused on another database that has a scheduler of its own', async () => {
    const elsewhere = await createDatabase(serverUrl());
    cleanup.add(elsewhere, (each) => each.drop());
    const theirs = await cleanup.openStore(schema, { connection: { url: elsewhere.url } });
    const dataSource = await application(elsewhere.url);
    await dataSource.transaction(async (manager) => {
      const call = store.addJobs(() => [aJob()], 'error', { manager });
      await expect(call).rejects.toBeInstanceOf(CallerTransactionError);
    });
    expect(await theirs.getJob('report')).toBeNull();
  });

  it('survives a conflict: what the call did is undone, and what the caller did stays', async () => {
    await added(store, aJob());
    const dataSource = await application();
    await dataSource.transaction(async (manager) => {
      const call = store.addJobs(() => [aJob({ id: 'new' }), aJob()], 'error', { manager });
      await expect(call).rejects.toBeInstanceOf(JobConflictError);
      await store.addJobs(() => [aJob({ id: 'later' })], 'error', { manager });
    });
    expect(await store.getJob('new')).toBeNull();
    expect(await store.getJob('later')).not.toBeNull();
  });

  it('takes calls that nobody waits for in between one by one: what one of them undoes is its own', async () => {
    await added(store, aJob({ id: 'taken' }));
    const dataSource = await application();
    const add = (manager: EntityManager, id: string) => store.addJobs(() => [aJob({ id })], 'error', { manager });
    const ids = ['one', 'taken', 'two'];
    const ends = await dataSource.transaction((manager) => Promise.allSettled(ids.map((id) => add(manager, id))));
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const { items } = await store.getJobs({});
    expect(items.map(({ id }) => id)).toEqual(['one', 'taken', 'two']);
  });
});

/** It answers the first `answers` statements as the database would, and then as told. */
function brokenAfter(answers: number, then: () => Promise<unknown>) {
  const asked: string[] = [];
  const query = async (text: string): Promise<unknown> => {
    asked.push(text);
    if (asked.length > answers) return await then();
    return text.startsWith('SELECT uid') ? await sql(text) : [];
  };
  return { query, asked };
}

const failure = async (call: Promise<unknown>): Promise<unknown> =>
  await call.then(
    () => expect.unreachable('it succeeded'),
    (error: unknown) => error,
  );

describe("a caller's manager that is broken", () => {
  it.each([0, 1, 2])('and is silent after %d answers holds up no call, and hears no more', async (answers) => {
    const clock = new ManualClock();
    const other = await cleanup.openStore(schema, { clock, callTimeoutMs: 300 });
    let answer!: (rows: unknown[]) => void;
    let fallSilent!: () => void;
    const silent = new Promise<void>((resolve) => (fallSilent = resolve));
    const manager = brokenAfter(answers, () => {
      fallSilent();
      return new Promise((resolve) => (answer = resolve));
    });
    const failing = failure(other.addJobs(() => [aJob()], 'error', { manager }));
    await silent;
    await clock.advance(300);
    const error = await failing;
    expect(error).toBeInstanceOf(JobStoreUnavailableError);
    expect(error).toMatchObject({
      outcome: 'unknown',
      message: expect.stringContaining('did not answer within 300 ms'),
    });
    answer([]);
    await new Promise(setImmediate);
    expect(manager.asked).toHaveLength(answers + 1);
  });

  it.each([0, 1, 2])('by its connection after %d answers is an outage', async (answers) => {
    const manager = brokenAfter(answers, () => Promise.reject(new Error('Connection terminated unexpectedly')));
    const error = await failure(store.addJobs(() => [aJob()], 'error', { manager }));
    expect(error).toBeInstanceOf(JobStoreUnavailableError);
    expect(error).toMatchObject({
      outcome: 'not-written',
      message: expect.stringContaining('terminated unexpectedly'),
    });
  });

  it('by the server shows what the server said', async () => {
    const dataSource = await application();
    const working = dataSource.transaction(async (manager) => {
      await manager.query('SELECT 1/0').catch(() => {});
      await store.addJobs(() => [aJob()], 'error', { manager });
    });
    expect(await failure(working)).toMatchObject({ code: '25P02' });
  });
});

describe("the application's data source", () => {
  it('keeps a connection that came too late for a call', async () => {
    const dataSource = await new DataSource({
      type: 'postgres',
      url: serverUrl(),
      extra: { max: 1 },
    }).initialize();
    cleanup.add(dataSource, (each) => each.destroy());
    const clock = new ManualClock();
    const common = { schema, poolSize: 3, callTimeoutMs: 500, migrations: 'off', clock } as const;
    const shared = new TypeOrmJobStore({ ...common, sharedDataSource: dataSource });
    await shared.open('default');
    const pid = async () => ((await dataSource.query('SELECT pg_backend_pid() AS pid')) as { pid: number }[])[0]!.pid;
    const before = await pid();
    const busy = dataSource.createQueryRunner();
    await busy.connect();
    const failing = failure(shared.getJobs({}));
    await clock.advance(500);
    expect(await failing).toBeInstanceOf(JobStoreUnavailableError);
    await busy.release();
    expect(await pid()).toBe(before);
    expect(await shared.getJobs({})).toMatchObject({ items: [] });
    await shared.close();
  });

  it('survives whatever the store does to its own connections', async () => {
    const dataSource = await application();
    const common = { schema, poolSize: 3, callTimeoutMs: 5_000, migrations: 'run', clock: systemClock } as const;
    const shared = new TypeOrmJobStore({ ...common, sharedDataSource: dataSource });
    await shared.open('default');
    const theirs = dataSource.query('SELECT pg_sleep(0.8), 1 AS one');
    await shared.reconnect();
    await sql(`LOCK TABLE "${schema}".job; SELECT 1`).catch(() => {});
    await shared.close();
    expect(dataSource.isInitialized).toBe(true);
    expect(await theirs).toMatchObject([{ one: 1 }]);
    await shared.open('default');
    expect(await shared.getJobs({})).toMatchObject({ items: [] });
    await shared.close();
    expect(await dataSource.query('SELECT 2 AS two')).toEqual([{ two: 2 }]);
  });

  it('that is not initialized is an outage', async () => {
    const dataSource = new DataSource({ type: 'postgres', url: serverUrl() });
    const common = { schema, poolSize: 3, callTimeoutMs: 5_000, migrations: 'run', clock: systemClock } as const;
    const shared = new TypeOrmJobStore({ ...common, sharedDataSource: dataSource });
    const opening = shared.open('default');
    await expect(opening).rejects.toBeInstanceOf(JobStoreUnavailableError);
    await expect(opening).rejects.toMatchObject({ outcome: 'not-written' });
    expect(dataSource.isInitialized).toBe(false);
    await dataSource.initialize();
    await shared.open('default');
    await dataSource.destroy();
  });
});

describe('what cannot be stored', () => {
  it('quarantines its job, and the others go on', async () => {
    const node = await registered(store);
    const [bad, good] = await added(store, aJob({ id: 'bad' }), aJob({ id: 'good' }));
    const { recorded, quarantined } = await store.pass(aPass(node), ({ jobs }) => {
      const all = decideAll({ now: new Date(), jobs });
      return { ...all, records: all.records.map((each) => (each.jobUid === bad!.uid ? poisoned(each) : each)) };
    });
    expect(quarantined).toEqual([{ uid: bad!.uid, reason: expect.stringContaining('cannot be stored') as string }]);
    expect(recorded.map(({ jobUid }) => jobUid)).toEqual([good!.uid]);
    expect(await store.getJob('bad')).toMatchObject({ state: 'quarantined', nextRunAt: bad!.nextRunAt, runCount: 0 });
    expect(await store.getJob('good')).toMatchObject({ state: 'active', runCount: 1 });
  });

  const poisoned = <T extends { reason: string | null }>(record: T): T => ({ ...record, reason: 'a\u0000b' });

  it('is never taken for the end of the job: an invalid next run quarantines', async () => {
    const node = await registered(store);
    await added(store, aJob());
    await store.pass(aPass(node), ({ jobs }) =>
      decisions({ advances: jobs.map(({ job }) => advanceOf(job, { nextRunAt: new Date(Number.NaN) })) }),
    );
    expect(await store.getJob('report')).toMatchObject({ state: 'quarantined' });
  });

  it('does not keep the other outcomes of its batch', async () => {
    const runs = [];
    for (const id of ['a', 'b', 'c']) runs.push(await running(store, { id }));
    const outcomes = runs.map(({ execution }, n) =>
      outcomeOf(execution, { result: n === 1 ? '"a\\u0000"' : '{"n":1}' }),
    );
    expect(await store.complete(outcomes)).toEqual(runs.map(() => ({ kind: 'written', status: 'succeeded' })));
    const [a, b] = await Promise.all(runs.map(async ({ execution }) => (await store.getExecution(execution.id))!));
    expect(a!.execution).toMatchObject({ status: 'succeeded', result: { n: 1 } });
    expect(b!.execution).toMatchObject({
      status: 'succeeded',
      result: { note: expect.stringContaining('not be stored') },
    });
  });
});

describe('a pass', () => {
  it('counts after it has the lock: what another committed while it waited is seen', async () => {
    const node = await registered(store);
    const [job] = await added(store, aJob());
    const other = await cleanup.openStore(schema);
    let isFirst = true;
    const seenActive: number[] = [];
    // The second pass begins while the first holds the lock, and has to skip the job or see what the first one claimed.
    let second: Promise<unknown> | undefined;
    await store.pass(aPass(node), ({ jobs }) => {
      if (isFirst)
        second = other.pass(aPass(node), (late) => {
          seenActive.push(...late.jobs.map(({ active }) => active));
          return decisions();
        });
      isFirst = false;
      return decisions({
        records: jobs.map((each) => recordFor(each.job)),
        advances: jobs.map((each) => advanceOf(each.job, { nextRunAt: job!.nextRunAt })),
      });
    });
    await second;
    expect(seenActive.every((active) => active === 1)).toBe(true);
  });

  it('rethrows what deciding throws, and gives the connection back', async () => {
    const node = await registered(store);
    await added(store, aJob());
    const error = new Error('no decision');
    for (let n = 0; n < 5; n += 1)
      await expect(
        store.pass(aPass(node), () => {
          throw error;
        }),
      ).rejects.toBe(error);
    expect((await store.pass(aPass(node), decideAll)).recorded).toHaveLength(1);
  });

  it('is indifferent to the type parsers, DateStyle and time zone of the application', async () => {
    const { execution, job } = await running(store, { data: { at: '2026-01-01' }, tags: ['a,b', '"c"'] });
    const jsonb = 3802;
    const timestamptz = 1184;
    const parsers = [jsonb, timestamptz].map((oid) => [oid, pg.types.getTypeParser(oid)] as const);
    try {
      for (const [oid] of parsers) pg.types.setTypeParser(oid, () => 'changed');
      const extra = { options: '-c DateStyle=SQL,DMY -c TimeZone=Australia/Lord_Howe' };
      const other = await cleanup.openStore(schema, { connection: { url: serverUrl(), extra } });
      expect(await other.getJob(job.id)).toEqual(job);
      const dataSource = await application();
      await dataSource.transaction(async (manager) => {
        expect(await other.changeJob(job.id, () => null, { manager })).toEqual(job);
      });
      expect((await other.getExecution(execution.id))!.execution).toEqual(execution);
    } finally {
      for (const [oid, parser] of parsers) pg.types.setTypeParser(oid, parser);
    }
  });

  it('reads on its own connections as if no parser had been changed', async () => {
    const { execution, job } = await running(store);
    const { BOOL, INT4, INT8, FLOAT8, TEXT, UUID } = pg.types.builtins;
    const parsers = [BOOL, INT4, INT8, FLOAT8, TEXT, UUID].map((oid) => [oid, pg.types.getTypeParser(oid)] as const);
    try {
      for (const [oid] of parsers) pg.types.setTypeParser(oid, () => 'changed');
      expect(await store.getJob(job.id)).toEqual(job);
      expect(await store.getExecution(execution.id)).toEqual({ execution, attempts: [] });
    } finally {
      for (const [oid, parser] of parsers) pg.types.setTypeParser(oid, parser);
    }
  });
});
