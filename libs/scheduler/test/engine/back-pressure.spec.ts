import { ManualClock } from 'nestjs-vigil-testing';
import { expect, it } from 'vitest';

import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { aJob } from '../store/builders.js';
import { aNode, type JobSpec } from './support.js';

it('What waited for room is looked at again as soon as it may be, not at the next peek', async () => {
  const clock = new ManualClock();
  const starts: number[] = [];
  const retry = { maxAttempts: 2, backoff: { kind: 'fixed', delayMs: 10, jitter: false } } as const;
  const run = async ({ attempt }: { attempt: number }): Promise<void> => {
    starts.push(clock.monotonicMs());
    await clock.sleep(1_500);
    if (attempt === 1) throw new Error('the first attempt fails');
  };
  const { engine } = aNode([{ every: '1s', maxRuns: 2, overlap: 'queue-all', retry, run }], { clock });
  await engine.start();
  await clock.advance(300_000);
  expect(starts).toHaveLength(4);
  expect(starts[3]).toBeLessThan(15_000);
});

it('What is due and cannot be decided here takes no place in the passes of a node with a single slot', async () => {
  const clock = new ManualClock();
  const store = new MemoryJobStore({ clock });
  const ran: Date[] = [];
  const tick: JobSpec = { id: 'tick', every: '1s', run: ({ scheduledAt }) => void ran.push(scheduledAt) };
  const { engine } = aNode([tick], { clock, store, concurrency: { default: 1 } });
  await engine.start();
  const { capability } = (await store.getJob('tick'))!;
  // by hand: it says another handler than its capability
  const odd = aJob({ id: 'odd', handler: 'nobody', capability, nextRunAt: clock.now() });
  await store.addJobs(() => [odd], 'error');
  await clock.advance(10_500);
  expect(ran).toHaveLength(10);
  expect(await store.getJob('odd')).toMatchObject({ state: 'active', nextRunAt: odd.nextRunAt });
});
