import { describe, expect, it } from 'vitest';
import { ManualClock } from 'nestjs-vigil-testing';

import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { FaultyStore } from './faulty-store.js';
import {
  aFaultyNode,
  aSlowNode,
  BOUND_MS,
  forEver,
  HOUR_MS,
  obedient,
  onlyRun,
  shutDown,
  TIMEOUT_MS,
} from './shutdown.support.js';
import { aNode, gate, ledger, type JobSpec, type TestEngine } from './support.js';

describe('What runs at a shutdown', () => {
  it('may end in time, with its lease renewed, and nobody takes it over', async () => {
    const clock = new ManualClock();
    const store = new MemoryJobStore({ clock });
    const runs: string[] = [];
    const jobs = (name: string): JobSpec[] => [
      {
        every: '1h',
        run: () => {
          runs.push(name);
          return clock.sleep(30_000);
        },
      },
    ];
    const first = aNode(jobs('first'), { clock, store, leaseMs: 2_000, shutdownTimeoutMs: 60_000 });
    await first.engine.start();
    await clock.advance(HOUR_MS);
    const second = aNode(jobs('second'), { clock, store, leaseMs: 2_000 });
    await second.engine.start();
    const stopped = first.engine.shutdown();
    await clock.advance(30_000);
    await stopped;
    await clock.advance(30_000);
    expect(runs).toEqual(['first']);
    expect(await onlyRun(second)).toMatchObject({ status: 'succeeded', leaseEpoch: 1, crashes: 0 });
  });

  it.each<[string, JobSpec['run'], number]>([
    ['obeys its signal is offered again at once', obedient, 0],
    ['throws something of its own at it is offered again at once', (c) => obedient(c).catch(() => fail()), 0],
    ['ignores its signal is offered again after a lease period', forEver, 60_000],
  ])('and %s, and no attempt is spent', async (_what, run, delayMs) => {
    const node = aNode([{ every: '1h', run }]);
    await node.engine.start();
    await node.clock.advance(HOUR_MS);
    const tookMs = await shutDown(node);
    const execution = await onlyRun(node);
    expect(execution).toMatchObject({ status: 'pending', attempt: 0, crashes: 0, owner: null });
    expect(execution.reason).toBe('its node shut down');
    const { payload } = node.events.events.find(({ name }) => name === 'execution.released') ?? {};
    expect(payload).toMatchObject({ execution: { id: execution.id, reason: 'its node shut down' } });
    expect((payload as { availableAt: Date }).availableAt).toEqual(execution.availableAt);
    const endedAt = new Date('2026-01-01T01:00:00Z').getTime() + tookMs;
    expect(execution.availableAt.getTime()).toBeLessThanOrEqual(endedAt + delayMs);
    expect(execution.availableAt.getTime()).toBeGreaterThanOrEqual(endedAt + delayMs - BOUND_MS + TIMEOUT_MS);
    expect(node.clock.sleepers).toBe(0);
  });

  it.each<[string, JobSpec['run']]>([
    ['obeys', obedient],
    ['ignores', forEver],
  ])("is abandoned when its job says onNodeLoss: 'abandon' and it %s its signal", async (_what, run) => {
    const node = aNode([{ every: '1h', onNodeLoss: 'abandon', run }]);
    await node.engine.start();
    await node.clock.advance(HOUR_MS);
    await shutDown(node);
    expect(await onlyRun(node)).toMatchObject({ status: 'abandoned', reason: 'its node shut down', owner: null });
    expect(node.events.names).toContain('execution.abandoned');
  });

  it('and shuts the scheduler down itself does not wait for itself for ever, awaited or not', async () => {
    for (const isAwaited of [true, false]) {
      let stopped: Promise<void> | undefined;
      const node: TestEngine = aNode([
        {
          every: '1h',
          run: async () => {
            stopped = node.engine.shutdown();
            if (isAwaited) await stopped;
          },
        },
      ]);
      await node.engine.start();
      await node.clock.advance(HOUR_MS);
      await node.clock.advance(BOUND_MS);
      await stopped;
      expect(node.engine.state).toBe('stopped');
      expect((await onlyRun(node)).status).toBe(isAwaited ? 'pending' : 'succeeded');
      expect(node.clock.sleepers).toBe(0);
    }
  });
});

describe('A claim whose commit is answered during a shutdown', () => {
  it.each<[string, number, unknown[]]>([
    ['while runs may still end is run', 1_000, ['ran']],
    ['when runs are told to stop already is given back, and was never run', 8_500, []],
  ])('%s', async (_what, afterMs, ran) => {
    const seen: unknown[] = [];
    const answer = gate();
    const node = aSlowNode([{ every: '1h', onNodeLoss: 'abandon', run: () => void seen.push('ran') }]);
    await node.engine.start();
    await node.clock.advance(HOUR_MS - 1);
    node.slow.hold(['pass'], { before: false, until: answer.opened });
    await node.clock.advance(1);
    const stopped = node.engine.shutdown();
    await node.clock.advance(afterMs);
    answer.open();
    await node.clock.advance(BOUND_MS - afterMs);
    await stopped;
    expect(seen).toEqual(ran);
    const expected = ran.length > 0 ? { status: 'succeeded' } : { status: 'pending', attempt: 0, owner: null };
    const execution = await onlyRun(node);
    expect(execution).toMatchObject(expected);
    expect(execution.availableAt.getTime()).toBeLessThanOrEqual(new Date('2026-01-01T01:00:10Z').getTime());
  });
});

describe('An outcome that cannot be written before the end', () => {
  it('is written by the next start of the process, when nobody took the run over', async () => {
    const runs: string[] = [];
    const node = aFaultyNode([{ every: '1h', run: () => void runs.push('ran') }]);
    await node.engine.start();
    await node.clock.advance(HOUR_MS - 1);
    for (const verb of ['complete', 'retireNode'] as const) node.faults.fail(verb, 'before', { times: Infinity });
    await node.clock.advance(1);
    await shutDown(node);
    expect(await onlyRun(node)).toMatchObject({ status: 'running' });
    expect(node.events.names).toContain('execution.unrecorded');
    node.faults.heal();
    await node.engine.start();
    await node.clock.advance(1_000);
    expect(await onlyRun(node)).toMatchObject({ status: 'succeeded', leaseEpoch: 1 });
    expect(runs).toEqual(['ran']);
  });

  it('is lost with the process, and the run is found and run again by another node', async () => {
    const clock = new ManualClock();
    const store = new MemoryJobStore({ clock });
    const faults = new FaultyStore(store);
    const runs: string[] = [];
    const first = aNode([{ every: '1h', run: () => void runs.push('first') }], { clock, store: faults.store });
    await first.engine.start();
    const second = aNode([{ every: '1h', run: () => void runs.push('second') }], { clock, store });
    await clock.advance(HOUR_MS - 1);
    for (const verb of ['complete', 'retireNode'] as const) faults.fail(verb, 'before', { times: Infinity });
    await clock.advance(1);
    await shutDown(first);
    await second.engine.start();
    await clock.advance(2 * 60_000 + 30_000);
    expect(runs).toEqual(['first', 'second']);
    expect(await onlyRun(second)).toMatchObject({ status: 'succeeded', attempt: 1, leaseEpoch: 3 });
    expect(await ledger(second)).toHaveLength(1);
  });
});

function fail(): never {
  throw new Error('interrupted');
}
