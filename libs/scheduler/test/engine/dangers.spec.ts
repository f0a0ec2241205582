import { ManualClock } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import { draftJob, hashOf, newJobRow } from '../../src/engine/job-draft.js';
import { reconcileJob } from '../../src/engine/reconcile-job.js';
import type { JobStore, PassSnapshot } from '../../src/store/job-store.js';
import type { JobEntity } from '../../src/store/job.entity.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { at } from '../../src/triggers/date.trigger.js';
import { anchored } from '../../src/triggers/built-in.js';
import { every } from '../../src/triggers/interval.trigger.js';
import { FaultyStore } from './faulty-store.js';
import { aNode, type JobSpec, type TestEngine } from './support.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const nothing = (): void => {};
const forEver = (): Promise<never> => new Promise(() => {});

/** A clock and a store for a cluster. */
function aCluster(): { clock: ManualClock; store: MemoryJobStore } {
  const clock = new ManualClock();
  return { clock, store: new MemoryJobStore({ clock }) };
}

/** From now on it is as good as dead. */
function cutOff(faults: FaultyStore): void {
  const verbs = ['beat', 'peek', 'pass', 'resolve', 'complete', 'open', 'reconnect', 'retireNode'] as const;
  for (const verb of verbs) faults.fail(verb, 'before', { times: Infinity });
}

async function onlyRun({ store }: { store: JobStore }) {
  const { items } = await store.getExecutions({ jobId: 'job' });
  expect(items).toHaveLength(1);
  return items[0]!.execution;
}

async function stop({ engine, clock }: TestEngine): Promise<void> {
  const stopped = engine.shutdown();
  await clock.advance(0);
  await stopped;
}

it('What a handler throws, returns and reports is kept without what PostgreSQL cannot store', async () => {
  const node = aNode([
    {
      every: '1h',
      maxInstances: 2,
      run: (context) => {
        context.progress(0.5, 'a\0b\ud800');
        if (context.scheduledAt.getUTCHours() === 1) throw new Error('a\0b\ud800');
        return 'a\0b\ud800';
      },
    },
  ]);
  await node.engine.start();
  await node.clock.advance(2 * HOUR);
  const { items } = await node.store.getExecutions({ jobId: 'job' });
  expect(items.map(({ execution }) => execution)).toMatchObject([
    { status: 'succeeded', result: 'ab\ufffd', progress: { message: 'ab\ufffd' } },
    { status: 'failed', error: { message: 'ab\ufffd' } },
  ]);
});

describe('A lease', () => {
  it('of a process that died is not inherited by the one that starts in its place, under the same name', async () => {
    const { clock, store } = aCluster();
    const faults = new FaultyStore(store);
    const jobs: JobSpec[] = [{ every: '1h', run: forEver }];
    const dead = aNode(jobs, { clock, store: faults.store });
    await dead.engine.start();
    await clock.advance(HOUR);
    cutOff(faults);
    await aNode(jobs, { clock, store }).engine.start();
    await clock.advance(5 * MINUTE);
    expect(await onlyRun({ store })).toMatchObject({ status: 'running', leaseEpoch: 3, crashes: 1 });
  });

  it('is not over for others because the clock jumped, while the beats go on', async () => {
    const { clock, store } = aCluster();
    const first = aNode([{ every: '1h', run: forEver }], { clock, store });
    await first.engine.start();
    // so that the second one is the first to look after the jump
    await clock.advance(7 * SECOND);
    const second = aNode([], { clock, store });
    await second.engine.start();
    await clock.advance(HOUR - 7 * SECOND + MINUTE + 2 * SECOND);
    clock.step(10 * MINUTE);
    await clock.advance(5 * MINUTE);
    expect(await onlyRun({ store })).toMatchObject({ status: 'running', leaseEpoch: 1, crashes: 0 });
  });

  it('is not over for others while its beat moves, however the clock judges', async () => {
    const { clock, store } = aCluster();
    const first = aNode([{ every: '1h', run: forEver }], { clock, store });
    await first.engine.start();
    await clock.advance(7 * SECOND);
    await aNode([], { clock, store }).engine.start();
    await clock.advance(HOUR - 7 * SECOND + 2 * SECOND);
    // before each look of the second one
    for (let looks = 0; looks < 20; looks += 1) {
      clock.step(2 * MINUTE);
      await clock.advance(15 * SECOND);
    }
    expect(await onlyRun({ store })).toMatchObject({ status: 'running', leaseEpoch: 1, crashes: 0 });
  });

  it('is observed for a whole period after an outage of the observer, whatever it saw before', async () => {
    const { clock, store } = aCluster();
    const [dead, blind] = [new FaultyStore(store), new FaultyStore(store)];
    const owner = aNode([{ every: '1h', run: forEver }], { clock, store: dead.store });
    await owner.engine.start();
    const observer = aNode([], { clock, store: blind.store });
    await observer.engine.start();
    await clock.advance(HOUR);
    cutOff(dead);
    // the lease is over, and the observer has seen it
    await clock.advance(90 * SECOND);
    for (const verb of ['beat', 'peek', 'open'] as const) blind.fail(verb, 'before', { times: Infinity });
    await clock.advance(2 * MINUTE);
    blind.heal();
    await clock.advance(50 * SECOND);
    expect(await onlyRun({ store })).toMatchObject({ status: 'running' });
    await clock.advance(30 * SECOND);
    expect(await onlyRun({ store })).toMatchObject({ status: 'pending', crashes: 1 });
  });
});

it('While outcomes cannot be written, no more is claimed than there are slots', async () => {
  const { clock, store } = aCluster();
  const faults = new FaultyStore(store);
  let starts = 0;
  const jobs: JobSpec[] = [{ maxInstances: 100, run: () => void (starts += 1) }];
  const { engine } = aNode(jobs, { clock, store: faults.store, concurrency: { default: 2 } });
  await engine.start();
  faults.fail('complete', 'before', { times: Infinity });
  await clock.advance(MINUTE);
  expect(starts).toBe(2);
  faults.heal();
  await clock.advance(10 * SECOND);
  expect(starts).toBeGreaterThan(2);
});

describe('Work that is due and cannot be taken', () => {
  it('is looked at up to four times a second', async () => {
    const { clock, store } = aCluster();
    let passes = 0;
    const get = (target: JobStore, key: string | symbol): unknown => {
      const now = clock.now();
      // somebody else has the lock
      if (key === 'peek') return async () => ({ now, nextAt: now, stopping: [], pause: null, missedUntil: null });
      if (key === 'pass')
        return async (_request: unknown, decide: (snapshot: PassSnapshot) => unknown) => {
          passes += 1;
          decide({ now, jobs: [] });
          return { now, recorded: [], claimed: [], cancelled: [], quarantined: [], paused: [] };
        };
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    };
    const { engine } = aNode([{ run: nothing }], { clock, store: new Proxy(store, { get }) });
    await engine.start();
    await clock.advance(MINUTE);
    expect(passes).toBeGreaterThanOrEqual(60);
    expect(passes).toBeLessThanOrEqual(240);
  });

  it('for want of room is looked at once a second, and at once when there is room', async () => {
    const { clock, store } = aCluster();
    const faults = new FaultyStore(store);
    let end = nothing;
    const run = () => new Promise<void>((resolve) => (end = resolve));
    const { engine } = aNode([{ every: '1h', run }], { clock, store: faults.store });
    await engine.start();
    await clock.advance(HOUR);
    const byHand = '00000000-0000-4000-8000-000000000001';
    await store.addManualExecution('job', { id: byHand, data: null, reason: null });
    engine.wake();
    const from = faults.calls.length;
    await clock.advance(5 * MINUTE);
    expect(faults.calls.slice(from).filter((verb) => verb === 'pass').length).toBeLessThanOrEqual(5 * 60 + 1);
    end();
    await clock.advance(10);
    expect((await store.getExecution(byHand))!.execution.status).toBe('running');
  });
});

it('A job that is made again fires at an instant that its predecessor of the same id has used', async () => {
  const starts: Date[] = [];
  const { clock, store } = aCluster();
  const { engine } = aNode([{ id: 'remind', every: '1d', run: ({ scheduledAt }) => void starts.push(scheduledAt) }], {
    clock,
    store,
  });
  await engine.start();
  const instant = new Date(clock.now().getTime() + SECOND);
  const schedule = { kind: 'trigger' as const, trigger: at(instant), maxRuns: null, jitterMs: 0 };
  const settings = [{}];
  const draft = draftJob({ id: 'job', handler: 'remind', schedule, data: null, source: 'dynamic', settings });
  for (let times = 0; times < 2; times += 1) {
    await store.addJobs((now) => [newJobRow(draft, now)], 'error');
    engine.wake();
    await clock.advance(2 * SECOND);
    await store.removeJob('job');
  }
  expect(starts).toEqual([instant, instant]);
});

describe('A deploy', () => {
  const row = async (store: JobStore): Promise<JobEntity> => (await store.getJob('job'))!;

  it('is not undone when a replica with the code of before restarts', async () => {
    const { clock, store } = aCluster();
    const before = aNode([{ every: '1h', run: nothing }], { clock, store });
    await before.engine.start();
    await clock.advance(SECOND);
    await aNode([{ every: '2h', run: nothing }], { clock, store }).engine.start();
    expect(await row(store)).toMatchObject({ schedule: 'every 2 hours' });
    await stop(before);
    await before.engine.start();
    await clock.advance(SECOND);
    expect(await row(store)).toMatchObject({ schedule: 'every 2 hours', version: 2 });
  });

  it('is written by those who have it, and by nobody else', () => {
    const now = new Date('2026-01-01T00:00:00Z');
    const schedule = { kind: 'trigger' as const, trigger: every('1h'), maxRuns: null, jitterMs: 0 };
    const draft = draftJob({ id: 'job', handler: 'job', schedule, data: null, source: 'code', settings: [] });
    const existing = { ...newJobRow(draft, now), codeHash: 'of before' };
    expect(reconcileJob(draft, { inForce: 'of others', existing, former: null, now })).toBeNull();
    expect(reconcileJob(draft, { inForce: hashOf(draft), existing, former: null, now })).toMatchObject({
      row: { codeHash: hashOf(draft) },
    });
  });

  it('of code that has not changed leaves a schedule that was edited at run time', async () => {
    const node = aNode([{ every: '1h', run: nothing }]);
    await node.engine.start();
    const { anchor } = await row(node.store);
    const edited = anchored(every('10m'), anchor);
    await node.store.changeJob('job', () => ({ set: { trigger: edited.toJSON(), schedule: edited.describe() } }));
    await stop(node);
    await node.engine.start();
    expect(await row(node.store)).toMatchObject({ schedule: 'every 10 minutes', version: 2 });
  });

  it('leaves an interval its anchor: it changes neither the rhythm nor what is taken for a change', async () => {
    const { clock, store } = aCluster();
    const first = aNode([{ every: '1h', run: nothing }], { clock, store });
    await first.engine.start();
    const { anchor, nextRunAt } = await row(store);
    await clock.advance(30 * MINUTE);
    await aNode([{ every: '1h', run: nothing }], { clock, store }).engine.start();
    expect(await row(store)).toMatchObject({ anchor, nextRunAt, version: 1 });
    await aNode([{ every: '1h', priority: 1, run: nothing }], { clock, store }).engine.start();
    expect(await row(store)).toMatchObject({ anchor, nextRunAt, version: 2 });
    await clock.advance(10 * MINUTE);
    await aNode([{ every: '2h', run: nothing }], { clock, store }).engine.start();
    const later = new Date(anchor.getTime() + 2 * HOUR);
    expect(await row(store)).toMatchObject({ anchor, nextRunAt: later, version: 3 });
  });
});

it('A node that cannot hear notifications looks every second', async () => {
  const { clock, store } = aCluster();
  const faults = new FaultyStore(store);
  faults.fail('listen', 'before', { times: Infinity, error: () => new Error('LISTEN is not allowed here') });
  const node = aNode([{ every: '1d', run: nothing }], { clock, store: faults.store });
  await node.engine.start();
  await clock.advance(MINUTE);
  await store.addManualExecution('job', { id: '00000000-0000-4000-8000-000000000001', data: null, reason: null });
  await clock.advance(1_100);
  expect(await onlyRun(node)).toMatchObject({ status: 'succeeded' });
});
