import { describe, expect, it } from 'vitest';
import { ManualClock } from 'nestjs-vigil-testing';

import type { JobContext } from '../../src/engine/job-context.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { addJob, aNode, gate, ledger } from './support.js';

const nothing = (): void => {};

describe('a scheduler', () => {
  it('runs a job at each of its instants and records it', async () => {
    const seen: string[] = [];
    const node = aNode([{ run: (context) => void seen.push(context.scheduledAt.toISOString()) }]);
    await node.engine.start();
    await node.clock.advance(3_000);
    expect(seen).toEqual(['2026-01-01T00:00:01.000Z', '2026-01-01T00:00:02.000Z', '2026-01-01T00:00:03.000Z']);
    expect(await ledger(node)).toEqual([
      { at: '00:00:01', status: 'succeeded' },
      { at: '00:00:02', status: 'succeeded' },
      { at: '00:00:03', status: 'succeeded' },
    ]);
    await stop(node);
  });

  it('gives the handler its context', async () => {
    const contexts: JobContext<unknown>[] = [];
    const node = aNode([{ data: { region: 'eu' }, run: (context) => void contexts.push(context) }]);
    await node.engine.start();
    await node.clock.advance(2_000);
    const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
    expect(contexts[1]).toMatchObject({
      jobId: 'job',
      data: { region: 'eu' },
      scheduledAt: at(2),
      previousRunAt: at(1),
      nextRunAt: at(3),
      attempt: 1,
      isCatchUp: false,
    });
    expect(contexts[0]?.previousRunAt).toBeNull();
    await stop(node);
  });

  it('runs each fire once, however many nodes share the store', async () => {
    const clock = new ManualClock();
    const store = new MemoryJobStore({ clock });
    const runs: string[] = [];
    const run = (context: JobContext<unknown>): void => void runs.push(context.scheduledAt.toISOString());
    const nodes = [1, 2, 3, 4].map(() => aNode([{ run }], { clock, store }));
    await Promise.all(nodes.map(({ engine }) => engine.start()));
    await clock.advance(20_000);
    expect(runs).toHaveLength(20);
    expect(new Set(runs).size).toBe(20);
    for (const node of nodes) await stop(node);
  });

  it('retries a failed run with backoff and keeps the history of its attempts', async () => {
    let attempts = 0;
    const node = aNode([
      {
        every: '1h',
        retry: { maxAttempts: 3, backoff: { kind: 'fixed', delayMs: 10_000, jitter: false } },
        run: () => {
          attempts += 1;
          if (attempts < 3) throw new Error(`attempt ${attempts} went wrong`);
          return { attempts };
        },
      },
    ]);
    await node.engine.start();
    await node.clock.advance(3_600_000);
    expect(attempts).toBe(1);
    await node.clock.advance(10_000);
    expect(attempts).toBe(2);
    await node.clock.advance(10_000);
    const { items } = await node.store.getExecutions({ jobId: 'job' });
    expect(items[0]).toMatchObject({
      execution: { status: 'succeeded', attempt: 3, result: { attempts: 3 } },
      attempts: [{ error: { message: 'attempt 1 went wrong' } }, { error: { message: 'attempt 2 went wrong' } }],
    });
    await stop(node);
  });

  it('skips a fire while the one before still runs, and says so in the ledger', async () => {
    const hold = gate();
    const node = aNode([{ run: () => hold.opened }]);
    await node.engine.start();
    await node.clock.advance(3_000);
    hold.open();
    await node.clock.advance(1_000);
    expect((await ledger(node)).map(({ status }) => status)).toEqual(['succeeded', 'skipped', 'skipped', 'succeeded']);
    await stop(node);
  });

  it('holds no more runs than it has slots', async () => {
    const hold = gate();
    let running = 0;
    const jobs = ['a', 'b', 'c', 'd', 'e'].map((id) => ({
      id,
      run: () => {
        running += 1;
        return hold.opened;
      },
    }));
    const node = aNode(jobs, { concurrency: { default: 2 } });
    await node.engine.start();
    await node.clock.advance(1_500);
    expect(running).toBe(2);
    hold.open();
    await node.clock.advance(0);
    expect(running).toBe(5);
    await stop(node);
  });

  it('aborts a run that takes longer than its timeout and records it as timed out', async () => {
    const causes: unknown[] = [];
    const node = aNode([
      {
        every: '1h',
        timeoutMs: 5_000,
        run: ({ signal }) =>
          new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => {
              causes.push((signal.reason as Error).cause);
              reject(signal.reason as Error);
            }),
          ),
      },
    ]);
    await node.engine.start();
    await node.clock.advance(3_605_000);
    expect(causes).toEqual(['timeout']);
    expect(await ledger(node)).toEqual([{ at: '01:00:00', status: 'timed-out' }]);
    await stop(node);
  });

  it('gives up a handler that ignores its signal when the grace is over', async () => {
    const node = aNode([{ every: '1h', timeoutMs: 5_000, run: () => new Promise(nothing) }]);
    await node.engine.start();
    await node.clock.advance(3_605_000 + 4_999);
    expect(await ledger(node)).toEqual([{ at: '01:00:00', status: 'running' }]);
    await node.clock.advance(1);
    expect(await ledger(node)).toEqual([{ at: '01:00:00', status: 'timed-out' }]);
    await stop(node);
  });

  it('runs a job that was added at run time', async () => {
    const data: unknown[] = [];
    const node = aNode([{ id: 'remind', every: '1d', run: (context) => void data.push(context.data) }]);
    await node.engine.start();
    await addJob(node, { id: 'once', handler: 'remind', data: { user: 7 }, delayMs: 60_000 });
    await node.clock.advance(60_000);
    expect(data).toEqual([{ user: 7 }]);
    expect((await node.store.getJob('once'))?.state).toBe('finished');
    await stop(node);
  });

  it('leaves a job alone whose handler this node does not have', async () => {
    const clock = new ManualClock();
    const store = new MemoryJobStore({ clock });
    const ran: string[] = [];
    const old = aNode([{ id: 'old', run: () => void ran.push('old') }], { clock, store });
    const both = aNode(
      [
        { id: 'old', run: () => void ran.push('old') },
        { id: 'new', every: '10s', run: () => void ran.push('new') },
      ],
      { clock, store },
    );
    await both.engine.start();
    await stop(both);
    await old.engine.start();
    ran.length = 0;
    await clock.advance(30_000);
    expect(ran).not.toContain('new');
    expect((await store.getJob('new'))?.state).toBe('active');
    await stop(old);
  });

  it('quarantines a job whose row cannot be read, and goes on with the others', async () => {
    const node = aNode([
      { id: 'good', run: nothing },
      { id: 'bad', run: nothing },
    ]);
    await node.engine.start();
    await node.store.changeJob('bad', () => ({
      set: { trigger: { kind: 'gibberish' }, codeHash: null, source: 'dynamic' },
    }));
    await node.clock.advance(2_000);
    expect(await node.store.getJob('bad')).toMatchObject({ state: 'quarantined' });
    expect(node.events.names).toContain('job.quarantined');
    expect(await ledger(node, 'good')).toHaveLength(2);
    await stop(node);
  });

  it('keeps the next run of an unchanged job over a restart, and catches up once on what was missed', async () => {
    const clock = new ManualClock();
    const store = new MemoryJobStore({ clock });
    const first = aNode([{ every: '10m', run: nothing }], { clock, store });
    await first.engine.start();
    await clock.advance(600_000);
    await stop(first);
    await clock.advance(35 * 60_000);
    const catchUps: boolean[] = [];
    const second = aNode([{ every: '10m', run: (context) => void catchUps.push(context.isCatchUp) }], { clock, store });
    await second.engine.start();
    await clock.advance(0);
    expect(catchUps).toEqual([true]);
    expect(await ledger(second)).toEqual([
      { at: '00:10:00', status: 'succeeded' },
      { at: '00:20:00', status: 'missed' },
      { at: '00:30:00', status: 'missed' },
      { at: '00:40:00', status: 'succeeded' },
    ]);
    await stop(second);
  });
});

describe('a shutdown', () => {
  it('lets a run finish and records it', async () => {
    const hold = gate();
    const node = aNode([{ run: () => hold.opened }]);
    await node.engine.start();
    await node.clock.advance(1_000);
    const stopped = node.engine.shutdown();
    hold.open();
    await node.clock.advance(0);
    await stopped;
    expect(await ledger(node)).toEqual([{ at: '00:00:01', status: 'succeeded' }]);
    expect(node.engine.state).toBe('stopped');
  });

  it('aborts a run that does not end in time and offers it again without spending an attempt', async () => {
    const causes: unknown[] = [];
    const node = aNode([
      {
        run: ({ signal }) =>
          new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => {
              causes.push((signal.reason as Error).cause);
              reject(signal.reason as Error);
            }),
          ),
      },
    ]);
    await node.engine.start();
    await node.clock.advance(1_000);
    const stopped = node.engine.shutdown();
    await node.clock.advance(10_000);
    await stopped;
    expect(causes).toEqual(['shutdown']);
    const { items } = await node.store.getExecutions({ jobId: 'job' });
    expect(items[0]?.execution).toMatchObject({ status: 'pending', attempt: 0, owner: null });
  });

  it('gives up a run that ignores its signal, within its bound, and offers it only after a lease period', async () => {
    const node = aNode([{ run: () => new Promise(nothing) }]);
    await node.engine.start();
    await node.clock.advance(1_000);
    const startedMs = node.clock.monotonicMs();
    const stopped = node.engine.shutdown();
    await node.clock.advance(11_000);
    await stopped;
    const { items } = await node.store.getExecutions({ jobId: 'job' });
    const availableMs = items[0]!.execution.availableAt.getTime() - new Date('2026-01-01T00:00:01Z').getTime();
    expect(items[0]?.execution).toMatchObject({ status: 'pending', attempt: 0 });
    expect(availableMs).toBeGreaterThanOrEqual(60_000);
    expect(node.clock.monotonicMs() - startedMs).toBeLessThanOrEqual(11_000);
  });

  it('can be followed by another start', async () => {
    const node = aNode([{ run: nothing }]);
    await node.engine.start();
    await node.clock.advance(1_000);
    await stop(node);
    await node.engine.start();
    await node.clock.advance(1_000);
    expect((await ledger(node)).filter(({ status }) => status === 'succeeded')).toHaveLength(2);
    await stop(node);
  });
});

async function stop({ engine, clock }: ReturnType<typeof aNode>): Promise<void> {
  const stopped = engine.shutdown();
  await clock.advance(0);
  await stopped;
}
