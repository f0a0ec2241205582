import { ManualClock } from 'nestjs-vigil-testing';
import { expect, it } from 'vitest';

import { aNode } from './support.js';

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
