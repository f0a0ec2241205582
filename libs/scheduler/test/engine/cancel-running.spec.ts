import { randomUUID } from 'node:crypto';

import { ManualClock } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import type { JobAbortedError, JobContext } from '../../src/engine/job-context.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { FaultyStore } from './faulty-store.js';
import { aNode, ledger, type JobSpec, type TestEngine } from './support.js';

const SECOND = 1_000;

/** Runs until it is asked to stop, and then as long as it likes. */
function obedient(
  clock: ManualClock,
  stopsAfterMs = 0,
): { run: JobSpec['run']; aborted: number[]; reasons: JobAbortedError[] } {
  const aborted: number[] = [];
  const reasons: JobAbortedError[] = [];
  const run = async ({ signal, scheduledAt }: JobContext<unknown>): Promise<void> => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    aborted.push(scheduledAt.getUTCSeconds());
    reasons.push(signal.reason as JobAbortedError);
    if (stopsAfterMs > 0) await clock.sleep(stopsAfterMs);
    throw signal.reason as Error;
  };
  return { run, aborted, reasons };
}

function aCluster(): { clock: ManualClock; store: MemoryJobStore } {
  const clock = new ManualClock();
  return { clock, store: new MemoryJobStore({ clock }) };
}

const statuses = async (node: TestEngine): Promise<string[]> => (await ledger(node)).map(({ status }) => status);

describe('With cancel-running', () => {
  it('each fire stops the run before it, and starts when that has ended', async () => {
    const { clock, store } = aCluster();
    const { run, aborted } = obedient(clock);
    const node = aNode([{ overlap: 'cancel-running', run }], { clock, store });
    await node.engine.start();
    await clock.advance(4 * SECOND + 10);
    expect(aborted).toEqual([1, 2, 3]);
    expect(await statuses(node)).toEqual(['cancelled', 'cancelled', 'cancelled', 'running']);
    const counted = { runCount: 4, cancelledCount: 3, queuedCount: 3, skippedCount: 0 };
    expect(await store.getJob('job')).toMatchObject(counted);
    const [first] = (await store.getExecutions({ status: 'cancelled' })).items;
    expect(first!.execution.reason).toBe("a newer fire of its job was due (overlap: 'cancel-running')");
  });

  it('only the oldest of three stops, on the node that decides it, too', async () => {
    const { clock, store } = aCluster();
    const { run, aborted } = obedient(clock);
    const node = aNode([{ overlap: 'cancel-running', maxInstances: 3, run }], { clock, store });
    await node.engine.start();
    await clock.advance(5 * SECOND + 10);
    expect(aborted).toEqual([1, 2]);
    expect(await statuses(node)).toEqual(['cancelled', 'cancelled', 'running', 'running', 'running']);
  });

  it('while one takes its time to stop, the newest fire waits, those before it are cancelled, and nobody else is asked', async () => {
    const { clock, store } = aCluster();
    const { run, aborted } = obedient(clock, 3_500);
    const node = aNode([{ overlap: 'cancel-running', maxInstances: 2, run }], { clock, store });
    await node.engine.start();
    await clock.advance(5 * SECOND + 10);
    expect(aborted).toEqual([1]);
    expect(await statuses(node)).toEqual(['running', 'running', 'cancelled', 'cancelled', 'pending']);
    const told = node.events.events.filter(({ name }) => name === 'execution.cancelled');
    expect(
      told.map(({ payload }) =>
        (payload as { execution: { scheduledAt: Date } }).execution.scheduledAt.getUTCSeconds(),
      ),
    ).toEqual([3, 4]);
    await clock.advance(1_500);
    // the fire of second 6 has taken the place of the one that waited
    const ended = ['cancelled', 'running', 'cancelled', 'cancelled', 'cancelled'];
    expect(await statuses(node)).toEqual([...ended, 'running']);
  });

  it('what waits for its next attempt is cancelled at once, and the fire starts in its place', async () => {
    const { clock, store } = aCluster();
    const retry = { maxAttempts: 5, backoff: { kind: 'fixed', delayMs: 60_000, jitter: false } } as const;
    const run: JobSpec['run'] = ({ scheduledAt }) => {
      if (scheduledAt.getUTCSeconds() === 10) throw new Error('not today');
    };
    const node = aNode([{ every: '10s', overlap: 'cancel-running', retry, run }], { clock, store });
    await node.engine.start();
    await clock.advance(20 * SECOND + 10);
    expect(await ledger(node)).toEqual([
      { at: '00:00:10', status: 'cancelled' },
      { at: '00:00:20', status: 'succeeded' },
    ]);
  });

  it('a fire that another node decides is heard at once, by a node without a free slot, too', async () => {
    const { clock, store } = aCluster();
    const { run, aborted } = obedient(clock);
    const job: JobSpec = { every: '1h', overlap: 'cancel-running', run };
    const full = aNode([job], { clock, store, nodeName: 'full', concurrency: { default: 1 } });
    await full.engine.start();
    await clock.advance(3_600 * SECOND);
    expect(await ledger(full)).toMatchObject([{ status: 'running' }]);
    const faults = new FaultyStore(store);
    const other = aNode([job], { clock, store: faults.store, nodeName: 'other' });
    await other.engine.start();
    await clock.advance(3_600 * SECOND);
    await clock.advance(500);
    expect(aborted).toEqual([0]);
    const [first, second] = (await store.getExecutions({ limit: 10 })).items.reverse();
    expect(first!.execution).toMatchObject({ status: 'cancelled', nodeName: 'full' });
    expect(second!.execution).toMatchObject({ status: 'running' });
  });
});

it('A person’s cancel is heard on another node without waiting for its beat', async () => {
  const { clock, store } = aCluster();
  const { run, aborted, reasons } = obedient(clock);
  const node = aNode([{ every: '1h', run }], { clock, store, concurrency: { default: 1 } });
  await node.engine.start();
  // a moment after a beat, which is every 15 seconds
  await clock.advance(3_600 * SECOND + 100);
  const [running] = (await store.getExecutions({ status: 'running' })).items;
  await store.cancelExecution(running!.execution.id, 'not needed');
  await clock.advance(200);
  expect(aborted).toEqual([0]);
  expect(reasons).toMatchObject([
    { cause: 'cancelled', reason: 'not needed', message: 'The run was cancelled: not needed' },
  ]);
  expect(await ledger(node)).toMatchObject([{ status: 'cancelled' }]);
  const { execution } = await node.events.waitFor('execution.cancelled');
  expect(execution).toMatchObject({ status: 'cancelled', reason: 'not needed' });
});

it('A run that was cancelled and ignores it holds its slot and its job until the grace is over', async () => {
  const { clock, store } = aCluster();
  const jobs: JobSpec[] = [
    { every: '1h', overlap: 'queue-one', run: () => new Promise(() => {}) },
    { id: 'other', every: '1h', priority: -1, run: () => {} },
  ];
  const node = aNode(jobs, { clock, store, concurrency: { default: 1 } });
  const idle = aNode(jobs, { clock, store, nodeName: 'idle', runJobs: false });
  for (const each of [node, idle]) await each.engine.start();
  await clock.advance(3_600 * SECOND);
  const [running] = (await store.getExecutions({ status: 'running' })).items;
  await store.addManualExecution('job', { id: randomUUID(), data: null, reason: null });
  await store.cancelExecution(running!.execution.id, 'not needed');
  await clock.advance(4_900);
  const seen = async (): Promise<string[]> =>
    (await store.getExecutions({})).items.map(({ execution: { jobId, status } }) => `${jobId} ${status}`).sort();
  expect(await seen()).toEqual(['job pending', 'job running']);
  await clock.advance(1_600);
  expect(await seen()).toEqual(expect.arrayContaining(['job cancelled', 'job running']));
});
