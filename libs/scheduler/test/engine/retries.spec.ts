import { afterEach, describe, expect, it } from 'vitest';

import { FatalError, RetryableError } from '../../src/engine/job-context.js';
import { backoffMs } from '../../src/engine/outcome.js';
import { executionInfo, type ExecutionInfo } from '../../src/engine/info.js';
import type { Backoff, RetryPolicy } from '../../src/store/job.entity.js';
import type { JobStore } from '../../src/store/job-store.js';
import { memoryCluster, postgresCluster, type Cluster } from './cluster.js';
import { aNode } from './support.js';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const YEAR = 365 * 24 * HOUR;

const retrying = (backoff?: Backoff): { retry: RetryPolicy } => ({
  retry: { maxAttempts: 9, ...(backoff && { backoff }) },
});

async function onlyExecution(store: JobStore): Promise<ExecutionInfo> {
  const { items } = await store.getExecutions({ jobId: 'job' });
  expect(items).toHaveLength(1);
  return executionInfo(items[0]!.execution, items[0]!.attempts);
}

describe('The wait after an attempt', () => {
  it.each<[Backoff, (readonly [attempt: number, waitMs: number])[]]>([
    [
      { kind: 'fixed', delayMs: 300 },
      [
        [1, 300],
        [2, 300],
        [1_000_000, 300],
      ],
    ],
    [
      { kind: 'fixed', delayMs: 0 },
      [
        [1, 0],
        [7, 0],
      ],
    ],
    [{ kind: 'fixed', delayMs: 2 * HOUR }, [[1, 2 * HOUR]]],
    [{ kind: 'fixed', delayMs: 2 * HOUR, maxDelayMs: HOUR }, [[1, HOUR]]],
    [
      { kind: 'linear', delayMs: SECOND },
      [
        [1, SECOND],
        [2, 2 * SECOND],
        [3, 3 * SECOND],
        [1_000_000, HOUR],
      ],
    ],
    [
      { kind: 'linear', delayMs: 0.4 },
      [
        [1, 0],
        [2, 1],
      ],
    ],
    [
      { kind: 'exponential', delayMs: SECOND },
      [
        [1, SECOND],
        [2, 2 * SECOND],
        [3, 4 * SECOND],
        [12, 2_048 * SECOND],
      ],
    ],
    [
      { kind: 'exponential', delayMs: SECOND },
      [
        [13, HOUR],
        [40, HOUR],
        [1_000_000, HOUR],
      ],
    ],
    [
      { kind: 'exponential', delayMs: SECOND, maxDelayMs: 5 * SECOND },
      [
        [3, 4 * SECOND],
        [4, 5 * SECOND],
      ],
    ],
    [
      { kind: 'exponential', delayMs: 100 * YEAR, maxDelayMs: 100 * YEAR },
      [
        [1, YEAR],
        [1_000_000, YEAR],
      ],
    ],
  ])('of %j is bounded, and grows as it says', (backoff, waits) => {
    for (const [attempt, waitMs] of waits) {
      expect([attempt, backoffMs(retrying({ ...backoff, jitter: false }), attempt, () => 0)]).toEqual([
        attempt,
        waitMs,
      ]);
    }
  });

  it.each([
    [0, 500],
    [0.5, 750],
    [1 - Number.EPSILON, 1_000],
  ])('has a jitter between half of it and all of it, unless it says otherwise (%f)', (random, waitMs) => {
    expect(backoffMs(retrying({ kind: 'fixed', delayMs: SECOND }), 1, () => random)).toBe(waitMs);
    expect(backoffMs(retrying({ kind: 'fixed', delayMs: SECOND, jitter: false }), 1, () => random)).toBe(SECOND);
  });

  it('is exponential from a second, with jitter, when nothing is said', () => {
    expect([1, 2, 3].map((attempt) => backoffMs(retrying(), attempt, () => 0))).toEqual([500, 1_000, 2_000]);
  });
});

/** One that does not even say what it is. */
function nameless(): Error {
  return Object.defineProperty(new Error('boom'), 'name', {
    get: () => {
      throw new Error('no name');
    },
  });
}

/** What a second copy of the package would throw. */
function foreign(name: 'FatalError' | 'RetryableError', delayMs?: number): Error {
  return Object.assign(new Error('of another copy'), { name, delayMs });
}

describe('What a handler throws decides about its next attempt:', () => {
  const BACKOFF_MS = 10 * SECOND;

  /** How long after the first attempt the second one is due; null: there is none. */
  async function waitAfter(thrown: unknown): Promise<{ waitMs: number | null; execution: ExecutionInfo }> {
    const retry = { maxAttempts: 2, backoff: { kind: 'fixed', delayMs: BACKOFF_MS, jitter: false } } as const;
    const node = aNode([{ every: '1h', retry, run: () => Promise.reject(thrown as Error) }]);
    await node.engine.start();
    await node.clock.advance(HOUR);
    const { execution, retryAt } = await node.events.waitFor('execution.failed');
    const stored = await onlyExecution(node.store);
    return { waitMs: retryAt && +retryAt - +node.clock.now(), execution: { ...stored, id: execution.id } };
  }

  it.each<[string, unknown, number | null]>([
    ['an error waits out the backoff', new Error('boom'), BACKOFF_MS],
    ['so does one that throws when it is looked at', nameless(), BACKOFF_MS],
    ['a RetryableError waits as long as it says', new RetryableError('later', 3), 3],
    ['a RetryableError may be due at once', new RetryableError('now', 0), 0],
    ['a RetryableError waits for a year at most', new RetryableError('never', 1e300), YEAR],
    ['so does one that says Infinity', new RetryableError('never', Infinity), YEAR],
    ['a RetryableError of another copy of the package is one', foreign('RetryableError', 5), 5],
    ['a RetryableError that is a cause is not one', new Error('o', { cause: new RetryableError('x', 3) }), BACKOFF_MS],
    ['a FatalError ends the execution', new FatalError('no use'), null],
    ['a FatalError of another copy of the package does so, too', foreign('FatalError'), null],
    ['a FatalError that is a cause does not', new Error('outer', { cause: new FatalError('no use') }), BACKOFF_MS],
  ])('%s', async (_, thrown, waitMs) => {
    expect((await waitAfter(thrown)).waitMs).toBe(waitMs);
  });

  it.each([Number.NaN, -1, undefined, '7'])(
    'a delay that is none (%s) gives way to the backoff, and is told',
    async (ms) => {
      const { waitMs, execution } = await waitAfter(new RetryableError('later', ms as number));
      expect(waitMs).toBe(BACKOFF_MS);
      expect(execution.reason).toBe(`waits for its next attempt; the delayMs of its error is ${ms}, which is none`);
    },
  );
});

describe('An attempt that did not settle when it was told to', () => {
  it.each([
    ['as long as a lease at least, as it may still be at work', 0, 60 * SECOND],
    ['as its backoff says, when that is longer', 90 * SECOND, 90 * SECOND],
  ])('has the next one wait %s', async (_, delayMs, waitMs) => {
    const retry = { maxAttempts: 2, backoff: { kind: 'fixed', delayMs, jitter: false } } as const;
    const node = aNode([{ every: '1h', timeoutMs: SECOND, retry, run: () => new Promise(() => {}) }]);
    const waits: number[] = [];
    node.engine.events.on('execution.failed', ({ retryAt }) =>
      waits.push(retryAt!.getTime() - node.clock.now().getTime()),
    );
    await node.engine.start();
    await node.clock.advance(HOUR + 10 * SECOND);
    expect(waits).toEqual([waitMs]);
  });
});

describe.each([
  ['in memory', memoryCluster],
  ['on PostgreSQL', postgresCluster],
])('Two nodes, %s', (_, make) => {
  let cluster: Cluster;
  afterEach(() => cluster.dispose());

  it('leave every attempt in the history: which node, when, and why it failed', async () => {
    cluster = await make();
    const retry = { maxAttempts: 3, backoff: { kind: 'exponential', delayMs: 10 * SECOND, jitter: false } } as const;
    const runs: string[] = [];
    const jobOn = (node: string) => ({
      every: '1h' as const,
      retry,
      run: ({ attempt }: { attempt: number }) => {
        runs.push(node);
        throw new Error(`attempt ${attempt} on ${node}`);
      },
    });
    const first = await cluster.node([jobOn('a')], { nodeName: 'a' });
    await cluster.start(first);
    await cluster.advance(HOUR);
    await cluster.stop(first);
    const second = await cluster.node([jobOn('b')], { nodeName: 'b' });
    await cluster.start(second);
    await cluster.advance(10 * SECOND);
    await cluster.advance(20 * SECOND);

    const at = (seconds: number): Date => new Date(+new Date('2026-01-01T01:00:00Z') + seconds * SECOND);
    expect(runs).toEqual(['a', 'b', 'b']);
    expect(await onlyExecution(cluster.store)).toMatchObject({
      status: 'failed',
      attempt: 3,
      node: 'b',
      error: { message: 'attempt 3 on b' },
      startedAt: at(0),
      finishedAt: at(30),
      attempts: [
        { attempt: 1, node: 'a', startedAt: at(0), finishedAt: at(0), error: 'attempt 1 on a' },
        { attempt: 2, node: 'b', startedAt: at(10), finishedAt: at(10), error: 'attempt 2 on b' },
      ],
    });
    await cluster.stop(second);
  });
});
