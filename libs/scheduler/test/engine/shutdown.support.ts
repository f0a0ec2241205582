import { expect } from 'vitest';
import { ManualClock } from 'nestjs-vigil-testing';

import type { JobContext } from '../../src/engine/job-context.js';
import type { JobExecutionEntity } from '../../src/store/job-execution.entity.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { FaultyStore } from './faulty-store.js';
import { SlowStore } from './slow-store.js';
import { aNode, type JobSpec, type TestEngine } from './support.js';

const nothing = (): void => {};
export const forEver = (): Promise<never> => new Promise(nothing);
export const TIMEOUT_MS = 10_000;
export const BOUND_MS = TIMEOUT_MS + 1_000;
export const HOUR_MS = 3_600_000;
/** What a database that is away has to do with. */
export const OUTAGE = [
  'open',
  'peek',
  'pass',
  'complete',
  'beat',
  'reconnect',
  'retireNode',
  'close',
  'registerNode',
] as const;

export function aSlowNode(jobs: readonly JobSpec[]): TestEngine & { slow: SlowStore } {
  const clock = new ManualClock();
  const slow = new SlowStore(new MemoryJobStore({ clock }));
  return { ...aNode(jobs, { clock, store: slow.store }), slow };
}

export function aFaultyNode(jobs: readonly JobSpec[]): TestEngine & { faults: FaultyStore } {
  const clock = new ManualClock();
  const faults = new FaultyStore(new MemoryJobStore({ clock }));
  return { ...aNode(jobs, { clock, store: faults.store }), faults };
}

/** Shuts down, and judges the bound by the clock; returns how long it took. */
export async function shutDown({ engine, clock }: TestEngine): Promise<number> {
  const fromMs = clock.monotonicMs();
  let tookMs: number | null = null;
  void engine.shutdown().then(() => (tookMs = clock.monotonicMs() - fromMs));
  await clock.advance(BOUND_MS);
  expect(tookMs).not.toBeNull();
  expect(engine.state).toBe('stopped');
  return tookMs!;
}

export async function onlyRun(node: TestEngine, jobId = 'job'): Promise<JobExecutionEntity> {
  const { items } = await node.store.getExecutions({ jobId });
  expect(items).toHaveLength(1);
  return items[0]!.execution;
}

/** Ends when it is told to, and says why. */
export const obedient = ({ signal }: JobContext<unknown>): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
