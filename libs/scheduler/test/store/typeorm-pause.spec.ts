import { describe, expect, it } from 'vitest';

import { JobStoreUnavailableError } from '../../src/store/errors.js';
import type { PassSnapshot } from '../../src/store/job-store.js';
import { SeededRandom } from '../chaos/random.js';
import { aJob, aPass, decideAll, PAST, plus } from './builders.js';
import { added, registered, seen } from './contract/fixture.js';
import { aStoreForEachTest, cleanup, schema, sql, store } from './typeorm-store.support.js';

const NOTE = { reason: null, by: 'anna' };

aStoreForEachTest();

/** The application's own transaction, on its own connection. */
async function application() {
  const client = await cleanup.client();
  await client.query('BEGIN');
  const manager = { query: async (text: string, values?: unknown[]) => (await client.query(text, values)).rows };
  return { manager, end: (how: 'COMMIT' | 'ROLLBACK') => client.query(how) };
}

/** Until that call waits for the lock that passes share, or is over. */
async function untilItWaits(call: Promise<unknown>): Promise<void> {
  let isOver = false;
  void call.catch(() => {}).finally(() => (isOver = true));
  const waiting = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database =
    (SELECT oid FROM pg_database WHERE datname = current_database())`;
  while (!isOver && (await sql(waiting)).length === 0);
}

/** Fires each job that is due, which is then due again. */
const fireAll = (snapshot: PassSnapshot) => {
  const { advances, ...decisions } = decideAll(snapshot);
  const again = advances.map((advance) => ({ ...advance, nextRunAt: plus(advance.lastInstant!, 1), wakeAt: PAST }));
  return { ...decisions, advances: again };
};

const runningNow = async (): Promise<number> =>
  (await sql(`SELECT 1 FROM "${schema}".job_execution WHERE status = 'running'`)).length;

describe('a pause of the cluster', () => {
  it('says by whom it is, why and since when, as the row does', async () => {
    const pause = `UPDATE "${schema}".scheduler SET paused = true, paused_reason = 'move', paused_by = 'ann', paused_at = $1`;
    await sql(pause, [PAST]);
    expect(await store.clusterPause()).toEqual({ reason: 'move', by: 'ann', at: PAST });
    await sql(`UPDATE "${schema}".scheduler SET paused_reason = NULL, paused_by = NULL, paused_at = NULL`);
    expect(await store.clusterPause()).toEqual({ reason: null, by: null, at: null });
  });

  it('comes after a pass that is under way, and nothing is claimed once it is there', async () => {
    const node = await registered(store);
    await added(store, aJob({ maxInstances: 9 }));
    const other = await cleanup.openStore(schema);
    // what keeps the pass from writing: it claims for that node
    const { manager, end } = await application();
    await manager.query(`SELECT 1 FROM "${schema}".node FOR UPDATE`);
    const order: string[] = [];
    let decided = (): void => {};
    const isDecided = new Promise<void>((resolve) => (decided = resolve));
    const passing = store.pass(aPass(node), (snapshot) => {
      decided();
      return fireAll(snapshot);
    });
    void passing.then(() => order.push('pass over'));
    await isDecided;
    const pausing = other.pauseCluster(NOTE).then(() => order.push('paused'));
    await untilItWaits(pausing);
    await end('ROLLBACK');
    await Promise.all([passing, pausing]);
    expect(order).toEqual(['pass over', 'paused']);
    expect(await runningNow()).toBe(1);
    expect((await store.pass(aPass(node), fireAll)).recorded).toEqual([]);
  });

  it('in a transaction that is open keeps passes from claiming, and is gone with its rollback', async () => {
    const node = await registered(store);
    await added(store, aJob());
    const { manager, end } = await application();
    await store.pauseCluster(NOTE, { manager });
    expect(await store.clusterPause()).toBeNull();
    expect(await seen(store, node)).toMatchObject({ jobs: [] });
    await end('ROLLBACK');
    expect(await store.clusterPause()).toBeNull();
    expect((await seen(store, node)).jobs).toHaveLength(1);
  });

  it.each(['COMMIT', 'ROLLBACK'] as const)('and its end are what becomes of the transaction: %s', async (how) => {
    const first = await application();
    await store.pauseCluster(NOTE, first);
    await first.end(how);
    const isPaused = how === 'COMMIT';
    expect((await store.clusterPause()) !== null).toBe(isPaused);
    await store.pauseCluster(NOTE);
    const second = await application();
    await store.resumeCluster({ catchUp: false }, second);
    await second.end(how);
    expect((await store.clusterPause()) === null).toBe(isPaused);
    expect(((await store.peek([], [])).missedUntil ?? null) !== null).toBe(isPaused);
  });

  it('waits for a pass that hangs no longer than a call may, and says that nothing was written', async () => {
    const node = await registered(store);
    await added(store, aJob());
    const { manager, end } = await application();
    // a pass of a process that has fallen silent
    const [{ key } = { key: '0' }] = (await manager.query(
      `SELECT (('x' || encode(substr(sha256($1::bytea), 1, 8), 'hex'))::bit(64)::bigint)::text AS key`,
      [Buffer.from(`vigil pause ${schema}`)],
    )) as { key: string }[];
    await manager.query('SELECT pg_advisory_xact_lock_shared($1)', [key]);
    const pausing = store.pauseCluster(NOTE);
    await untilItWaits(pausing);
    // whoever comes later does not share it any more
    expect(await seen(store, node)).toMatchObject({ jobs: [] });
    const error: unknown = await pausing.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(JobStoreUnavailableError);
    expect(error).toMatchObject({ outcome: 'not-written' });
    expect(await store.clusterPause()).toBeNull();
    await end('ROLLBACK');
    await store.pauseCluster(NOTE);
  });

  it('is exact whatever passes are under way: what runs when it is there is all that runs', async () => {
    const random = new SeededRandom(Number(process.env['VIGIL_SEED'] ?? 1));
    const node = await registered(store);
    await added(store, ...Array.from({ length: 20 }, (_, index) => aJob({ id: `job-${index}`, maxInstances: 999 })));
    const stores = [store, await cleanup.openStore(schema), await cleanup.openStore(schema)];
    const other = await cleanup.openStore(schema);
    const { manager, end } = await application();
    await end('COMMIT');
    const aWhile = async (): Promise<void> => {
      for (let turns = random.int(0, 8); turns > 0; turns -= 1) await manager.query('SELECT 1');
    };
    for (let round = 0; round < 8; round += 1) {
      await manager.query('BEGIN');
      await aWhile();
      const passes = stores.map((each) => each.pass(aPass(node, { limit: random.int(1, 5) }), fireAll));
      await aWhile();
      // what claims for that node waits from here on
      await manager.query(`SELECT 1 FROM "${schema}".node FOR UPDATE`);
      await aWhile();
      const pausing = random.pick([store, stores[1]!]).pauseCluster(NOTE);
      await untilItWaits(pausing);
      // it is there already, or comes when all of them are over
      const before = (await other.clusterPause()) === null ? null : await runningNow();
      await end('ROLLBACK');
      await pausing;
      const atThePause = before ?? (await runningNow());
      await Promise.all([...passes, ...stores.map((each) => each.pass(aPass(node), fireAll))]);
      expect(await runningNow(), `VIGIL_SEED=${random.seed}`).toBe(atThePause);
      await store.resumeCluster({ catchUp: true });
    }
  });
});
