import type { HandlerRun } from 'nestjs-vigil-testing';

import type { Clock } from '../../src/clock/clock.js';
import { HandlerRegistry } from '../../src/engine/handler-registry.js';
import type { JobContext } from '../../src/engine/job-context.js';
import type { TransactionHandle } from '../../src/store/job-store.js';
import type { RandomJob } from './random-jobs.js';
import type { SeededRandom } from './random.js';

/** The handlers of a node, which note when they really ran. */
export function registryOf(
  jobs: readonly RandomJob[],
  node: { name: string; clock: Clock },
  random: SeededRandom,
  runs: HandlerRun[],
): HandlerRegistry {
  const registry = new HandlerRegistry();
  for (const job of jobs) {
    const run = (context: JobContext<unknown>): Promise<void> => handle(job, context, node, random, runs);
    const { isTransactional = false } = job;
    registry.addHandler({ key: job.id, source: job.id, settings: {}, isTransactional, run });
  }
  return registry;
}

async function handle(
  { behaviour }: RandomJob,
  { executionId, scheduledAt, signal, manager }: JobContext<unknown> & { manager?: TransactionHandle },
  { name, clock }: { name: string; clock: Clock },
  random: SeededRandom,
  runs: HandlerRun[],
): Promise<void> {
  const run: HandlerRun = { executionId, scheduledAt, startedAt: clock.now(), finishedAt: null, node: name };
  runs.push(run);
  try {
    await manager?.query('INSERT INTO written (execution_id) VALUES ($1)', [executionId]);
    const fails = random.chance(behaviour.failing);
    const hangs = random.chance(0.3);
    if (hangs && behaviour.hanging === 'for-ever') await new Promise(() => {});
    if (hangs && behaviour.hanging === 'until-aborted') await aborted(signal);
    if (behaviour.workMs > 0) await clock.sleep(random.int(1, behaviour.workMs));
    if (fails) throw new Error('It failed, as it was to.');
  } finally {
    run.finishedAt = clock.now();
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
