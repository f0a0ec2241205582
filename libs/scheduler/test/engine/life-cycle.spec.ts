import { describe, expect, it } from 'vitest';
import { ManualClock } from 'nestjs-vigil-testing';

import type { JobContext } from '../../src/engine/job-context.js';
import type { OutcomeRecord } from '../../src/store/job-store.js';
import { JobStoreUnavailableError } from '../../src/store/errors.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { FaultyStore } from './faulty-store.js';
import { aNode, gate, ledger } from './support.js';

const nothing = (): void => {};

describe('Starting and stopping', () => {
  it('a start during a shutdown follows it, and runs', async () => {
    const node = aNode([{ run: nothing }]);
    await node.engine.start();
    const stopped = node.engine.shutdown();
    const started = node.engine.start();
    await node.clock.advance(0);
    await Promise.all([stopped, started]);
    await node.clock.advance(2_000);
    expect(node.engine.state).toBe('running');
    expect(await ledger(node)).toHaveLength(2);
  });

  it('a start that waits for the database waits for no notifications', async () => {
    const clock = new ManualClock();
    const faults = new FaultyStore(new MemoryJobStore({ clock }));
    faults.fail('listen', 'before', { times: Infinity });
    // the first turn comes after the first failure
    faults.fail('peek', 'before', { times: 2 });
    const node = aNode([{ run: nothing }], { clock, store: faults.store, waitForDatabase: true });
    let isStarted = false;
    const started = node.engine.start().then(() => (isStarted = true));
    await clock.advance(10_000);
    expect([isStarted, node.engine.state]).toEqual([true, 'degraded']);
    const stopped = node.engine.shutdown();
    await clock.advance(11_000);
    await Promise.all([started, stopped]);
  });

  it('a shutdown ends a start that waits for the database', async () => {
    const clock = new ManualClock();
    const faults = new FaultyStore(new MemoryJobStore({ clock }));
    faults.fail('open', 'before', { times: Infinity });
    const node = aNode([{ run: nothing }], { clock, store: faults.store, waitForDatabase: true });
    const started = node.engine.start();
    await clock.advance(5_000);
    const stopped = node.engine.shutdown();
    await clock.advance(11_000);
    await Promise.all([started, stopped]);
    expect(node.engine.state).toBe('stopped');
  });

  it('a shutdown while the store is being opened starts nothing, and reports no failure', async () => {
    const clock = new ManualClock();
    const store = new MemoryJobStore({ clock });
    const opening = gate();
    const slow = new Proxy(store, {
      get: (target, key) => {
        if (key === 'open') {
          return async () => {
            await opening.opened;
            throw new JobStoreUnavailableError('too late', 'not-written');
          };
        }
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      },
    });
    const node = aNode([{ run: nothing }], { clock, store: slow });
    const started = node.engine.start();
    const stopped = node.engine.shutdown();
    await clock.advance(11_000);
    await stopped;
    opening.open();
    await started;
    await clock.advance(5_000);
    expect(node.engine.state).toBe('stopped');
    expect(node.events.names).not.toContain('scheduler.failure');
  });
});

describe('A restart of the database as another one', () => {
  it('brings the declared jobs back that it does not know', async () => {
    const node = aNode([{ run: nothing }]);
    await node.engine.start();
    await node.clock.advance(1_000);
    await node.store.removeJob('job');
    node.engine.session.distrust();
    await node.clock.advance(70_000);
    expect(await node.store.getJob('job')).toMatchObject({ state: 'active' });
    expect((await ledger(node)).length).toBeGreaterThan(1);
  });
});

describe('The health', () => {
  it('a prune that fails changes nothing for those who wait for jobs', async () => {
    const clock = new ManualClock();
    const faults = new FaultyStore(new MemoryJobStore({ clock }));
    faults.fail('prune', 'before', { times: 3, error: () => new Error('permission denied') });
    const node = aNode([{ run: nothing }], { clock, store: faults.store });
    await node.engine.start();
    await clock.advance(61_000);
    expect(node.events.names).toContain('scheduler.failure');
    expect(node.engine.health()).toMatchObject({ state: 'running', ready: true, reconnects: 0 });
  });

  it('is not alive while the loop hangs, whatever else fails', async () => {
    const clock = new ManualClock();
    const store = new MemoryJobStore({ clock });
    const faults = new FaultyStore(store);
    const hanging = new Proxy(faults.store, {
      get: (target, key) => (key === 'peek' ? () => new Promise(nothing) : (Reflect.get(target, key) as unknown)),
    });
    faults.fail('beat', 'before', { times: Infinity });
    const node = aNode([{ run: nothing }], { clock, store: hanging });
    await node.engine.start();
    await clock.advance(170_000);
    expect(node.engine.health().alive).toBe(true);
    await clock.advance(30_000);
    expect(node.engine.health().alive).toBe(false);
  });

  it('without notifications it looks more often and stays ready', async () => {
    const clock = new ManualClock();
    const faults = new FaultyStore(new MemoryJobStore({ clock }));
    faults.fail('listen', 'before', { times: Infinity, error: () => new Error('LISTEN is not allowed here') });
    const node = aNode([{ run: nothing }], { clock, store: faults.store });
    await node.engine.start();
    await clock.advance(10_000);
    expect(node.engine.health()).toMatchObject({ state: 'degraded', ready: true, reconnects: 0 });
    expect(await ledger(node)).toHaveLength(10);
  });

  it('says how late the latest fire of a pass started, and counts no retry', async () => {
    const clock = new ManualClock();
    const store = new MemoryJobStore({ clock });
    const first = aNode([{ every: '1h', run: nothing }], { clock, store });
    await first.engine.start();
    const stopped = first.engine.shutdown();
    await clock.advance(0);
    await stopped;
    await clock.advance(3_600_000 + 90_000);
    const second = aNode([{ every: '1h', run: nothing }], { clock, store });
    await second.engine.start();
    await clock.advance(0);
    expect(second.engine.health().latenessMs).toBe(90_000);
  });
});

describe('A run', () => {
  it('knows the instant before its own, at each attempt and when it waited in a queue', async () => {
    const seen: (string | null)[] = [];
    const node = aNode([
      {
        every: '10m',
        retry: { maxAttempts: 2, backoff: { kind: 'fixed', delayMs: 1_000, jitter: false } },
        run: (context) => {
          seen.push(context.previousRunAt?.toISOString().slice(11, 16) ?? null);
          throw new Error('again');
        },
      },
    ]);
    await node.engine.start();
    await node.clock.advance(1_210_000);
    expect(seen).toEqual([null, null, '00:10', '00:10']);
  });

  it('that was taken over and came back to its node is another run; neither outcome hides the other', async () => {
    const holds = [gate(), gate()];
    let started = 0;
    const node = aNode([{ every: '1h', run: () => holds[started++]?.opened }]);
    await node.engine.start();
    await node.clock.advance(3_600_000);
    const incarnation = node.engine.session.incarnation;
    // judged dead: the row is taken from it, and it comes back with a new incarnation
    const { nodes } = await node.store.beat(incarnation, -1);
    await node.store.rescue(incarnation, nodes[0]!.beat);
    await node.clock.advance(16_000);
    holds[0]!.open();
    holds[1]!.open();
    await node.clock.advance(6_000);
    const { items } = await node.store.getExecutions({ jobId: 'job' });
    expect(started).toBe(2);
    expect(items[0]?.execution).toMatchObject({ status: 'succeeded', owner: null });
    expect(node.events.names.filter((name) => name === 'execution.taken-over')).toHaveLength(1);
  });

  it('that throws what cannot even be looked at has failed, and frees its slot', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const node = aNode([{ retry: { maxAttempts: 1 }, run: () => Promise.reject(proxy as Error) }]);
    await node.engine.start();
    await node.clock.advance(3_000);
    expect((await ledger(node)).map(({ status }) => status)).toEqual(['failed', 'failed', 'failed']);
  });
});

describe('A node that may have lost its lease', () => {
  const untilAborted =
    (causes: unknown[]) =>
    ({ signal }: JobContext<unknown>): Promise<never> =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          causes.push((signal.reason as Error).cause);
          reject(signal.reason as Error);
        }),
      );

  it('asks what may run elsewhere to stop, by its own clock and during the outage, and lets the rest go on', async () => {
    const clock = new ManualClock();
    const faults = new FaultyStore(new MemoryJobStore({ clock }));
    const [rerun, abandon]: unknown[][] = [[], []];
    const jobs = [
      { id: 'rerun', every: '1h' as const, run: untilAborted(rerun!) },
      { id: 'abandon', every: '1h' as const, onNodeLoss: 'abandon' as const, run: untilAborted(abandon!) },
    ];
    const node = aNode(jobs, { clock, store: faults.store });
    await node.engine.start();
    await clock.advance(3_600_000);
    for (const verb of ['beat', 'peek', 'open', 'complete'] as const) faults.fail(verb, 'before', { times: Infinity });
    await clock.advance(59_000);
    expect(rerun).toEqual([]);
    await clock.advance(20_000);
    expect(rerun).toEqual(['lease-lost']);
    expect(abandon).toEqual([]);
    faults.heal();
    await clock.advance(5_000);
    const { items } = await node.store.getExecutions({ jobId: 'rerun' });
    // nobody had taken it: it was given back and is running again
    expect(items[0]?.execution).toMatchObject({ status: 'running', attempt: 1, leaseEpoch: 2 });
  });

  it('is another incarnation when the database has forgotten it, and stops what it ran', async () => {
    const causes: unknown[] = [];
    const node = aNode([{ every: '1h', run: untilAborted(causes) }]);
    await node.engine.start();
    await node.clock.advance(3_600_000);
    const { incarnation } = node.engine.session;
    const { nodes } = await node.store.beat(incarnation, -1);
    await node.store.rescue(incarnation, nodes[0]!.beat);
    node.engine.session.distrust();
    node.engine.wake();
    await node.clock.advance(0);
    expect(causes).toEqual(['lease-lost']);
    expect(node.engine.session.incarnation).not.toBe(incarnation);
  });

  it('leaves nothing of one start to the next', async () => {
    const node = aNode([{ run: nothing }]);
    await node.engine.start();
    const { incarnation } = node.engine.session;
    const stopped = node.engine.shutdown();
    await node.clock.advance(0);
    await stopped;
    await node.engine.start();
    expect(node.engine.session.incarnation).not.toBe(incarnation);
  });
});

describe('An outcome', () => {
  it('whose row somebody else has locked waits, is told again, and holds up no other', async () => {
    const clock = new ManualClock();
    const store = new MemoryJobStore({ clock });
    let busy = true;
    const locked = new Proxy(store, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (key !== 'complete') return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
        return async (outcomes: readonly OutcomeRecord[]) => {
          const isLocked = await Promise.all(
            outcomes.map(async ({ executionId }) => {
              const found = await target.getExecution(executionId);
              return busy && found?.execution.jobId === 'locked';
            }),
          );
          const verdicts = await target.complete(outcomes.filter((_, index) => !isLocked[index]));
          return outcomes.map((_, index) => (isLocked[index] ? { kind: 'busy' } : verdicts.shift()));
        };
      },
    });
    const node = aNode(
      [
        { id: 'locked', run: nothing },
        { id: 'free', run: nothing },
      ],
      { clock, store: locked },
    );
    await node.engine.start();
    await clock.advance(5_000);
    expect((await ledger(node, 'free')).map(({ status }) => status)).toEqual(Array(5).fill('succeeded'));
    expect((await ledger(node, 'locked'))[0]).toEqual({ at: '00:00:01', status: 'running' });
    busy = false;
    await clock.advance(1_000);
    expect((await ledger(node, 'locked'))[0]).toEqual({ at: '00:00:01', status: 'succeeded' });
    expect(node.events.names).not.toContain('scheduler.failure');
  });
});
