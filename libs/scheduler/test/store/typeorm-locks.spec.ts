import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describe, expect, it } from 'vitest';

import { JobNotFoundError } from '../../src/store/errors.js';
import type { JobExecutionEntity } from '../../src/store/job-execution.entity.js';
import { aJob, aPass, decideAll, decisions, FAR_FUTURE, outcomeOf, PAST, plus } from './builders.js';
import { added, executionOf, registered, running, statusOf } from './contract/fixture.js';
import { aStoreForEachTest, cleanup, schema, sql, store } from './typeorm-store.support.js';

aStoreForEachTest();

/** Somebody with psql who has begun a transaction. */
async function somebody(statement: string, parameters: unknown[] = []): Promise<pg.Client> {
  const client = await cleanup.client();
  await client.query('BEGIN');
  await client.query(statement, parameters);
  return client;
}

/** Until that call waits for a lock, or is over. */
async function untilItWaits(call: Promise<unknown>): Promise<void> {
  let isOver = false;
  void call.catch(() => {}).finally(() => (isOver = true));
  const waiting = `SELECT 1 FROM pg_locks w JOIN pg_locks h ON h.pid = w.pid JOIN pg_class c ON c.oid = h.relation
    WHERE NOT w.granted AND c.relnamespace = $1::text::regnamespace`;
  while (!isOver && (await sql(waiting, [schema])).length === 0);
}

describe('a row that somebody else has locked', () => {
  const lockExecution = (id: string) =>
    somebody(`SELECT 1 FROM "${schema}".job_execution WHERE id = $1 FOR UPDATE`, [id]);
  const two = async () => {
    const node = await registered(store);
    await added(store, aJob({ id: 'a' }), aJob({ id: 'b' }));
    const { recorded } = await store.pass(aPass(node), decideAll);
    return recorded as [(typeof recorded)[0], (typeof recorded)[0]];
  };

  it('holds up no other outcome: its own is to be told again', async () => {
    const [locked, free] = await two();
    const client = await lockExecution(locked.id);
    const outcomes = [outcomeOf(locked), outcomeOf(free)];
    const written = { kind: 'written', status: 'succeeded' };
    expect(await store.complete(outcomes)).toEqual([{ kind: 'busy' }, written]);
    await client.query('ROLLBACK');
    expect(await store.complete(outcomes)).toEqual([written, written]);
    expect(await statusOf(store, locked.id)).toBe('succeeded');
  });

  it('is fenced all the same once it was taken over', async () => {
    const [locked] = await two();
    await lockExecution(locked.id);
    expect(await store.complete([outcomeOf(locked, { leaseEpoch: 9 })])).toEqual([{ kind: 'fenced' }]);
  });

  it('holds up no progress of another', async () => {
    const [locked, free] = await two();
    await lockExecution(locked.id);
    const progress = { fraction: 0.5, message: null };
    const updates = [locked, free].map(({ id, leaseEpoch }) => ({ executionId: id, leaseEpoch, progress, logs: null }));
    expect(await store.saveProgress(updates)).toEqual([locked.id]);
    expect(await executionOf(store, free.id)).toMatchObject({ progress });
  });

  /** Somebody has the row of its job while it fails. */
  const failBesideLock = async (execution: JobExecutionEntity) => {
    const client = await somebody(`SELECT 1 FROM "${schema}".job WHERE uid = $1 FOR UPDATE`, [execution.jobUid]);
    const verdicts = await store.complete([outcomeOf(execution, { status: 'failed' })]);
    await client.query('ROLLBACK');
    expect(verdicts).toEqual([{ kind: 'written', status: 'failed' }]);
    expect(await store.getJob(execution.jobId)).toMatchObject({ consecutiveFailures: 0 });
  };

  it('of a job holds up no outcome, and the failure is counted with the next one, by whichever process', async () => {
    const node = await registered(store);
    await added(store, aJob({ maxInstances: 2 }));
    const { recorded } = await store.pass(aPass(node), decideAll);
    await failBesideLock(recorded[0]!);
    const { id } = await store.addManualExecution('report', { id: randomUUID(), data: null, reason: null });
    const { claimed } = await store.pass(aPass(node), () => decisions({ claims: [id] }));
    const another = await cleanup.openStore(schema);
    await another.complete([outcomeOf(claimed[0]!, { status: 'failed' })]);
    expect(await store.getJob('report')).toMatchObject({ consecutiveFailures: 2 });
  });

  it('of a job is counted by the next pass over it, which decides nothing about a job that is paused by that', async () => {
    const [first, other] = await two();
    await store.changeJob('a', () => ({ set: { pauseAfterFailures: 1, nextRunAt: PAST, wakeAt: PAST } }));
    await store.changeJob('b', () => ({ set: { nextRunAt: PAST, wakeAt: PAST } }));
    await failBesideLock([first, other].find(({ jobId }) => jobId === 'a')!);
    const node = await registered(store);
    const { recorded, paused } = await store.pass(aPass(node), decideAll);
    expect(recorded.map(({ jobId }) => jobId)).not.toContain('a');
    expect(paused).toMatchObject([{ id: 'a', state: 'paused', consecutiveFailures: 1 }]);
    expect(await store.getJob('a')).toEqual(paused[0]);
    expect((await store.pass(aPass(node), decideAll)).paused).toEqual([]);
  });

  it('of a job: what failed before it was resumed is not counted after it', async () => {
    const [first] = await two();
    await failBesideLock(first);
    await store.changeJob(first.jobId, (_, now) => ({ set: { stateAt: plus(now, 1) } }));
    await store.changeJob(first.jobId, () => ({ set: { nextRunAt: PAST, wakeAt: PAST } }));
    await store.pass(aPass(await registered(store)), () => decisions());
    expect(await store.getJob(first.jobId)).toMatchObject({ consecutiveFailures: 0 });
    const flagged = `SELECT 1 FROM "${schema}".job_execution WHERE uncounted`;
    expect(await sql(flagged)).toEqual([]);
  });
});

it('A boot of code that has not changed waits for nobody, and holds up nobody', async () => {
  const declared = [{ id: 'report', hash: 'h1', definition: {} }];
  const make = () => ({ row: aJob({ source: 'code', codeHash: 'h1', nextRunAt: FAR_FUTURE }) });
  const { jobs } = await store.syncJobs(declared, make);
  await somebody(`SELECT 1 FROM "${schema}".job FOR UPDATE`);
  expect(await store.syncJobs(declared, make)).toEqual({ jobs, recorded: [] });
});

it('progress that cannot be stored is dropped, and the others are saved', async () => {
  const { execution } = await running(store);
  const entry = { executionId: execution.id, leaseEpoch: execution.leaseEpoch };
  await store.saveProgress([
    { executionId: 'no uuid', leaseEpoch: 1, progress: { fraction: 0.1, message: null }, logs: null },
    { ...entry, progress: { fraction: 0.5, message: null }, logs: null },
  ]);
  expect(await executionOf(store, execution.id)).toMatchObject({ progress: { fraction: 0.5 } });
});

it('a backfill waits for no pass, and holds none up', async () => {
  const node = await registered(store);
  await added(store, aJob({ id: 'other', nextRunAt: FAR_FUTURE }), aJob());
  const plan = (): Date[] => [new Date(1), new Date(2)];
  const backfill = () => ({ batchId: randomUUID(), reason: null, plan });
  const locked = await somebody(`SELECT 1 FROM "${schema}".job FOR NO KEY UPDATE`);
  expect(await store.addBackfill('report', backfill())).toBe(2);
  await locked.query('ROLLBACK');

  const application = await somebody('SELECT 1');
  const manager = { query: async (text: string, values?: unknown[]) => (await application.query(text, values)).rows };
  expect(await store.addBackfill('report', backfill(), { manager })).toBe(2);
  expect((await store.pass(aPass(node), decideAll)).recorded).toMatchObject([{ jobId: 'report' }]);
  await application.query('ROLLBACK');
  expect((await store.getExecutions({ status: 'pending' })).items).toHaveLength(2);
});

describe('a manual run while its job is removed', () => {
  const byHand = () => ({ id: randomUUID(), data: null, reason: null });

  it('that was first is cancelled with the job', async () => {
    const [job] = await added(store, aJob({ nextRunAt: FAR_FUTURE }));
    const application = await somebody('SELECT 1');
    const manager = { query: async (text: string, values?: unknown[]) => (await application.query(text, values)).rows };
    const { id } = await store.addManualExecution(job!.id, byHand(), { manager });
    const removing = store.removeJob(job!.id);
    await untilItWaits(removing);
    await application.query('COMMIT');
    await removing;
    expect(await statusOf(store, id)).toBe('cancelled');
  });

  it('that comes second finds no job', async () => {
    const [job] = await added(store, aJob({ nextRunAt: FAR_FUTURE }));
    const application = await somebody('SELECT 1');
    const manager = { query: async (text: string, values?: unknown[]) => (await application.query(text, values)).rows };
    await store.removeJob(job!.id, { manager });
    const adding = expect(store.addManualExecution(job!.id, byHand())).rejects.toBeInstanceOf(JobNotFoundError);
    await untilItWaits(adding);
    await application.query('COMMIT');
    await adding;
  });

  it('waits for no pass', async () => {
    const node = await registered(store);
    await added(store, aJob());
    let adding: Promise<unknown> | undefined;
    const client = await somebody(`SELECT 1 FROM "${schema}".job FOR NO KEY UPDATE`);
    await store.addManualExecution('report', byHand());
    await client.query('ROLLBACK');
    await store.pass(aPass(node), () => {
      adding = store.addManualExecution('report', byHand());
      return decisions();
    });
    await adding;
  });
});
