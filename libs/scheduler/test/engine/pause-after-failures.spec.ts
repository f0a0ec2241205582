import { afterEach, describe, expect, it } from 'vitest';

import type { SchedulerEvents } from '../../src/engine/engine-events.js';
import { memoryCluster, postgresCluster, type Cluster } from './cluster.js';
import { ledger, type JobSpec, type TestEngine } from './support.js';

const HOUR = 3_600_000;

describe.each([
  ['in memory', memoryCluster],
  ['on PostgreSQL', postgresCluster],
])('A job with pauseAfterFailures, on two nodes, %s,', (_, make) => {
  let cluster: Cluster;
  afterEach(() => cluster.dispose());

  /** How each fire ends, in turn; the last one goes on for ever. */
  async function failing(ends: readonly ('fails' | 'succeeds' | 'hangs')[], spec: Partial<JobSpec> = {}) {
    cluster = await make();
    let runs = 0;
    const paused: SchedulerEvents['job.paused'][] = [];
    const job: JobSpec = {
      every: '1h',
      pauseAfterFailures: 3,
      ...spec,
      run: ({ attempt }) => {
        const end = ends[Math.min(attempt === 1 ? runs++ : runs - 1, ends.length - 1)];
        if (end === 'fails') throw new Error(`run ${runs}, attempt ${attempt}`);
        return end === 'hangs' ? new Promise(() => {}) : undefined;
      },
    };
    const nodes: TestEngine[] = [];
    for (const nodeName of ['a', 'b']) {
      const node = await cluster.node([job], { nodeName });
      node.engine.events.on('job.paused', (event) => paused.push(event));
      await cluster.start(node);
      nodes.push(node);
    }
    const hours = async (count: number): Promise<void> => {
      for (let hour = 0; hour < count; hour += 1) {
        // past its retries and the grace of its timeout, so that nobody counts while a fire is decided
        await cluster.advance(HOUR - 240_000);
        for (let minute = 0; minute < 4; minute += 1) await cluster.advance(60_000);
      }
    };
    const stop = async (): Promise<void> => {
      for (const node of nodes) await cluster.stop(node);
    };
    return { nodes, paused, hours, stop, row: async () => (await cluster.store.getJob('job'))! };
  }

  it('stands still after so many executions in a row that failed, says which error, and tells once', async () => {
    const retry = { maxAttempts: 2, backoff: { kind: 'fixed', delayMs: 1_000, jitter: false } } as const;
    const { nodes, paused, hours, row, stop } = await failing(['fails'], { retry });
    await hours(2);
    expect(await row()).toMatchObject({ state: 'active', consecutiveFailures: 1 });
    await hours(4);
    expect((await ledger(nodes[0]!)).map(({ status }) => status)).toEqual(['failed', 'failed', 'failed']);
    const reason = '3 executions in a row failed, the last with Error: run 3, attempt 2';
    expect(await row()).toMatchObject({ state: 'paused', stateBy: 'pauseAfterFailures', stateReason: reason });
    expect(paused).toMatchObject([{ job: { id: 'job', state: 'paused', by: 'pauseAfterFailures', reason } }]);
    await stop();
  });

  it('counts what timed out, and begins anew after a success', async () => {
    const { nodes, hours, row, stop } = await failing(['fails', 'hangs', 'succeeds', 'hangs', 'hangs', 'hangs'], {
      timeoutMs: 1_000,
    });
    await hours(8);
    expect((await ledger(nodes[0]!)).map(({ status }) => status)).toEqual([
      'failed',
      'timed-out',
      'succeeded',
      'timed-out',
      'timed-out',
      'timed-out',
    ]);
    expect(await row()).toMatchObject({ state: 'paused', consecutiveFailures: 3 });
    await stop();
  });
});
