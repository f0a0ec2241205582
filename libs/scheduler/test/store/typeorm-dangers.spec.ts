import { beforeEach, describe, expect, it } from 'vitest';

import { FlakyProxy } from '../../../testing/src/proxy/flaky-proxy.js';
import type { NodeRegistration } from '../../src/store/job-store.js';
import type { JobEntity } from '../../src/store/job.entity.js';
import type { TypeOrmJobStore } from '../../src/store/typeorm-job.store.js';
import {
  aJob,
  aNode,
  aPass,
  claimAll,
  decideAll,
  decisions,
  FAR_FUTURE,
  HOUR,
  outcomeOf,
  plus,
  recordFor,
} from './builders.js';
import { added, idsOf, registered, running, seen, statusOf, waiting } from './contract/fixture.js';
import { aStoreForEachTest, cleanup, schema, serverUrl, sql, store } from './typeorm-store.support.js';

const LOCKING = '%FOR NO KEY UPDATE SKIP LOCKED%';

aStoreForEachTest();

/** A `now()` that does something first in each statement that is like that. */
async function interveningNow(like: string, doing: string): Promise<{ extra: { options: string } }> {
  await sql(`CREATE FUNCTION "${schema}".now() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$ BEGIN
    IF current_query() LIKE '${like}' THEN ${doing}; END IF; RETURN pg_catalog.now(); END $$`);
  return { extra: { options: `-c search_path=${schema},pg_catalog` } };
}

/** Until somebody waits for an advisory lock of that key, for so many milliseconds. */
async function untilOneWaits(key: number, ms = 0): Promise<void> {
  const waits = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND classid::bigint << 32 | objid::bigint = $1 AND clock_timestamp() - waitstart >= $2 * interval '1 ms'`;
  while ((await sql(waits, [key, ms])).length === 0);
}

describe('a pass', () => {
  it('counts what another node has started since this one began to look for due jobs', async () => {
    const key = 7_001;
    const node = await registered(store);
    await added(store, aJob());
    const { extra } = await interveningNow(LOCKING, `PERFORM pg_advisory_xact_lock_shared(${key})`);
    const late = await cleanup.openStore(schema, { connection: { url: serverUrl(), extra } });
    const gate = await cleanup.client();
    await gate.query('SELECT pg_advisory_lock($1)', [key]);
    const looking = seen(late, node);
    await untilOneWaits(key);
    // the job is due again at once, so that the other pass finds it due as well
    await store.pass(aPass(node), (snapshot) => {
      const { records, advances } = decideAll(snapshot);
      return decisions({ records, advances: advances.map((each) => ({ ...each, wakeAt: new Date(0) })) });
    });
    await gate.query('SELECT pg_advisory_unlock($1)', [key]);
    expect((await looking).jobs).toMatchObject([{ isDue: true, active: 1 }]);
  });

  it('leaves a job alone that somebody has locked, due or with something that waits, and takes the others', async () => {
    const node = await registered(store);
    const isDue = ['due-1', 'due-2'];
    const hasWaiting = ['waits-1', 'waits-2'];
    await added(store, ...isDue.map((id) => aJob({ id })));
    for (const job of await added(store, ...hasWaiting.map((id) => aJob({ id, nextRunAt: FAR_FUTURE }))))
      await waiting(store, job);
    const other = await cleanup.client();
    await other.query('BEGIN');
    await other.query(`SELECT 1 FROM "${schema}".job WHERE id IN ('due-1', 'waits-1') FOR NO KEY UPDATE`);
    expect(idsOf(await seen(store, node))).toEqual(['due-2', 'waits-2']);
    await other.query('ROLLBACK');
    expect(idsOf(await seen(store, node)).sort()).toEqual([...isDue, ...hasWaiting]);
  });

  it('shows a row that a hand has spoilt beside the others: what to do about it is for the engine to say', async () => {
    const node = await registered(store);
    await added(store, aJob({ id: 'spoilt' }), aJob({ id: 'sound' }));
    await sql(`UPDATE "${schema}".job SET anchor = 'infinity', last_instant = '-infinity', retry = 'null',
      timeout_ms = 'NaN', "trigger" = '[{}]' WHERE id = 'spoilt'`);
    expect(idsOf(await seen(store, node)).sort()).toEqual(['sound', 'spoilt']);
  });

  it('asks what runs to stop without waiting for a row that is just ending, and nobody else in its place', async () => {
    const node = await registered(store);
    const [job] = await added(store, aJob({ maxInstances: 2 }));
    const begin = async (instant: number) => {
      const record = recordFor(job!, { scheduledAt: new Date(instant) });
      return (await store.pass(aPass(node), () => decisions({ records: [record] }))).recorded[0]!;
    };
    const [oldest, other] = [await begin(1), await begin(2)];
    const ending = await cleanup.client();
    await ending.query('BEGIN');
    await ending.query(`SELECT 1 FROM "${schema}".job_execution WHERE id = $1 FOR UPDATE`, [oldest.id]);
    const cancels = [{ uid: job!.uid, active: 1, reason: 'a newer one' }];
    await store.pass(aPass(node), () => decisions({ cancels }));
    await ending.query('ROLLBACK');
    for (const { id } of [oldest, other])
      expect((await store.getExecution(id))!.execution.cancelRequestedAt).toBeNull();
  });
});

describe('what a process that fell silent leaves on the server', () => {
  it('waits for no lock longer than the call', async () => {
    const { job, node } = await running(store);
    const owner = await cleanup.client();
    await owner.query('BEGIN');
    await owner.query(`SELECT 1 FROM "${schema}".job FOR UPDATE`);
    const other = await cleanup.openStore(schema, { callTimeoutMs: 2_000 });
    await expect(other.resolve(node.incarnation, [job.uid])).rejects.toThrow('lock timeout');
  });

  it('runs no statement longer than the call', { timeout: 10_000 }, async () => {
    const node = await registered(store);
    await added(store, aJob());
    const { extra } = await interveningNow(LOCKING, 'PERFORM pg_sleep(60)');
    const proxy = cleanup.add(await FlakyProxy.start({ target: serverUrl() }), (each) => each.close());
    const connection = { url: proxy.url, extra };
    const silent = await cleanup.openStore(schema, { connection, callTimeoutMs: 2_000, applicationName: schema });
    const isBusy = async () =>
      (await sql(`SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'PgSleep'`, [schema]))
        .length > 0;
    const end = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1';
    cleanup.add(schema, (name) => sql(end, [name]));
    const lost = silent.pass(aPass(node), decideAll).then(
      () => expect.unreachable('it was answered'),
      () => 'lost',
    );
    while (!(await isBusy()));
    proxy.silence('all');
    expect(await lost).toBe('lost');
    while (await isBusy());
  });
});

describe('an instant', () => {
  it('has no more than the milliseconds of a Date, whoever wrote it', async () => {
    const [job] = await added(store, aJob());
    await sql(`UPDATE "${schema}".job SET next_run_at = '2020-01-01 00:00:00.123456+00'`);
    const [row] = await sql(`SELECT 1 FROM "${schema}".job WHERE next_run_at = $1`, [
      (await store.getJob(job!.id))!.nextRunAt!.toISOString(),
    ]);
    expect(row).toBeDefined();
    const others = await sql(
      `SELECT table_name, column_name FROM information_schema.columns
       WHERE table_schema = $1 AND data_type LIKE 'timestamp%' AND datetime_precision <> 3`,
      [schema],
    );
    expect(others).toEqual([]);
  });
});

describe('a rescue', () => {
  it('leaves a row that is locked for the next time, and takes the others', async () => {
    const node = await registered(store, { leaseMs: -1 });
    await added(store, aJob({ id: 'a' }), aJob({ id: 'b' }));
    const { recorded } = await store.pass(aPass(node), decideAll);
    const [locked, free] = recorded;
    const frozen = await cleanup.client();
    await frozen.query('BEGIN');
    await frozen.query(`SELECT 1 FROM "${schema}".job_execution WHERE id = $1 FOR UPDATE`, [locked!.id]);
    expect(await store.rescue(node.incarnation, '1')).toMatchObject([{ executionId: free!.id }]);
    await frozen.query('ROLLBACK');
    expect(await store.rescue(node.incarnation, '1')).toMatchObject([{ executionId: locked!.id }]);
  });
});

describe('an outcome', () => {
  it('that changes no counter does not write the row of its job', async () => {
    const { execution } = await running(store);
    const version = async () => await sql(`SELECT xmin, xmax, ctid FROM "${schema}".job`);
    const before = await version();
    await store.complete([outcomeOf(execution)]);
    expect(await version()).toEqual(before);
  });
});

describe('pruning', () => {
  it('goes by the end of an execution, however old its instant', async () => {
    const { execution } = await running(store, { nextRunAt: new Date(0) });
    await store.complete([outcomeOf(execution)]);
    await store.prune({ succeededMs: HOUR, otherMs: HOUR });
    expect(await statusOf(store, execution.id)).toBe('succeeded');
  });
});

describe('the migrations', () => {
  it('take longer than a call may, and wait for those of another boot', async () => {
    const key = 7_361_225_801;
    const callTimeoutMs = 700;
    const other = await cleanup.client();
    await other.query('SELECT pg_advisory_lock($1)', [key]);
    const empty = cleanup.schema();
    const opening = cleanup.openStore(empty, { callTimeoutMs });
    opening.catch(() => {});
    const waited = untilOneWaits(key, callTimeoutMs * 1.5);
    await Promise.race([waited, opening]);
    await other.query('SELECT pg_advisory_unlock($1)', [key]);
    await opening;
  });
});

describe('others are woken', () => {
  let proxy: FlakyProxy;
  let told: TypeOrmJobStore;
  beforeEach(async () => {
    proxy = cleanup.add(await FlakyProxy.start({ target: serverUrl() }), (each) => each.close());
    told = await cleanup.openStore(schema, { connection: { url: proxy.url } });
  });
  /** How many notifications a call sends. */
  async function notifies(call: () => Promise<unknown>): Promise<number> {
    const before = proxy.statements.length;
    await call();
    return proxy.statements.slice(before).filter((statement) => statement.includes('pg_notify')).length;
  }
  const soon = (id: string): JobEntity => aJob({ id, nextRunAt: plus(new Date(), 1_000) });

  it('by a change of what is due soon, once for each transaction', async () => {
    expect(await notifies(() => added(told, soon('a'), soon('b')))).toBe(1);
    expect(await notifies(() => told.changeJob('a', () => ({ set: { priority: 1 } })))).toBe(1);
    const byHand = { id: aNode().incarnation, data: null, reason: null };
    expect(await notifies(() => told.addManualExecution('a', byHand))).toBe(1);
    const plan = (): Date[] => [new Date(1), new Date(2)];
    const backfill = { batchId: aNode().incarnation, reason: null, plan };
    expect(await notifies(() => told.addBackfill('a', backfill))).toBe(1);
    expect(await notifies(() => told.addBackfill('a', backfill))).toBe(0);
  });

  it('through the connection on which they listen, before it says anything else', async () => {
    const node = await registered(store);
    await added(store, aJob());
    let wakes = 0;
    const stop = new AbortController();
    const listening = told.listen(() => void (wakes += 1), stop.signal);
    while (wakes === 0) await told.peek([], []);
    await store.addManualExecution('report', { id: aNode().incarnation, data: null, reason: null });
    // beats go the same way
    await told.beat(node.incarnation, HOUR);
    stop.abort();
    await listening;
    expect(wakes).toBe(2);
  });

  it('by nothing that they look at in time by themselves', async () => {
    expect(await notifies(() => added(told, aJob({ nextRunAt: plus(new Date(), HOUR) })))).toBe(0);
    expect(await notifies(() => told.changeJob('report', () => ({ set: { priority: 1 } })))).toBe(0);
  });

  it('by a pass only when it asks another node to stop something', async () => {
    const { node, job } = await running(store);
    const asking = (by: NodeRegistration) =>
      told.pass(aPass(by), () => decisions({ cancels: [{ uid: job.uid, active: 1, reason: 'a newer one' }] }));
    expect(await notifies(() => asking(node))).toBe(0);
    await sql(`UPDATE "${schema}".job_execution SET cancel_requested_at = NULL`);
    const other = await registered(store);
    expect(await notifies(() => asking(other))).toBe(1);
    expect(await notifies(() => asking(other))).toBe(0);
  });

  it('neither by a pass nor by an outcome', async () => {
    const node = await registered(store);
    expect(await notifies(() => told.pass(aPass(node), decideAll))).toBe(0);
    const { execution } = await running(store);
    const retry = outcomeOf(execution, { status: 'pending' });
    expect(await notifies(() => told.complete([retry]))).toBe(0);
    expect(await notifies(() => told.pass(aPass(node), claimAll))).toBe(0);
    await added(store, aJob({ id: 'due' }));
    const toTheEnd = { nextRunAt: FAR_FUTURE, wakeAt: FAR_FUTURE };
    const fireAll: typeof decideAll = (snapshot) => {
      const { records, advances } = decideAll(snapshot);
      return decisions({ records, advances: advances.map((each) => ({ ...each, ...toTheEnd })) });
    };
    expect(await notifies(() => told.pass(aPass(node), fireAll))).toBe(0);
  });
});
