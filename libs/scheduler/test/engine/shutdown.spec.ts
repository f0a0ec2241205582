import { describe, expect, it } from 'vitest';
import { ManualClock } from 'nestjs-vigil-testing';

import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { FaultyStore } from './faulty-store.js';
import { SlowStore } from './slow-store.js';
import { aFaultyNode, aSlowNode, BOUND_MS, forEver, obedient, OUTAGE, shutDown } from './shutdown.support.js';
import { aNode, gate, type TestEngine } from './support.js';

const nothing = (): void => {};

/** What is left of a scheduler that was shut down starts again, and runs. */
async function startsAgain({ engine, clock, events }: TestEngine): Promise<void> {
  const from = events.events.length;
  const started = engine.start();
  await clock.advance(5_000);
  await started;
  expect(engine.state).toBe('running');
  expect(events.names.slice(from)).toContain('execution.succeeded');
}

describe('A shutdown is bounded, leaves nothing behind and can be followed by a start:', () => {
  it('of what was never started', async () => {
    const node = aNode([{ run: nothing }]);
    expect(await shutDown(node)).toBe(0);
    expect(node.events.names).toEqual([]);
    await startsAgain(node);
  });

  it('of what has nothing to do', async () => {
    const node = aNode([{ run: nothing }]);
    await node.engine.start();
    await node.clock.advance(2_500);
    expect(await shutDown(node)).toBe(0);
    expect(node.clock.sleepers).toBe(0);
    await startsAgain(node);
  });

  it('while it starts and the database does not answer', async () => {
    const node = aSlowNode([{ run: nothing }]);
    node.slow.hold(OUTAGE);
    void node.engine.start();
    await node.clock.advance(1_000);
    await shutDown(node);
    expect(node.clock.sleepers).toBe(0);
  });

  it.each<[string, readonly (typeof OUTAGE)[number][]]>([
    ['refuses', OUTAGE],
    ['refuses to say goodbye', ['retireNode', 'close']],
    ['cannot be reached again', ['peek', 'reconnect']],
  ])('during an outage: the database %s', async (_what, verbs) => {
    const hold = gate();
    const node = aFaultyNode([{ run: () => hold.opened }]);
    await node.engine.start();
    await node.clock.advance(1_500);
    for (const verb of verbs) node.faults.fail(verb, 'before', { times: Infinity });
    await node.clock.advance(3_000);
    hold.open();
    await shutDown(node);
    expect(node.clock.sleepers).toBe(0);
    node.faults.heal();
    await startsAgain(node);
  });

  it.each<[string, readonly (typeof OUTAGE)[number][]]>([
    ['does not answer at all', OUTAGE],
    ['does not answer a pass', ['pass']],
    ['does not answer an outcome', ['complete']],
    ['does not answer a beat', ['beat']],
    ['does not answer a goodbye', ['retireNode']],
    ['does not end its connections', ['close']],
  ])('during an outage: the database %s', async (_what, verbs) => {
    const node = aSlowNode([{ run: nothing }]);
    await node.engine.start();
    await node.clock.advance(500);
    node.slow.hold(verbs);
    await node.clock.advance(3_000);
    await shutDown(node);
    expect(node.clock.sleepers).toBe(0);
  });

  it('while it makes new connections, and while it is recovering', async () => {
    for (const verb of ['reconnect', 'open', 'registerNode'] as const) {
      const clock = new ManualClock();
      const slow = new SlowStore(new MemoryJobStore({ clock }));
      const faults = new FaultyStore(slow.store);
      const node = aNode([{ run: nothing }], { clock, store: faults.store });
      await node.engine.start();
      await clock.advance(1_500);
      faults.fail('peek', 'before', { times: 3 });
      slow.hold([verb]);
      await clock.advance(3_000);
      await shutDown(node);
      expect(clock.sleepers).toBe(0);
    }
  });

  it('called again while it drains: both calls are one', async () => {
    const node = aNode([{ run: obedient }]);
    await node.engine.start();
    await node.clock.advance(1_000);
    const first = node.engine.shutdown();
    await node.clock.advance(4_000);
    expect(node.engine.shutdown()).toBe(first);
    await node.clock.advance(BOUND_MS - 4_000);
    await first;
    expect(node.events.names.filter((name) => name === 'scheduler.state')).toHaveLength(4);
  });

  it('of two schedulers, one of which hangs: neither waits for the other', async () => {
    const slow = aSlowNode([{ run: forEver }]);
    const quick = aNode([{ run: nothing }], { clock: slow.clock });
    await Promise.all([slow.engine.start(), quick.engine.start()]);
    await slow.clock.advance(1_500);
    slow.slow.hold(OUTAGE);
    const [slowly, quickly] = [slow.engine.shutdown(), quick.engine.shutdown()];
    await slow.clock.advance(0);
    await quickly;
    await slow.clock.advance(BOUND_MS);
    await slowly;
    expect(slow.clock.sleepers).toBe(0);
  });
});
