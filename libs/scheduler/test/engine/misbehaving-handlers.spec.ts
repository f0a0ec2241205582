import { Readable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import type { JobExecutionEntity } from '../../src/store/job-execution.entity.js';
import { aNode, gate, ledger, type TestEngine } from './support.js';

const nothing = (): void => {};
const MEGABYTES_10 = 10_000_000;
/** Of real time: how long the event loop may be kept busy with what a handler left behind. */
const NOT_LONG_MS = 5_000;

/** Trips whoever looks at it, in whatever way. */
const UNTOUCHABLE: unknown = new Proxy(
  {},
  Object.fromEntries(
    Reflect.ownKeys(Reflect).map((trap) => [
      trap,
      () => {
        throw new Error('do not touch');
      },
    ]),
  ),
);

function throwing(what: string): () => never {
  return () => {
    throw new Error(what);
  };
}

function withCyclicCause(): Error {
  const error = new Error('outer', { cause: new Error('inner') });
  (error.cause as Error).cause = error;
  return error;
}

function cyclic(): object {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}

async function firstRun(node: TestEngine, jobId = 'job'): Promise<JobExecutionEntity> {
  const { items } = await node.store.getExecutions({ jobId, limit: 1_000 });
  const rows = items.map(({ execution }) => execution).sort((a, b) => +a.scheduledAt - +b.scheduledAt);
  return rows[0]!;
}

/** Two fires of a job that misbehaves, beside one that does not. */
async function twoFires(run: () => unknown): Promise<{ node: TestEngine; first: JobExecutionEntity }> {
  const node = aNode([
    { id: 'job', run },
    { id: 'other', run: nothing },
  ]);
  await node.engine.start();
  await node.clock.advance(2_000);
  expect((await ledger(node, 'other')).map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
  expect(node.events.names).not.toContain('scheduler.failure');
  return { node, first: await firstRun(node) };
}

describe('Whatever a handler throws is recorded, bounded, and every job goes on:', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['a text', () => 'boom', /^boom$/],
    ['undefined', () => undefined, /^undefined$/],
    ['null', () => null, /^null$/],
    ['a symbol', () => Symbol('boom'), /^Symbol\(boom\)$/],
    ['an object whose toString throws', () => ({ toString: throwing('no') }), /cannot even be turned into text/],
    ['an object without a prototype', () => Object.create(null) as unknown, /cannot even be turned into text/],
    ['a frozen error', () => Object.freeze(new Error('frozen')), /^frozen$/],
    [
      'an error whose fields throw',
      () => Object.defineProperty(new Error(), 'message', { get: throwing('no') }),
      /cannot even be turned into text/,
    ],
    ['a proxy that throws at everything', () => UNTOUCHABLE, /do not touch|cannot even be turned into text/],
    ['an error in a ring of causes', withCyclicCause, /^outer$/],
    ['10 MB of text without a space', () => 'a.'.repeat(MEGABYTES_10 / 2), /^a\.a\..*… \(10000000 characters\)$/],
    ['an error of 10 MB', () => new Error('http://a:80/'.repeat(MEGABYTES_10 / 12)), /^http:.*characters\)$/],
  ])('%s', async (_what, thrown, message) => {
    const startedMs = performance.now();
    const { node, first } = await twoFires(() => Promise.reject(thrown() as Error));
    expect(performance.now() - startedMs).toBeLessThan(NOT_LONG_MS);
    expect(first).toMatchObject({ status: 'failed', result: null, owner: null });
    expect(first.error?.message).toMatch(message);
    expect(JSON.stringify(first.error).length).toBeLessThan(40_000);
    expect((await ledger(node)).map(({ status }) => status)).toEqual(['failed', 'failed']);
  });

  it('and no password of a connection string is kept, not even where the text is cut', async () => {
    const connection = 'postgres://shop:hunter2@db/shop';
    for (const length of [0, 8_192 - 20, 8_192 - 10, 200_000]) {
      const { first } = await twoFires(() => Promise.reject(new Error(`${'x'.repeat(length)} ${connection}`)));
      expect(first.error?.message).not.toContain('hunter');
      expect(first.error?.stack).not.toContain('hunter');
    }
  });

  it('also when it throws after its signal was aborted: the abort counts', async () => {
    const node = aNode([
      {
        every: '1h',
        timeoutMs: 1_000,
        run: ({ signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('of its own')))),
      },
    ]);
    await node.engine.start();
    await node.clock.advance(3_602_000);
    expect(await firstRun(node)).toMatchObject({ status: 'timed-out', error: { name: 'TimeoutError' } });
  });
});

describe('Whatever a handler returns, its run has succeeded, and the ledger says what could not be stored:', () => {
  it.each<[string, unknown, unknown]>([
    ['nothing', undefined, null],
    ['a BigInt', 10n, { note: expect.stringContaining('BigInt') }],
    ['a function', nothing, { note: expect.stringContaining('A function was returned') }],
    ['a symbol', Symbol('x'), { note: expect.stringContaining('A symbol was returned') }],
    ['a ring', cyclic(), { note: expect.stringContaining('circular') }],
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['a map', new Map([['a', 1]]), {}],
    ['not a number', Number.NaN, null],
    [
      'a value whose toJSON throws',
      { toJSON: throwing('no JSON of me') },
      { note: expect.stringContaining('no JSON') },
    ],
    ['a promise inside', { inside: new Promise(nothing) }, { inside: {} }],
    ['a proxy that throws at everything', [UNTOUCHABLE], { note: expect.stringContaining('do not touch') }],
    ['text that PostgreSQL has not', 'a\0b\ud800', 'ab\ufffd'],
    ['a text of 10 MB', 'x'.repeat(MEGABYTES_10), { note: expect.stringMatching(/more than 65536 characters/) }],
    ['a buffer of 10 MB', Buffer.alloc(MEGABYTES_10), { note: expect.stringMatching(/more than 65536 characters/) }],
    [
      'a million rows',
      Array.from({ length: 1_000_000 }, (_, id) => ({ id, name: `customer ${id}` })),
      { note: expect.stringMatching(/more than 65536 characters/) },
    ],
  ])('%s', async (_what, value, stored) => {
    const { first } = await twoFires(() => value);
    expect(first).toMatchObject({ status: 'succeeded', error: null });
    expect(first.result).toEqual(stored);
  });

  it('a stream', async () => {
    const { first } = await twoFires(() => Readable.from(['a', 'b']));
    expect(first).toMatchObject({ status: 'succeeded', error: null });
  });

  it('a thenable that throws is a handler that throws', async () => {
    // eslint-disable-next-line unicorn/no-thenable -- that is what is tested
    const { first } = await twoFires(() => ({ then: throwing('from then') }));
    expect(first).toMatchObject({ status: 'failed', error: { message: 'from then' } });
  });

  it('without looking at all of what is far too long', async () => {
    let looks = 0;
    const row = { toJSON: () => (looks += 1) };
    const { first } = await twoFires(() => (looks > 0 ? null : Array(1_000_000).fill(row)));
    expect(first.result).toEqual({ note: expect.stringMatching(/more than 65536 characters/) });
    expect(looks).toBeLessThan(100_000);
  });
});

describe('A handler that never settles', () => {
  it('holds its slot until its timeout and the grace are over, is recorded, and the job goes on', async () => {
    const node = aNode(
      [
        { id: 'stuck', every: '1m', timeoutMs: 2_000, run: () => new Promise(nothing) },
        { id: 'other', every: '1m', run: nothing, priority: -1 },
      ],
      { concurrency: { default: 1 } },
    );
    await node.engine.start();
    await node.clock.advance(60_000 + 6_999);
    expect(await ledger(node, 'stuck')).toEqual([{ at: '00:01:00', status: 'running' }]);
    expect(await ledger(node, 'other')).toEqual([]);
    await node.clock.advance(1_001);
    expect(await ledger(node, 'stuck')).toEqual([{ at: '00:01:00', status: 'timed-out' }]);
    expect(await ledger(node, 'other')).toEqual([{ at: '00:01:00', status: 'succeeded' }]);
    await node.clock.advance(60_000);
    expect(await ledger(node, 'stuck')).toHaveLength(2);
  });
});

describe('The context of a run', () => {
  it('takes any progress, keeps what can be stored of it, and writes a hundred thousand reports as one', async () => {
    const hold = gate();
    const seen: unknown[] = [];
    const node = aNode([
      {
        every: '1h',
        run: (context) => {
          for (let index = 0; index < 100_000; index += 1) context.progress(index / 100_000);
          for (const fraction of [Number.NaN, Infinity, -1, 7, '1' as never]) context.progress(fraction, 'odd');
          context.progress(0.5, `\0${'x'.repeat(MEGABYTES_10)}`);
          return hold.opened;
        },
      },
    ]);
    node.engine.events.on('execution.progress', ({ message, fraction }) => message === 'odd' && seen.push(fraction));
    const startedMs = performance.now();
    await node.engine.start();
    await node.clock.advance(3_602_000);
    expect(performance.now() - startedMs).toBeLessThan(10 * NOT_LONG_MS);
    expect(seen).toEqual([0, 0, 0, 1, 0]);
    expect((await firstRun(node)).progress).toEqual({ fraction: 0.5, message: 'x'.repeat(499) });
    hold.open();
    await node.clock.advance(0);
    expect(await firstRun(node)).toMatchObject({ status: 'succeeded', progress: { fraction: 0.5 } });
  });

  it('reports no progress of a run that is over', async () => {
    const late: (() => void)[] = [];
    const node = aNode([{ every: '1h', run: (context) => void late.push(() => context.progress(0.9)) }]);
    const told: unknown[] = [];
    node.engine.events.on('execution.progress', (event) => told.push(event));
    await node.engine.start();
    await node.clock.advance(3_600_000);
    late[0]!();
    await node.clock.advance(5_000);
    expect(told).toEqual([]);
    expect(await firstRun(node)).toMatchObject({ status: 'succeeded', progress: null });
  });

  it('is its own: what a handler does to data and dates changes no other attempt, no record and no event', async () => {
    const seen: unknown[] = [];
    const node = aNode([
      {
        every: '1h',
        data: { list: [1] },
        retry: { maxAttempts: 2, backoff: { kind: 'fixed', delayMs: 1_000, jitter: false } },
        run: (context) => {
          seen.push(structuredClone([context.data, context.scheduledAt]));
          (context.data as { list: number[] }).list.push(2);
          context.scheduledAt.setFullYear(1999);
          context.startedAt.setFullYear(1999);
          context.nextRunAt?.setFullYear(1999);
          throw new Error('again');
        },
      },
    ]);
    await node.engine.start();
    await node.clock.advance(3_602_000);
    expect(seen).toEqual(Array(2).fill([{ list: [1] }, new Date('2026-01-01T01:00:00Z')]));
    expect(await node.store.getJob('job')).toMatchObject({ data: { list: [1] } });
    expect(await firstRun(node)).toMatchObject({ data: { list: [1] }, scheduledAt: new Date('2026-01-01T01:00:00Z') });
    const { execution } = await node.events.waitFor('execution.failed');
    expect(execution.scheduledAt).toEqual(new Date('2026-01-01T01:00:00Z'));
  });
});
