import { ManualClock } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import type { JobExecutionEntity } from '../../src/store/job-execution.entity.js';
import type { Decisions, JobStore, PassSnapshot } from '../../src/store/job-store.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { every } from '../../src/triggers/interval.trigger.js';
import { CountingTrigger } from './counting-trigger.js';
import { FaultyStore } from './faulty-store.js';
import { aNode, type JobSpec, type TestEngine } from './support.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

type Decide = (snapshot: PassSnapshot) => Decisions;

/** The most that one pass of a store was asked to hold, and to step through. */
function watched(store: JobStore, trigger: CountingTrigger) {
  const most = { records: 0, pending: 0, steps: 0 };
  const pass: JobStore['pass'] = (request, decide) =>
    store.pass(request, (snapshot) => {
      const before = trigger.steps;
      const decisions = (decide as Decide)(snapshot);
      most.records = Math.max(most.records, decisions.records.length);
      most.pending = Math.max(most.pending, ...snapshot.jobs.map(({ pending }) => pending.length));
      most.steps = Math.max(most.steps, trigger.steps - before);
      return decisions;
    });
  const get = (target: JobStore, key: string | symbol): unknown => {
    const value: unknown = key === 'pass' ? pass : Reflect.get(target, key);
    return typeof value === 'function' ? value.bind(target) : value;
  };
  return { store: new Proxy(store, { get }), most };
}

async function stop({ engine, clock }: TestEngine): Promise<void> {
  const stopped = engine.shutdown();
  await clock.advance(0);
  await stopped;
}

interface Outcome {
  /** Seconds of the outage; the first instant of it is 1. */
  ran: number[];
  rows: JobExecutionEntity[];
  most: { records: number; pending: number; steps: number };
}

/** A job of every second ran, then there was no process for so long, then another one is there, and a moment later it stops. */
async function afterAnOutage(outageMs: number, settings: Omit<JobSpec, 'run'>, slots: number): Promise<Outcome> {
  const clock = new ManualClock();
  const inner = new MemoryJobStore({ clock });
  const trigger = new CountingTrigger(every('1s', { anchor: clock.now() }));
  const { store, most } = watched(inner, trigger);
  const began = clock.now().getTime();
  const secondOf = (instant: Date): number => (instant.getTime() - began) / SECOND;
  const ran: number[] = [];
  const job: JobSpec = { ...settings, trigger, run: ({ scheduledAt }) => void ran.push(secondOf(scheduledAt)) };
  // declared by a process that ends before its first fire
  await stop(await started(aNode([job], { clock, store })));
  await clock.advance(outageMs + SECOND / 2);
  const node = await started(aNode([job], { clock, store, concurrency: { default: slots } }));
  await clock.advance(SECOND / 4);
  await stop(node);
  const rows: JobExecutionEntity[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await inner.getExecutions({ jobId: 'job', limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
    rows.push(...page.items.map(({ execution }) => execution));
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  return { ran, rows: rows.reverse(), most };
}

async function started(node: TestEngine): Promise<TestEngine> {
  await node.engine.start();
  await node.clock.advance(0);
  return node;
}

const inOrder = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n);

describe('After an outage of', () => {
  const outages: [string, number][] = [
    ['a minute', MINUTE],
    ['an hour', HOUR],
    ['a year', YEAR],
  ];

  it.each(outages)('%s a job of every second with coalesce runs its latest instant once', async (_long, ms) => {
    const { ran, rows, most } = await afterAnOutage(ms, { misfire: 'coalesce' }, 10);
    const last = ms / SECOND;
    expect(ran).toEqual([last]);
    expect(rows).toMatchObject([
      { status: 'missed', instantCount: Math.min(last - 1, 1_001) },
      { status: 'succeeded', isCatchUp: true },
    ]);
    expect(rows[0]!.untilAt).toEqual(new Date(rows[1]!.scheduledAt.getTime() - SECOND));
    expect(most).toMatchObject({ records: 2 });
    expect(most.steps).toBeLessThanOrEqual(1_200);
  });

  it.each(outages)('%s with skip each instant of the last minute is a fire, and no other', async (_long, ms) => {
    const { ran, rows, most } = await afterAnOutage(ms, { misfire: 'skip', maxInstances: 100 }, 100);
    const last = ms / SECOND;
    expect(ran).toEqual(inOrder(Math.max(1, last - 59), last));
    const missed = rows.filter(({ status }) => status === 'missed');
    expect(missed.map(({ instantCount }) => instantCount)).toEqual(last > 60 ? [1_001] : []);
    expect(rows.filter(({ status }) => status === 'succeeded')).toHaveLength(60);
    expect(rows).toHaveLength(60 + missed.length);
    expect(most.records).toBeLessThanOrEqual(61);
    expect(most.steps).toBeLessThanOrEqual(1_200);
  });

  it('a minute with skip, and room for one, the others meet the overlap policy', async () => {
    const { ran, rows } = await afterAnOutage(MINUTE, { misfire: 'skip' }, 10);
    expect(ran).toEqual([1]);
    expect(rows.map(({ status }) => status)).toEqual(['succeeded', ...inOrder(2, 60).map(() => 'skipped')]);
  });

  it.each<[string, number, number]>([
    ['a minute', MINUTE, 1],
    ['an hour', HOUR, 100],
    ['a year', YEAR, 100],
  ])(
    '%s with all each instant of the last day runs once, in order, some at a time',
    async (_long, ms, room) => {
      const { ran, rows, most } = await afterAnOutage(ms, { misfire: 'all', maxInstances: room }, 100);
      const last = ms / SECOND;
      expect(ran).toEqual(inOrder(Math.max(1, last - DAY / SECOND + 1), last));
      const missed = rows.filter(({ status }) => status === 'missed');
      expect(missed.map(({ instantCount }) => instantCount)).toEqual(ms > DAY ? [1_001] : []);
      const others = rows.filter(({ status }) => status !== 'missed');
      expect(new Set(others.map(({ status }) => status))).toEqual(new Set(['succeeded']));
      expect(others).toHaveLength(ran.length);
      expect(others.every(({ isCatchUp }) => isCatchUp)).toBe(true);
      expect(most.records).toBeLessThanOrEqual(102);
      expect(most.pending).toBeLessThanOrEqual(100);
      expect(most.steps).toBeLessThanOrEqual(1_200);
    },
    300_000,
  );
});

it('However many slots are free, a pass is small enough to be written in time, and each job goes on', async () => {
  const clock = new ManualClock();
  const inner = new MemoryJobStore({ clock });
  const trigger = new CountingTrigger(every('1s', { anchor: clock.now() }));
  const { store, most } = watched(inner, trigger);
  const ran = new Map<string, number>();
  const jobs = inOrder(1, 150).map((n): JobSpec => ({
    id: `job-${n}`,
    misfire: 'all',
    trigger,
    run: ({ jobId }) => void ran.set(jobId, (ran.get(jobId) ?? 0) + 1),
  }));
  await stop(await started(aNode(jobs, { clock, store })));
  await clock.advance(30 * SECOND + 500);
  const node = await started(aNode(jobs, { clock, store, concurrency: { default: 300 } }));
  await clock.advance(SECOND / 4);
  await stop(node);
  expect([...ran.values()]).toEqual(jobs.map(() => 30));
  expect(most.records).toBeLessThanOrEqual(1_100);
});

it('Late instants of all that wait for room in a full queue run all the same, each once', async () => {
  const clock = new ManualClock();
  const ran: number[] = [];
  const store = new MemoryJobStore({ clock });
  const job: JobSpec = { misfire: 'all', run: ({ scheduledAt }) => void ran.push(scheduledAt.getTime()) };
  await stop(await started(aNode([job], { clock, store })));
  await store.changeJob('job', () => ({ set: { maxQueue: 7 } }));
  await clock.advance(40 * SECOND + 500);
  const node = await started(aNode([job], { clock, store }));
  await clock.advance(20 * SECOND);
  const late = ran.slice(0, 40);
  expect(late.map((ms) => (ms - late[0]!) / SECOND)).toEqual(inOrder(0, 39));
  const { items } = await store.getExecutions({ limit: 1_000 });
  expect(new Set(items.map(({ execution }) => execution.status))).toEqual(new Set(['succeeded']));
  await stop(node);
});

it('Another node goes on with late instants of all where one died, and runs each of them', async () => {
  const clock = new ManualClock();
  const store = new MemoryJobStore({ clock });
  const began = clock.now();
  const trigger = every('1m', { anchor: began, endAt: new Date(began.getTime() + 5 * HOUR) });
  const ran: { node: string; minute: number; executionId: string }[] = [];
  const job = (node: string): JobSpec => ({
    misfire: 'all',
    trigger,
    run: ({ scheduledAt, executionId }) => {
      ran.push({ node, minute: (scheduledAt.getTime() - began.getTime()) / MINUTE, executionId });
      // it dies in its 150th run
      return node === 'first' && ran.length === 150 ? new Promise(() => {}) : undefined;
    },
  });
  await stop(await started(aNode([job('first')], { clock, store })));
  await clock.advance(5 * HOUR + 30 * SECOND);
  const dying = new FaultyStore(store);
  await started(aNode([job('first')], { clock, store: dying.store }));
  await clock.advance(SECOND);
  expect(ran).toHaveLength(150);
  const verbs = ['beat', 'peek', 'pass', 'resolve', 'complete', 'open', 'reconnect', 'retireNode'] as const;
  for (const verb of verbs) dying.fail(verb, 'before', { times: Infinity });
  const second = await started(aNode([job('second')], { clock, store }));
  await clock.advance(10 * MINUTE);
  await stop(second);
  expect(ran.map(({ minute }) => minute)).toEqual([...inOrder(1, 150), ...inOrder(150, 300)]);
  expect(ran[150]).toEqual({ ...ran[149], node: 'second' });
  const { items } = await store.getExecutions({ limit: 1_000 });
  expect(items).toHaveLength(300);
  expect(items.every(({ execution }) => execution.status === 'succeeded')).toBe(true);
});
