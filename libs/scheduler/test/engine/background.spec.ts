import { ManualClock } from 'nestjs-vigil-testing';
import { expect, it } from 'vitest';

import { NotificationsUnheardError } from '../../src/store/errors.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { FaultyStore } from './faulty-store.js';
import { aNode } from './support.js';

const MINUTE = 60_000;

async function aFailing(verb: 'prune' | 'audit' | 'listen', error?: () => Error) {
  const clock = new ManualClock();
  const faults = new FaultyStore(new MemoryJobStore({ clock }));
  faults.fail(verb, 'before', { times: Infinity, ...(error ? { error } : {}) });
  const node = aNode([{ every: '1h', run: () => undefined }], { clock, store: faults.store });
  await node.engine.start();
  const calls = (of: string): number => faults.calls.filter((each) => each === of).length;
  return { ...node, calls };
}

it.each(['prune', 'audit'] as const)(
  'A %s that fails waits for its next time, and leaves the connections alone',
  async (verb) => {
    const { clock, engine, calls } = await aFailing(verb);
    await clock.advance(7 * MINUTE);
    expect(calls(verb)).toBe(1);
    expect(calls('reconnect')).toBe(0);
    expect(engine.state).toBe('running');
  },
);

it('Notifications that are not heard are tried once more at once, and then every ten minutes', async () => {
  const { clock, engine, calls } = await aFailing('listen', () => new NotificationsUnheardError('db:6432'));
  await clock.advance(9 * MINUTE);
  expect(calls('listen')).toBe(2);
  await clock.advance(2 * MINUTE);
  expect(calls('listen')).toBe(3);
  expect(calls('reconnect')).toBe(0);
  expect(engine.state).toBe('degraded');
});
