import { describe, expect, it } from 'vitest';

import { draftJob } from '../../src/engine/job-draft.js';
import { InvalidJobError } from '../../src/engine/job-settings.js';
import { every } from '../../src/triggers/interval.trigger.js';
import type { JobContext } from '../../src/engine/job-context.js';
import { aNode, ledger } from './support.js';

const HOUR = 3_600_000;
const TIMEOUT_MS = 1_000;

describe('A run that takes longer than its timeoutMs', () => {
  /** What a handler does once its signal is aborted, and how long after that its slot is free. */
  it.each<[string, (context: JobContext<unknown>) => unknown, number]>([
    ['throws the reason', ({ signal }) => new Promise((_, fail) => onAbort(signal, () => fail(signal.reason))), 0],
    ['throws something else', ({ signal }) => new Promise((_, fail) => onAbort(signal, () => fail(new Error('x')))), 0],
    ['returns as if nothing was', ({ signal }) => new Promise((end) => onAbort(signal, () => end('done'))), 0],
    ['ignores it', () => new Promise(() => {}), 5_000],
  ])('is timed out where its handler %s, and its slot is held as long as it is at work', async (_, run, heldMs) => {
    const causes: unknown[] = [];
    const node = aNode(
      [
        {
          every: '1h',
          timeoutMs: TIMEOUT_MS,
          run: (context) => {
            onAbort(context.signal, () => causes.push((context.signal.reason as Error).cause));
            return run(context);
          },
        },
        { id: 'other', every: '1h', priority: -1, run: () => {} },
      ],
      { concurrency: { default: 1 } },
    );
    await node.engine.start();
    await node.clock.advance(HOUR + TIMEOUT_MS - 1);
    expect(causes).toEqual([]);
    await node.clock.advance(1 + heldMs - 1);
    if (heldMs > 0) {
      expect(await ledger(node)).toMatchObject([{ status: 'running' }]);
      expect(await ledger(node, 'other')).toEqual([]);
    }
    // the loop looks again within a second
    await node.clock.advance(1_001);
    expect(causes).toEqual(['timeout']);
    const { items } = await node.store.getExecutions({ jobId: 'job' });
    const error = { name: 'TimeoutError', message: 'The run took longer than its timeoutMs of 1000.' };
    expect(items[0]!.execution).toMatchObject({ status: 'timed-out', error, result: null });
    expect(items[0]!.execution.durationMs).toBe(TIMEOUT_MS + heldMs);
    expect(await ledger(node, 'other')).toMatchObject([{ status: 'succeeded' }]);
  });

  it('has its next attempts, each with a time of its own', async () => {
    const retry = { maxAttempts: 2, backoff: { kind: 'fixed', delayMs: 0, jitter: false } } as const;
    const node = aNode([
      { every: '1h', timeoutMs: TIMEOUT_MS, retry, run: ({ signal }) => new Promise((end) => onAbort(signal, end)) },
    ]);
    await node.engine.start();
    await node.clock.advance(HOUR + 5_000);
    const [found] = (await node.store.getExecutions({ jobId: 'job' })).items;
    expect(found).toMatchObject({
      execution: { status: 'timed-out', attempt: 2 },
      attempts: [{ attempt: 1, error: { name: 'TimeoutError' } }],
    });
  });

  it('is not one that ends a moment before', async () => {
    const node = aNode([{ every: '1h', timeoutMs: TIMEOUT_MS, run: () => node.clock.sleep(TIMEOUT_MS - 1) }]);
    await node.engine.start();
    await node.clock.advance(HOUR + 10_000);
    expect(await ledger(node)).toMatchObject([{ status: 'succeeded' }]);
  });
});

describe('timeoutMs', () => {
  const draft = (timeoutMs: number) =>
    draftJob({
      id: 'x',
      handler: 'x',
      schedule: { kind: 'trigger', trigger: every('1h'), maxRuns: null, jitterMs: 0 },
      data: null,
      source: 'dynamic',
      settings: [{ timeoutMs }],
    });

  it.each([0, 0.5, -1, Number.NaN, Infinity, 2 ** 31, '7'])('%s is refused: no timer takes it', (timeoutMs) => {
    expect(() => draft(timeoutMs as number)).toThrow(InvalidJobError);
  });

  it.each([1, 1.5, 2 ** 31 - 1])('%s is taken', (timeoutMs) => {
    expect(draft(timeoutMs).settings.timeoutMs).toBe(timeoutMs);
  });
});

function onAbort(signal: AbortSignal, then: (value?: unknown) => void): void {
  signal.addEventListener('abort', () => then(), { once: true });
}
