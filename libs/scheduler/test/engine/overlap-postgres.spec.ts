import { randomUUID } from 'node:crypto';

import { formatVerdict, judgeSchedule, readSchedule, type HandlerRun } from 'nestjs-vigil-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock/clock.js';
import type { JobEntity, OverlapPolicy } from '../../src/store/job.entity.js';
import type { TypeOrmJobStore } from '../../src/store/typeorm-job.store.js';
import { every } from '../../src/triggers/interval.trigger.js';
import { Cleanup, serverUrl } from '../store/typeorm-store.support.js';
import { aPostgresNode, type PostgresNode } from './postgres-node.js';
import { gate, type JobSpec } from './support.js';

/** So long that no beat tells anybody anything within a test. */
const ENDLESS_LEASE_MS = 3_600_000;

let cleanup: Cleanup;
let schema: string;
beforeEach(() => {
  cleanup = new Cleanup();
  schema = cleanup.schema();
});
afterEach(() => cleanup.run());

async function replica(jobs: readonly JobSpec[], nodeName: string, concurrency = 10): Promise<PostgresNode> {
  const store = cleanup.store(schema);
  const node = aPostgresNode(jobs, { store, nodeName, concurrency, leaseMs: ENDLESS_LEASE_MS });
  cleanup.add(node.engine, (engine) => engine.shutdown());
  await node.engine.start();
  return node;
}

/** Until so many runs have ended, and what was cancelled before it ran. */
async function ended(nodes: readonly PostgresNode[], count: number): Promise<void> {
  const isEnd = (name: string): boolean => name === 'execution.succeeded' || name === 'execution.cancelled';
  const seen = (): number => nodes.flatMap(({ events }) => events.names).filter((name) => isEnd(String(name))).length;
  await new Promise<void>((resolve) => {
    const look = (): void => (seen() >= count ? resolve() : undefined);
    for (const { engine } of nodes)
      for (const name of ['execution.succeeded', 'execution.cancelled'] as const) engine.events.on(name, look);
    look();
  });
}

/** Two replicas and a job whose runs last longer than its interval. */
async function overlapping(overlap: OverlapPolicy, maxInstances: number) {
  const RUNS = 12;
  const runs: HandlerRun[] = [];
  let atWork = 0;
  let most = 0;
  const job = (node: string): JobSpec => ({
    trigger: every('60ms', { anchor: new Date(0) }),
    overlap,
    maxInstances,
    maxRuns: RUNS,
    run: async ({ executionId, scheduledAt, signal }) => {
      const run: HandlerRun = { executionId, scheduledAt, startedAt: new Date(), node };
      runs.push(run);
      most = Math.max(most, (atWork += 1));
      await systemClock.sleep(100 * maxInstances + 100, signal);
      atWork -= 1;
      run.finishedAt = new Date();
      signal.throwIfAborted();
    },
  });
  const nodes = [await replica([job('a')], 'a'), await replica([job('b')], 'b')];
  await ended(nodes, RUNS);
  const { store } = nodes[0]!;
  const row: JobEntity = (await store.getJob('job'))!;
  const { items } = await store.getExecutions({ limit: 1_000 });
  const until = (await store.peek([], [])).now;
  const verdict = judgeSchedule({ ...(await readSchedule(serverUrl(), { schema })), runs, until, isSettled: true });
  expect(verdict.isClean, formatVerdict(verdict)).toBe(true);
  const count = (status: string): number => items.filter(({ execution }) => execution.status === status).length;
  return { most, row, count, RUNS };
}

describe.each([1, 3])('Two replicas run no more than maxInstances: %i of a job', (maxInstances) => {
  it('and skip what is beyond with skip', async () => {
    const { most, row, count, RUNS } = await overlapping('skip', maxInstances);
    expect(most).toBe(maxInstances);
    expect(count('succeeded')).toBe(RUNS);
    expect(count('skipped')).toBeGreaterThan(0);
    expect(row).toMatchObject({ state: 'finished', skippedCount: count('skipped'), queuedCount: 0, cancelledCount: 0 });
  });

  it('and let one wait with queue-one', async () => {
    const { most, row, count, RUNS } = await overlapping('queue-one', maxInstances);
    expect(most).toBe(maxInstances);
    expect(count('succeeded')).toBe(RUNS);
    expect(row.queuedCount).toBeGreaterThan(0);
    expect(row).toMatchObject({ skippedCount: count('skipped'), cancelledCount: 0 });
  });

  it('and run each with queue-all', async () => {
    const { most, row, count, RUNS } = await overlapping('queue-all', maxInstances);
    expect(most).toBe(maxInstances);
    expect(count('succeeded')).toBe(RUNS);
    expect(row.queuedCount).toBeGreaterThan(0);
    expect(row).toMatchObject({ skippedCount: 0, cancelledCount: 0 });
    expect(count('skipped')).toBe(0);
  });

  it('and end the oldest with cancel-running', async () => {
    const { most, row, count, RUNS } = await overlapping('cancel-running', maxInstances);
    expect(most).toBe(maxInstances);
    expect(count('cancelled') + count('succeeded')).toBe(RUNS);
    // those that could not be stopped any more have succeeded
    expect(row.cancelledCount).toBeGreaterThanOrEqual(count('cancelled'));
    expect(count('cancelled')).toBeGreaterThan(0);
    expect(row).toMatchObject({ skippedCount: count('skipped') });
  });
});

describe('A run on one replica', () => {
  /** It is at work on a node without another slot. */
  async function atWork(spec: Partial<JobSpec> = {}) {
    const aborted = gate<Error>();
    let isFirst = true;
    const run: JobSpec['run'] = async ({ signal }) => {
      if (!isFirst) return;
      isFirst = false;
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      aborted.open(signal.reason as Error);
      throw signal.reason as Error;
    };
    const full = await replica([{ every: '1s', overlap: 'cancel-running', ...spec, run }], 'full', 1);
    const { execution } = await full.events.waitFor('execution.started');
    return { full, execution, aborted: aborted.opened };
  }

  it('is stopped at once by a fire that another decides', async () => {
    const { full, execution, aborted } = await atWork();
    const job: JobSpec = { every: '1s', overlap: 'cancel-running', run: () => {} };
    const other = await replica([job], 'other');
    expect(await aborted).toMatchObject({ cause: 'cancelled' });
    await full.events.waitFor('execution.cancelled', (event) => event.execution.id === execution.id);
    const newest = await Promise.race(
      [full, other].map(({ events }) =>
        events.waitFor('execution.started', (event) => event.execution.scheduledAt > execution.scheduledAt),
      ),
    );
    expect(newest.execution.id).not.toBe(execution.id);
    const reason = "a newer fire of its job was due (overlap: 'cancel-running')";
    const row = (await full.store.getExecution(execution.id))!.execution;
    expect(row).toMatchObject({ status: 'cancelled', nodeName: 'full', reason });
  });

  it('is stopped at once by a person elsewhere', async () => {
    const { full, execution, aborted } = await atWork({ overlap: 'skip' });
    const elsewhere: TypeOrmJobStore = await cleanup.openStore(schema);
    await elsewhere.cancelExecution(execution.id, 'not needed');
    expect(await aborted).toMatchObject({ cause: 'cancelled', reason: 'not needed' });
    const told = await full.events.waitFor('execution.cancelled');
    expect(told.execution).toMatchObject({ status: 'cancelled', reason: 'not needed' });
    const row = (await elsewhere.getExecution(execution.id))!.execution;
    expect(row).toMatchObject({ status: 'cancelled', reason: 'not needed' });
  });
});

it('A backfill that is submitted elsewhere is begun at once', async () => {
  const job: JobSpec = { every: '1d', run: () => {} };
  const { events } = await replica([job], 'a');
  const elsewhere = await cleanup.openStore(schema);
  const plan = (_job: JobEntity, now: Date): Date[] =>
    [2, 1].map((days) => new Date(now.getTime() - days * 86_400_000));
  await elsewhere.addBackfill('job', { batchId: randomUUID(), reason: null, plan });
  const first = await events.waitFor('execution.succeeded');
  const second = await events.waitFor('execution.succeeded', ({ execution }) => execution.id !== first.execution.id);
  expect(first.execution.scheduledAt < second.execution.scheduledAt).toBe(true);
});
