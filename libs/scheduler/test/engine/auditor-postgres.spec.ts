import { randomUUID } from 'node:crypto';
import { ManualClock, recordEvents } from 'nestjs-vigil-testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import type { SchedulerEvents } from '../../src/engine/engine-events.js';
import type { JobStore, NodeRegistration, PassSnapshot } from '../../src/store/job-store.js';
import {
  advanceOf,
  aJob,
  aNode as aRegistration,
  aPass,
  decisions,
  FAR_FUTURE,
  outcomeOf,
  PAST,
  plus,
  recordFor,
} from '../store/builders.js';
import { added, registered, running, statusOf } from '../store/contract/fixture.js';
import { Cleanup, sql } from '../store/typeorm-store.support.js';
import { aNode, type TestEngine } from './support.js';

const MINUTE = 60_000;
/** Longer than a node waits for its first audit, and between two. */
const AUDIT = 11 * MINUTE;

let cleanup: Cleanup;
let schema: string;
beforeEach(() => {
  cleanup = new Cleanup();
  schema = cleanup.schema();
});
afterEach(() => cleanup.run());

/** A store that counts its audits, and knows whether anybody waits for an answer. */
function watched(store: JobStore): { store: JobStore; seen: { audits: number; inFlight: number } } {
  const seen = { audits: 0, inFlight: 0 };
  const get = (target: JobStore, key: string | symbol): unknown => {
    const value: unknown = Reflect.get(target, key);
    if (typeof value !== 'function' || key === 'listen')
      return typeof value === 'function' ? value.bind(target) : value;
    return async (...args: unknown[]) => {
      seen.inFlight += 1;
      try {
        return await (value as (...args: unknown[]) => unknown).apply(target, args);
      } finally {
        seen.inFlight -= 1;
        if (key === 'audit') seen.audits += 1;
      }
    };
  };
  return { store: new Proxy(store, { get }), seen };
}

/** A step at a time, so that the answers of the database keep up with the clock. */
async function advance({ clock }: TestEngine, ms: number, seen: { inFlight: number }): Promise<void> {
  for (let gone = 0; gone < ms; gone += 15_000) {
    await clock.advance(15_000);
    await vi.waitFor(() => expect(seen.inFlight).toBe(0), { timeout: 10_000, interval: 5 });
  }
}

it('a run that nobody owns is offered again when two audits have seen it, and not when one has', async () => {
  const inner = await cleanup.openStore(schema);
  await sql(`ALTER TABLE "${schema}".job_execution DROP CONSTRAINT job_execution_owner_fkey`);
  const job = { id: 'stuck', handler: 'job', capability: 'job@default' };
  const { node: gone, execution } = await running(inner, job, { capabilities: [job.capability] });
  await sql(`DELETE FROM "${schema}".node WHERE incarnation = $1`, [gone.incarnation]);

  const { store, seen } = watched(inner);
  const node = aNode([{ every: '1d', run: () => {} }], { clock: new ManualClock(), store });
  const told = recordEvents<SchedulerEvents>(node.engine.events, ['audit.repaired']);
  await node.engine.start();
  while (seen.audits === 0) await advance(node, 15_000, seen);
  expect(await statusOf(inner, execution.id)).toBe('running');
  expect(told.events).toEqual([]);

  await advance(node, AUDIT, seen);
  expect(seen.audits).toBe(2);
  const payload = { what: 'running-unowned', id: execution.id, now: 'pending' };
  expect(told.events).toEqual([{ name: 'audit.repaired', payload }]);
  await vi.waitFor(async () => {
    await node.clock.advance(1_000);
    expect(await statusOf(inner, execution.id)).toBe('succeeded');
  });
  expect((await inner.getExecution(execution.id))!.execution).toMatchObject({ crashes: 1, leaseEpoch: 3 });
  const stopped = node.engine.shutdown();
  while (node.engine.state !== 'stopped') await node.clock.advance(100);
  await stopped;
}, 60_000);

/** Fires what is due, again and again from 2020 on, and claims what waits. */
function busily({ jobs }: PassSnapshot): ReturnType<typeof decisions> {
  const due = jobs.filter(({ isDue, active }) => isDue && active < 3).map(({ job }) => job);
  return decisions({
    records: due.map((job, index) => recordFor(job, { status: index % 2 === 0 ? 'running' : 'pending' })),
    advances: due.map((job) => {
      const nextRunAt = plus(job.nextRunAt ?? PAST, 1_000);
      return advanceOf(job, { nextRunAt });
    }),
    claims: jobs.flatMap(({ pending }) => pending.map(({ id }) => id)),
  });
}

/** What a replica does all day: retries, releases, dies with its runs, and is rescued; jobs come and go. */
async function work(store: JobStore, worker: number, rounds: number): Promise<number> {
  let me: NodeRegistration = await registered(store, { incarnation: randomUUID() });
  let runs = 0;
  for (let round = 0; round < rounds; round += 1) {
    const { recorded, claimed } = await store.pass(aPass(me), busily);
    const mine = [...recorded.filter(({ status }) => status === 'running'), ...claimed];
    runs += mine.length;
    if (round % 10 === 9) {
      await store.registerNode({ ...me, leaseMs: -MINUTE });
      const { nodes } = await store.beat(randomUUID(), MINUTE);
      const dead = nodes.filter(({ leaseOver }) => leaseOver);
      for (const { incarnation, beat } of dead) await store.rescue(incarnation, beat);
      me = aRegistration();
      await store.registerNode(me);
      continue;
    }
    const ends = ['succeeded', 'failed', 'pending'] as const;
    await store.complete(mine.map((each, n) => outcomeOf(each, { status: ends[(n + round) % 3] ?? 'succeeded' })));
    await store.addManualExecution(`job-${round % 5}`, { id: randomUUID(), data: null, reason: null });
    const id = `passing-${worker}-${round}`;
    await store.addJobs(() => [aJob({ id, nextRunAt: FAR_FUTURE })], 'error');
    await store.removeJob(id);
  }
  return runs;
}

it('a busy cluster has nothing that an audit would ever find', async () => {
  const auditing = await cleanup.openStore(schema);
  const others = [await cleanup.openStore(schema), await cleanup.openStore(schema)];
  await registered(auditing);
  await added(auditing, ...[0, 1, 2, 3, 4].map((n) => aJob({ id: `job-${n}` })));
  let isOver = false;
  const working = Promise.all([0, 1, 2, 3].map((n) => work(others[n % 2]!, n, 60))).finally(() => (isOver = true));
  let audits = 0;
  while (!isOver) {
    expect((await auditing.audit(null, null)).findings).toEqual([]);
    audits += 1;
  }
  const runs = (await working).reduce((sum, each) => sum + each, 0);
  expect(audits).toBeGreaterThan(20);
  expect(runs).toBeGreaterThan(500);
}, 60_000);
