import { ManualClock } from 'nestjs-vigil-testing';
import { expect, it } from 'vitest';

import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import type { JobStore } from '../../src/store/job-store.js';
import { FaultyStore } from './faulty-store.js';
import { aNode, gate } from './support.js';

/** The answer of `resolve` is on its way until it is let go. */
function withSlowResolve(inner: JobStore): { store: JobStore; answer: () => void } {
  const { opened, open } = gate();
  const store = new Proxy(inner, {
    get: (target, key) => {
      if (key !== 'resolve') return Reflect.get(target, key) as unknown;
      return async (...args: Parameters<JobStore['resolve']>) => {
        const owned = await target.resolve(...args);
        await opened;
        return owned;
      };
    },
  });
  return { store, answer: () => open() };
}

it('A run that ends while a lost pass is resolved is not started again', async () => {
  const clock = new ManualClock();
  const faults = new FaultyStore(new MemoryJobStore({ clock }));
  const { store, answer } = withSlowResolve(faults.store);
  const end = gate();
  const starts: string[] = [];
  const { engine } = aNode(
    [
      { id: 'long', every: '1h', run: ({ executionId }) => (starts.push(executionId), end.opened) },
      { id: 'other', every: '2h', run: () => undefined },
    ],
    { clock, store },
  );
  await engine.start();
  await clock.advance(3_601_000);
  faults.fail('pass', 'after');
  await clock.advance(3_600_000);
  end.open();
  await clock.advance(10);
  expect(faults.calls).toContain('complete');
  answer();
  await clock.advance(100);
  expect(starts).toHaveLength(1);
});

it('A run that was cancelled while its claim was not answered hears so at once', async () => {
  const clock = new ManualClock();
  const faults = new FaultyStore(new MemoryJobStore({ clock }));
  const reasons: unknown[] = [];
  const { engine, store } = aNode(
    [
      {
        every: '1s',
        maxRuns: 1,
        run: ({ signal }) => {
          // told when it starts, or as soon as it has started
          const note = (): unknown => reasons.push((signal.reason as { cause?: unknown }).cause ?? signal.reason);
          if (signal.aborted) note();
          else signal.addEventListener('abort', note);
          return new Promise(() => {});
        },
      },
    ],
    { clock, store: faults.store },
  );
  await engine.start();
  faults.fail('pass', 'after');
  faults.fail('resolve', 'before', { times: 3 });
  await clock.advance(1_010);
  const { items } = await store.getExecutions({ jobId: 'job' });
  await store.cancelExecution(items[0]!.execution.id, null);
  await clock.advance(5_000);
  expect(reasons).toHaveLength(1);
});

it('A process that slept for longer than its lease says that it lives before it claims', async () => {
  const clock = new ManualClock();
  const faults = new FaultyStore(new MemoryJobStore({ clock }));
  const { engine } = aNode([{ every: '1h', run: () => undefined }], { clock, store: faults.store, leaseMs: 60_000 });
  await engine.start();
  // past its second beat, after which it looks at its jobs once
  await clock.advance(31_000);
  const monotonicMs = clock.monotonicMs.bind(clock);
  clock.monotonicMs = () => monotonicMs() + 60_000;
  const from = faults.calls.length;
  engine.wake();
  await clock.advance(10);
  expect(faults.calls.slice(from)).toEqual(['beat', 'peek']);
});

it('A run that did not settle after its timeout is offered again only after a lease period', async () => {
  const retry = { maxAttempts: 2, backoff: { kind: 'fixed', delayMs: 1_000, jitter: false } } as const;
  const starts: Date[] = [];
  const { engine, clock } = aNode(
    [
      {
        every: '1h',
        timeoutMs: 5_000,
        retry,
        run: () => (starts.push(clock.now()), new Promise(() => {})),
      },
    ],
    { leaseMs: 60_000 },
  );
  await engine.start();
  await clock.advance(3_600_000 + 10_000 + 59_000);
  expect(starts).toHaveLength(1);
  await clock.advance(2_000);
  expect(starts).toHaveLength(2);
});

it('Two who hear that an incarnation is lost begin one new one', async () => {
  const clock = new ManualClock();
  const faults = new FaultyStore(new MemoryJobStore({ clock }));
  const { engine, store } = aNode([{ every: '1h', run: () => undefined }], { clock, store: faults.store });
  await engine.start();
  const { session } = engine;
  const lost = session.incarnation;
  await Promise.all([session.startAnew(lost), session.startAnew(lost)]);
  await session.startAnew(lost);
  const { nodes } = await store.beat(session.incarnation, 60_000);
  expect(nodes.map(({ incarnation }) => incarnation).sort()).toEqual([lost, session.incarnation].sort());
  expect(faults.calls.filter((verb) => verb === 'registerNode')).toHaveLength(2);
});

it('Whoever hears second that an incarnation is lost waits until the new one is registered', async () => {
  const clock = new ManualClock();
  const inner = new FaultyStore(new MemoryJobStore({ clock })).store;
  const { opened, open } = gate();
  let holds = false;
  const store = new Proxy<JobStore>(inner, {
    get: (target, key) => {
      if (key !== 'registerNode') return Reflect.get(target, key) as unknown;
      return async (node: Parameters<JobStore['registerNode']>[0]) => {
        if (holds) await opened;
        await target.registerNode(node);
      };
    },
  });
  const { engine } = aNode([{ every: '1h', run: () => undefined }], { clock, store });
  await engine.start();
  holds = true;
  const lost = engine.session.incarnation;
  const done: string[] = [];
  const first = engine.session.startAnew(lost).then(() => done.push('first'));
  const second = engine.session.startAnew(lost).then(() => done.push('second'));
  await clock.advance(1);
  expect(done).toEqual([]);
  open();
  await Promise.all([first, second]);
  expect((await store.beat(engine.session.incarnation, 60_000)).alive).toBe(true);
});
