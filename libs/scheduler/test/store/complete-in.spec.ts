import { randomUUID } from 'node:crypto';

import { DataSource, type EntityManager } from 'typeorm';
import { beforeEach, describe, expect, it } from 'vitest';

import { createDatabase } from '../../../testing/src/postgres/create-database.js';
import { CallerTransactionError } from '../../src/store/errors.js';
import { aPass, decisions, outcomeOf } from './builders.js';
import { executionOf, running, statusOf } from './contract/fixture.js';
import { aStoreForEachTest, cleanup, schema, serverUrl, sql, store } from './typeorm-store.support.js';

let application: DataSource;

aStoreForEachTest();
beforeEach(async () => {
  application = await applicationOn(serverUrl());
});

async function applicationOn(url: string): Promise<DataSource> {
  return cleanup.add(await new DataSource({ type: 'postgres', url }).initialize(), (each) => each.destroy());
}

const NOPE = new Error('rolled back');
async function rolledBack(work: (manager: EntityManager) => Promise<unknown>): Promise<void> {
  const transaction = application.transaction(async (manager) => {
    await work(manager);
    throw NOPE;
  });
  await expect(transaction).rejects.toBe(NOPE);
}

describe("completing in a caller's transaction", () => {
  it('counts from its commit on, and not after a rollback', async () => {
    const { execution } = await running(store);
    const outcome = outcomeOf(execution, { result: '{"sent":3}', durationMs: 12 });
    await rolledBack(async (manager) => {
      expect(await store.completeIn([outcome], manager)).toEqual([{ kind: 'written', status: 'succeeded' }]);
    });
    expect(await executionOf(store, execution.id)).toEqual(execution);
    await application.transaction(async (manager) => {
      await store.completeIn([outcome], manager);
      expect(await statusOf(store, execution.id)).toBe('running');
    });
    const row = await executionOf(store, execution.id);
    expect(row).toMatchObject({ status: 'succeeded', owner: null, result: { sent: 3 }, durationMs: 12 });
    expect(await store.complete([outcome])).toEqual([{ kind: 'written', status: 'succeeded' }]);
  });

  it('is fenced by the epoch and by the status, and leaves the transaction usable', async () => {
    const { execution } = await running(store);
    await application.transaction(async (manager) => {
      const late = outcomeOf(execution, { leaseEpoch: 2 });
      expect(await store.completeIn([late], manager)).toEqual([{ kind: 'fenced' }]);
      expect(await manager.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    });
    await store.complete([outcomeOf(execution, { status: 'cancelled' })]);
    await application.transaction(async (manager) => {
      expect(await store.completeIn([outcomeOf(execution)], manager)).toEqual([{ kind: 'fenced' }]);
    });
    expect(await statusOf(store, execution.id)).toBe('cancelled');
  });

  it('holds off everybody else who would end the run, until it is clear whether it was committed', async () => {
    const { execution } = await running(store);
    const retry = outcomeOf(execution, { status: 'pending', error: { name: 'Error', message: 'lost' } });
    await application.transaction(async (manager) => {
      await store.completeIn([outcomeOf(execution)], manager);
      expect(await store.complete([retry])).toEqual([{ kind: 'busy' }]);
    });
    expect(await store.complete([retry])).toEqual([{ kind: 'written', status: 'succeeded' }]);
  });

  it('waits for whoever has the row, within the lock timeout of the transaction', async () => {
    const { execution } = await running(store);
    const other = application.createQueryRunner();
    await other.startTransaction();
    await other.query(`SELECT 1 FROM "${schema}".job_execution WHERE id = $1 FOR UPDATE`, [execution.id]);
    const completing = application.transaction(async (manager) => {
      const verdicts = store.completeIn([outcomeOf(execution)], manager);
      await isWaitingForALock();
      await other.commitTransaction();
      expect(await verdicts).toEqual([{ kind: 'written', status: 'succeeded' }]);
    });
    await completing;
    await other.release();
    expect(await statusOf(store, execution.id)).toBe('succeeded');
  });

  async function isWaitingForALock(): Promise<void> {
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%"${schema}"%'`;
    while ((await sql(waiting)).length === 0);
  }

  it('replaces a result that cannot be stored by a note, as ever', async () => {
    const { execution } = await running(store);
    await application.transaction(async (manager) => {
      const bad = outcomeOf(execution, { result: '"a\\u0000"' });
      expect(await store.completeIn([bad], manager)).toEqual([{ kind: 'written', status: 'succeeded' }]);
    });
    expect((await executionOf(store, execution.id)).result).toMatchObject({
      note: expect.stringContaining('not be stored') as string,
    });
  });

  it.each([
    ['outside a transaction', async (): Promise<unknown> => await store.completeIn([], application.manager)],
    [
      'on another database',
      async () => await (await elsewhere()).transaction((manager) => store.completeIn([], manager)),
    ],
  ])('is refused %s, also when there is nothing to complete', async (_, call) => {
    await expect(call()).rejects.toBeInstanceOf(CallerTransactionError);
  });

  async function elsewhere(): Promise<DataSource> {
    const database = cleanup.add(await createDatabase(serverUrl()), (each) => each.drop());
    return await applicationOn(database.url);
  }
});

describe('The failures of a job', () => {
  const failuresOf = async (id: string) => (await store.getJob(id))?.consecutiveFailures;

  it('are counted from zero with a success that is committed', async () => {
    const { execution, job } = await running(store, { consecutiveFailures: 3 });
    await rolledBack((manager) => store.completeIn([outcomeOf(execution)], manager));
    expect(await failuresOf(job.id)).toBe(3);
    await application.transaction((manager) => store.completeIn([outcomeOf(execution)], manager));
    expect(await failuresOf(job.id)).toBe(0);
  });

  it.each([
    ['committed', 0],
    ['rolled back', 3],
  ])(
    'that could not be reset, because somebody had the job, are reset later if the success was %s',
    async (how, left) => {
      const { execution, job, node } = await running(store, { id: 'locked', consecutiveFailures: 3 });
      const other = application.createQueryRunner();
      await other.startTransaction();
      await other.query(`SELECT 1 FROM "${schema}".job WHERE id = $1 FOR UPDATE`, [job.id]);
      const completing = (manager: EntityManager) => store.completeIn([outcomeOf(execution)], manager);
      if (how === 'committed') await application.transaction(completing);
      else await rolledBack(completing);
      await other.commitTransaction();
      await other.release();
      expect(await failuresOf(job.id)).toBe(3);
      // the next pass that looks at the job counts what was committed
      await store.addManualExecution(job.id, { id: randomUUID(), data: null, reason: null });
      await store.pass(aPass(node), () => decisions());
      expect(await failuresOf(job.id)).toBe(left);
    },
  );
});
