import { describe, expect, it } from 'vitest';
import { ManualClock } from 'nestjs-vigil-testing';

import { EngineEvents, listenerFailureTo } from '../../src/engine/engine-events.js';
import type { JobContext } from '../../src/engine/job-context.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { every } from '../../src/triggers/interval.trigger.js';
import type { Trigger } from '../../src/triggers/trigger.js';
import { FaultyStore } from './faulty-store.js';
import { aNode, gate, ledger, type TestEngine } from './support.js';

const nothing = (): void => {};

async function outcomes(node: TestEngine, jobId = 'job'): Promise<unknown[]> {
  const { items } = await node.store.getExecutions({ jobId, limit: 1_000 });
  return items
    .map(({ execution }) => execution)
    .sort((a, b) => +a.scheduledAt - +b.scheduledAt)
    .map(({ status, result, error }) => [status, error?.message ?? result]);
}

type AroundJob = (context: JobContext<unknown>, run: () => Promise<unknown>) => Promise<unknown>;

/** Fires once, after a second. */
async function around(aroundJob: AroundJob, run: (context: JobContext<unknown>) => unknown): Promise<TestEngine> {
  const node = aNode([{ every: '1h', run }], { aroundJob });
  await node.engine.start();
  await node.clock.advance(3_600_000);
  return node;
}

describe('An aroundJob', () => {
  it('that never calls run fails the run: the handler has not run, and nothing says it has', async () => {
    const ran: unknown[] = [];
    const node = await around(
      () => Promise.resolve('as if'),
      () => ran.push('ran'),
    );
    expect(ran).toEqual([]);
    expect(await outcomes(node)).toEqual([['failed', expect.stringMatching(/aroundJob .* without calling run/)]]);
  });

  it('that calls run after it has settled is refused: the run has failed, and the handler does not begin', async () => {
    const ran: unknown[] = [];
    let late: () => Promise<unknown> = () => Promise.reject(new Error('it was never called'));
    const node = await around(
      (_context, run) => Promise.resolve(void (late = run)),
      () => ran.push('ran'),
    );
    await expect(late()).rejects.toThrow('after its aroundJob had settled');
    expect(ran).toEqual([]);
    expect(await outcomes(node)).toEqual([['failed', expect.stringMatching(/without calling run/)]]);
  });

  it('that calls run when the run is given up already does not begin it: it may be offered elsewhere', async () => {
    const ran: unknown[] = [];
    const lock = gate();
    let called!: Promise<unknown>;
    const waiting: AroundJob = (_context, run) => (called = lock.opened.then(run));
    const node = await around(waiting, () => ran.push('ran'));
    const stopped = node.engine.shutdown();
    await node.clock.advance(60_000);
    await stopped;
    lock.open();
    await expect(called).rejects.toThrow('shutting down');
    expect(ran).toEqual([]);
    expect(await outcomes(node)).toEqual([['pending', null]]);
  });

  it('that calls run twice runs the handler once', async () => {
    const ran: unknown[] = [];
    const node = await around(
      async (_context, run) => [await run(), await run()],
      () => ran.push('ran'),
    );
    expect(ran).toEqual(['ran']);
    expect(await outcomes(node)).toEqual([['succeeded', [1, 1]]]);
  });

  it('that does not wait for run leaves the run going on until the handler ends, and its end counts', async () => {
    const hold = gate<string>();
    const forgetful: AroundJob = (_context, run) => {
      void run();
      return Promise.resolve(undefined);
    };
    const node = await around(forgetful, () => hold.opened);
    expect(await outcomes(node)).toEqual([['running', null]]);
    hold.open('done');
    await node.clock.advance(0);
    expect(await outcomes(node)).toEqual([['succeeded', 'done']]);
  });

  it.each<[string, AroundJob, unknown]>([
    [
      'throws before it',
      () => {
        throw new Error('before');
      },
      ['failed', 'before'],
    ],
    ['throws after it', (_, run) => run().then(() => Promise.reject(new Error('after'))), ['failed', 'after']],
    ['gives another result', (_, run) => run().then((value) => `${String(value)}!`), ['succeeded', 'ran!']],
    ['hides what the handler throws', (_, run) => run().catch(() => 'hidden'), ['succeeded', 'ran']],
  ])('that %s has the last word', async (_what, aroundJob, outcome) => {
    expect(await outcomes(await around(aroundJob, () => 'ran'))).toEqual([outcome]);
  });

  it('that throws while the handler is at work holds the slot until it has ended, and leaves nothing unheard', async () => {
    const end = gate();
    const unheard: unknown[] = [];
    const remember = (reason: unknown): void => void unheard.push(reason);
    process.on('unhandledRejection', remember);
    const aroundJob: AroundJob = (_context, run) => {
      void run();
      return Promise.reject(new Error('the wrapper'));
    };
    const node = await around(aroundJob, () => end.opened.then(() => Promise.reject(new Error('the handler'))));
    expect(await outcomes(node)).toEqual([['running', null]]);
    end.open();
    await node.clock.advance(10);
    await new Promise(setImmediate);
    process.off('unhandledRejection', remember);
    expect(await outcomes(node)).toEqual([['failed', 'the wrapper']]);
    expect(unheard).toEqual([]);
  });

  it('that hides what the handler throws has the last word', async () => {
    const aroundJob: AroundJob = (_context, run) => run().catch(() => 'hidden');
    const node = await around(aroundJob, () => Promise.reject(new Error('boom')));
    expect(await outcomes(node)).toEqual([['succeeded', 'hidden']]);
  });
});

describe('A listener', () => {
  it('that adds itself, or others, again while it is called is called once for one event', async () => {
    const node = aNode([{ run: nothing }]);
    const { events } = node.engine;
    const heard: number[] = [0, 0];
    const again = (): void => {
      heard[0]! += 1;
      if (heard[0]! > 1_000) return;
      off();
      off = events.on('execution.succeeded', again);
      if (heard[0] === 1) events.on('execution.succeeded', () => (heard[1]! += 1));
    };
    let off = events.on('execution.succeeded', again);
    await node.engine.start();
    await node.clock.advance(3_000);
    expect(heard).toEqual([3, 2]);
  });

  it('that ends another one’s subscription while it is called disturbs nobody else', async () => {
    const events = new EngineEvents(nothing);
    const heard: string[] = [];
    const payload = { executionId: 'x', jobId: 'job', node: null, status: 'pending', reason: null } as const;
    events.on('execution.rescued', () => {
      offSecond();
      offSecond();
    });
    const offSecond = events.on('execution.rescued', () => heard.push('second'));
    events.on('execution.rescued', () => heard.push('third'));
    events.emit('execution.rescued', payload);
    events.emit('execution.rescued', payload);
    expect(heard.filter((name) => name === 'third')).toHaveLength(2);
    expect(heard.filter((name) => name === 'second').length).toBeLessThanOrEqual(1);
  });

  it('whose failure cannot even be logged changes nothing', () => {
    const loud = (): never => {
      throw new Error('disk full');
    };
    const events = new EngineEvents(listenerFailureTo({ log: loud, warn: loud, error: loud }));
    events.on('execution.rescued', loud);
    events.emit('execution.rescued', { executionId: 'x', jobId: 'job', node: null, status: 'pending', reason: null });
  });

  it('that shuts the scheduler down is obeyed, within the bound', async () => {
    const node = aNode([{ run: () => new Promise(nothing) }]);
    let stopped: Promise<void> | undefined;
    node.engine.events.on('execution.started', () => (stopped = node.engine.shutdown()));
    await node.engine.start();
    await node.clock.advance(1_000);
    await node.clock.advance(11_000);
    await stopped;
    expect(node.engine.state).toBe('stopped');
  });
});

describe('An error that nobody can look at', () => {
  it('ends neither the loop nor the health', async () => {
    const clock = new ManualClock();
    const faults = new FaultyStore(new MemoryJobStore({ clock }));
    const { proxy, revoke } = Proxy.revocable(new Error(), {});
    revoke();
    const odd = Object.defineProperty(new Error(), 'message', {
      get: () => {
        throw new Error('no');
      },
    });
    const node = aNode([{ run: nothing }], { clock, store: faults.store });
    await node.engine.start();
    for (const error of [proxy, odd]) {
      faults.fail('peek', 'before', { times: Infinity, error: () => error });
      await clock.advance(2_000);
      expect(node.engine.health()).toMatchObject({ state: 'disconnected', reason: expect.any(String) });
      faults.heal();
      await clock.advance(10_000);
      expect(node.engine.health()).toMatchObject({ state: 'running', ready: true });
    }
  });
});

describe('A trigger of the user’s own', () => {
  const good = every('1s');
  const own = (odd: Partial<Trigger>): Trigger => ({
    nextAfter: (after) => good.nextAfter(after),
    lastAtOrBefore: (at, notBefore) => good.lastAtOrBefore(at, notBefore),
    describe: () => 'own',
    toJSON: () => ({ kind: 'own' }),
    ...odd,
  });
  const isLate = (at: Date): boolean => at >= new Date('2026-01-01T00:00:03Z');
  const fail = (): never => {
    throw new Error('trigger is broken');
  };
  const past = new Date('2020-01-01T00:00:00Z');

  it.each<[string, Partial<Trigger>]>([
    ['throws', { nextAfter: (after) => (isLate(after) ? fail() : good.nextAfter(after)) }],
    [
      'throws what cannot be looked at',
      {
        nextAfter: (after) => {
          if (!isLate(after)) return good.nextAfter(after);
          throw Object.create(null) as Error;
        },
      },
    ],
    ['returns NaN', { nextAfter: (after) => (isLate(after) ? (Number.NaN as never) : good.nextAfter(after)) }],
    ['returns undefined', { nextAfter: (after) => (isLate(after) ? (undefined as never) : good.nextAfter(after)) }],
    ['returns a text', { nextAfter: (after) => (isLate(after) ? ('2027-01-01' as never) : good.nextAfter(after)) }],
    [
      'returns an invalid date',
      { nextAfter: (after) => (isLate(after) ? new Date(Number.NaN) : good.nextAfter(after)) },
    ],
    ['returns what is over', { nextAfter: (after) => (isLate(after) ? past : good.nextAfter(after)) }],
    ['returns the same instant for ever', { nextAfter: (after) => (isLate(after) ? after : good.nextAfter(after)) }],
  ])('that %s quarantines its job, with the reason, and the others go on', async (_what, odd) => {
    const node = aNode([
      { id: 'job', trigger: own(odd), run: nothing },
      { id: 'other', run: nothing },
    ]);
    await node.engine.start();
    await node.clock.advance(10_000);
    expect(await ledger(node, 'other')).toHaveLength(10);
    const job = await node.store.getJob('job');
    expect(job).toMatchObject({ state: 'quarantined', stateReason: expect.stringContaining('resumeJob("job")') });
    expect(node.events.names.filter((name) => name === 'job.quarantined')).toHaveLength(1);
    expect(node.events.names).not.toContain('scheduler.failure');
  });

  it('that cannot even describe what is wrong with it quarantines its job', async () => {
    let isBroken = false;
    const trigger = own({
      nextAfter: (after) => {
        isBroken = isLate(after);
        return isBroken ? past : good.nextAfter(after);
      },
      describe: () => (isBroken ? fail() : 'own'),
    });
    const node = aNode([{ trigger, run: nothing }]);
    await node.engine.start();
    await node.clock.advance(10_000);
    expect(await node.store.getJob('job')).toMatchObject({ state: 'quarantined' });
    expect(node.events.names).not.toContain('scheduler.failure');
  });

  it.each<[string, (at: Date, notBefore: Date) => Date]>([
    ['throws', fail],
    ['returns an invalid date', () => new Date(Number.NaN)],
    ['returns what was asked to be left out', () => past],
    ['returns what lies ahead', (at) => new Date(at.getTime() + 86_400_000)],
    ['returns a text', () => 'yesterday' as never],
  ])('whose lastAtOrBefore %s quarantines its job when it was late', async (_what, lastAtOrBefore) => {
    const clock = new ManualClock();
    const store = new MemoryJobStore({ clock });
    const jobs = [
      { id: 'job', trigger: own({ lastAtOrBefore }), run: nothing },
      { id: 'other', run: nothing },
    ];
    const first = aNode(jobs, { clock, store });
    await first.engine.start();
    const stopped = first.engine.shutdown();
    await clock.advance(5_000);
    await stopped;
    const second = aNode(jobs, { clock, store });
    await second.engine.start();
    await clock.advance(5_000);
    expect(await store.getJob('job')).toMatchObject({ state: 'quarantined' });
    expect((await ledger(second, 'other')).at(-1)).toEqual({ at: '00:00:10', status: 'succeeded' });
  });
});
