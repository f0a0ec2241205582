import { describe, expect, it } from 'vitest';
import { ManualClock } from 'nestjs-vigil-testing';

import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { FaultyStore, type Fault } from './faulty-store.js';
import { aNode, gate, ledger, type JobSpec, type TestEngine } from './support.js';

/** A node on a store whose calls fail when told to, with a job that fires each second. */
function aFaultyNode(jobs: readonly JobSpec[]): TestEngine & { faults: FaultyStore } {
  const clock = new ManualClock();
  const faults = new FaultyStore(new MemoryJobStore({ clock }));
  return { ...aNode(jobs, { clock, store: faults.store }), faults };
}

/** Every second of the time so far, as the ledger writes it. */
function seconds(from: number, until: number): string[] {
  return Array.from({ length: until - from + 1 }, (_, index) => `00:00:${String(from + index).padStart(2, '0')}`);
}

const VERBS: { verb: Parameters<FaultyStore['fail']>[0]; what: string; faults: Fault[] }[] = [
  { verb: 'peek', what: 'reads the next due instant', faults: ['before'] },
  { verb: 'pass', what: 'claims, records and advances', faults: ['before', 'after'] },
  { verb: 'complete', what: 'completes', faults: ['before', 'after'] },
  { verb: 'beat', what: 'renews the lease', faults: ['before', 'after'] },
  { verb: 'listen', what: 'listens', faults: ['before'] },
  { verb: 'open', what: 'opens the store after a failure', faults: ['before'] },
  { verb: 'registerNode', what: 'announces the node after a failure', faults: ['before', 'after'] },
  { verb: 'reconnect', what: 'reconnects', faults: ['before'] },
  { verb: 'resolve', what: 'resolves a lost commit', faults: ['before'] },
];

describe('An error never ends the loop, loses a fire or runs one twice:', () => {
  for (const { verb, what, faults } of VERBS) {
    for (const fault of faults) {
      for (const times of [1, 5]) {
        const when = fault === 'before' ? 'before it reached the database' : 'after the database had executed it';
        it(`in the statement that ${what}, lost ${times} times ${when}`, async () => {
          const runs: string[] = [];
          const node = aFaultyNode([
            { run: (context) => void runs.push(context.scheduledAt.toISOString().slice(11, 19)) },
          ]);
          await node.engine.start();
          await node.clock.advance(2_500);
          // what only happens after a failure is made to happen
          if (['open', 'registerNode', 'reconnect'].includes(verb)) node.faults.fail('peek', 'before');
          if (verb === 'resolve') node.faults.fail('pass', 'after');
          node.faults.fail(verb, fault, { times });
          await node.clock.advance(47_000);
          await judge(node, runs, 49);
          expect(node.engine.state).toBe('running');
        });
      }
    }
  }

  it('with a job that is finished by the lost statement', async () => {
    for (const fault of ['before', 'after'] as const) {
      const runs: string[] = [];
      const node = aFaultyNode([{ maxRuns: 1, run: () => void runs.push('run') }]);
      await node.engine.start();
      node.faults.fail('pass', fault);
      await node.clock.advance(20_000);
      expect(runs).toEqual(['run']);
      expect(await node.store.getJob('job')).toMatchObject({ state: 'finished', runCount: 1 });
    }
  });

  it('when another process deletes the row meanwhile', async () => {
    const hold = gate();
    const node = aFaultyNode([
      { id: 'deleted', run: () => hold.opened },
      { id: 'other', run: () => {} },
    ]);
    await node.engine.start();
    await node.clock.advance(1_000);
    await node.store.removeJob('deleted');
    hold.open();
    await node.clock.advance(5_000);
    expect(await ledger(node, 'other')).toHaveLength(6);
    expect(await ledger(node, 'deleted')).toEqual([{ at: '00:00:01', status: 'succeeded' }]);
    expect(node.engine.state).toBe('running');
  });

  it.each([
    ['undefined', undefined],
    ['a text', 'boom'],
    ['an object without a prototype', Object.create(null) as object],
    [
      'an error whose message throws',
      Object.defineProperty(new Error(), 'message', {
        get: () => {
          throw new Error('no');
        },
      }),
    ],
  ])('whatever is thrown: %s', async (_what, thrown) => {
    const runs: string[] = [];
    const node = aFaultyNode([{ run: (context) => void runs.push(context.scheduledAt.toISOString().slice(11, 19)) }]);
    await node.engine.start();
    for (const verb of ['peek', 'pass', 'complete', 'beat'] as const)
      node.faults.fail(verb, 'before', { error: () => thrown });
    await node.clock.advance(30_000);
    await judge(node, runs, 30);
  });

  it('by listeners that throw, reject or hang', async () => {
    const runs: string[] = [];
    const node = aFaultyNode([{ run: (context) => void runs.push(context.scheduledAt.toISOString().slice(11, 19)) }]);
    for (const event of ['execution.started', 'execution.succeeded', 'scheduler.failure', 'scheduler.state'] as const) {
      node.engine.events.on(event, () => {
        throw new Error('listener');
      });
      node.engine.events.on(event, () => Promise.reject(new Error('listener')));
      node.engine.events.on(event, () => new Promise(() => {}));
    }
    await node.engine.start();
    node.faults.fail('pass', 'before');
    await node.clock.advance(10_000);
    await judge(node, runs, 10);
  });
});

describe('A finished run is never lost while its process lives:', () => {
  it('its outcome is written when the database is back after ten minutes', async () => {
    const hold = gate<string>();
    const node = aFaultyNode([{ every: '1h', run: () => hold.opened }]);
    await node.engine.start();
    await node.clock.advance(3_600_000);
    for (const verb of ['complete', 'peek', 'beat', 'open'] as const)
      node.faults.fail(verb, 'before', { times: Infinity });
    hold.open('done');
    await node.clock.advance(600_000);
    node.faults.heal();
    await node.clock.advance(2_000);
    const { items } = await node.store.getExecutions({ jobId: 'job' });
    expect(items[0]?.execution).toMatchObject({ status: 'succeeded', result: 'done', leaseEpoch: 1 });
  });
});

describe('The engine tells the truth about itself:', () => {
  it('running, degraded, disconnected, recovering, running', async () => {
    const node = aFaultyNode([{ run: () => {} }]);
    await node.engine.start();
    await node.clock.advance(1_000);
    expect(node.engine.health()).toMatchObject({ state: 'running', alive: true, ready: true, reason: null });
    node.faults.fail('peek', 'before', { times: 8 });
    node.faults.fail('reconnect', 'before', { times: 7 });
    await node.clock.advance(2_000);
    expect(node.engine.health()).toMatchObject({ state: 'disconnected', alive: true, ready: false });
    expect(node.engine.health().reason).toContain('The connection was lost during peek');
    await node.clock.advance(10_000);
    const states = node.events.events.flatMap((event) => (event.name === 'scheduler.state' ? [event.payload.to] : []));
    expect(states).toEqual(['starting', 'running', 'degraded', 'disconnected', 'recovering', 'running']);
  });
});

/** Each second up to `until` is in the ledger once, and no handler ran twice for one. */
async function judge(node: TestEngine, runs: readonly string[], until: number): Promise<void> {
  const { items } = await node.store.getExecutions({ jobId: 'job', limit: 1_000 });
  const covered = items.flatMap(({ execution: { scheduledAt, untilAt, status } }) => {
    expect(['succeeded', 'missed', 'skipped']).toContain(status);
    return seconds(scheduledAt.getUTCSeconds(), (untilAt ?? scheduledAt).getUTCSeconds());
  });
  expect(covered.sort()).toEqual(seconds(1, until));
  expect(new Set(runs).size).toBe(runs.length);
  const succeeded = items.filter(({ execution }) => execution.status === 'succeeded');
  expect(runs).toHaveLength(succeeded.length);
}
