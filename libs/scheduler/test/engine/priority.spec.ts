import { randomUUID } from 'node:crypto';

import { afterEach, describe, expect, it } from 'vitest';

import { decide } from '../../src/engine/decide.js';
import { anchored } from '../../src/triggers/built-in.js';
import { every } from '../../src/triggers/interval.trigger.js';
import { memoryCluster, postgresCluster, type Cluster } from './cluster.js';
import { after, aRow, CREATED, NONE_ACTIVE } from './deciding.js';
import type { JobSpec } from './support.js';

const SECOND = 1_000;
const STEP_MS = 5 * SECOND;

describe.each([
  ['in memory', memoryCluster],
  ['on PostgreSQL', postgresCluster],
])('Two nodes with a slot each and twice as much to do, %s:', (_, make) => {
  let cluster: Cluster;
  afterEach(() => cluster.dispose());

  /** Four jobs that are due all the time, and take five seconds each. `started`: what began, and when. */
  async function flooded(priority: number, others: readonly JobSpec[]) {
    cluster = await make();
    const started: { id: string; afterMs: number }[] = [];
    const beginning = cluster.clock.now().getTime();
    const taking =
      (ms: number): JobSpec['run'] =>
      async ({ jobId }) => {
        started.push({ id: jobId, afterMs: cluster.clock.now().getTime() - beginning });
        await cluster.clock.sleep(ms);
      };
    const flood = ['a', 'b', 'c', 'd'].map((id): JobSpec => ({ id, every: '5s', priority, run: taking(STEP_MS) }));
    const jobs = [...flood, ...others.map((job) => ({ ...job, run: taking(0) }))];
    const nodes = [
      await cluster.node(jobs, { nodeName: 'one', concurrency: { default: 1 } }),
      await cluster.node(jobs, { nodeName: 'two', concurrency: { default: 1 } }),
    ];
    for (const node of nodes) await cluster.start(node);
    const seconds = async (count: number): Promise<void> => {
      for (let passed = 0; passed < count * SECOND; passed += STEP_MS) await cluster.advance(STEP_MS);
    };
    /** What runs may end. */
    const stop = async (): Promise<void> => {
      const stopped = Promise.all(nodes.map(({ engine }) => engine.shutdown()));
      await seconds(10);
      await stopped;
    };
    return { started, seconds, stop, startOf: (id: string) => started.find((each) => each.id === id)?.afterMs };
  }

  it('what has a lower priority waits for the head start of the others, and is not starved', async () => {
    const low: JobSpec = { id: 'low', every: '5s', misfire: 'coalesce', run: () => {} };
    const { startOf, seconds, stop } = await flooded(1, [low]);
    await seconds(60);
    expect(startOf('low')).toBeUndefined();
    await seconds(20);
    expect(startOf('low')).toBeGreaterThanOrEqual(65 * SECOND);
    await stop();
  });

  it('so does what was asked for by hand, and what has a higher priority overtakes both', async () => {
    const idle = { every: '1d' as const, run: () => {} };
    const { startOf, started, seconds, stop } = await flooded(0, [
      { ...idle, id: 'plain' },
      { ...idle, id: 'urgent', priority: 1 },
    ]);
    await seconds(25);
    const before = started.length;
    for (const jobId of ['plain', 'urgent']) {
      await cluster.store.addManualExecution(jobId, { id: randomUUID(), data: null, reason: null });
    }
    await seconds(15);
    expect(started.slice(before, before + 2).map(({ id }) => id)).toContain('urgent');
    expect(startOf('plain')).toBeLessThanOrEqual(40 * SECOND);
    expect(startOf('urgent')).toBeLessThanOrEqual(startOf('plain')!);
    await stop();
  });
});

it('A pass gives its slot to who waits longest, whether that is due or waits, and a priority is a head start', () => {
  const at = (seconds: number): Date => after(3_600 + seconds);
  const due = (id: string, seconds: number, priority = 0) => ({
    job: { ...aRow(id, { priority, every: '1h' }), nextRunAt: at(seconds), wakeAt: at(seconds) },
    isDue: true,
    ...NONE_ACTIVE,
  });
  const asked = (id: string, seconds: number) => ({
    job: aRow(id, { every: '1d' }),
    isDue: false,
    ...NONE_ACTIVE,
    queued: 1,
    pending: [{ id: `${id} by hand`, kind: 'manual' as const, isReoffered: false, urgentSince: at(seconds) }],
  });
  const firstOf = (...jobs: Parameters<typeof decide>[0]['jobs'][number][]): string => {
    const slots = new Map([['default', 1]]);
    const triggerOf = () => anchored(every('1h'), CREATED);
    const { records, claims } = decide({ now: at(0), jobs }, { canRun: () => true, triggerOf, slots });
    const uid = records.find(({ status }) => status === 'running')?.jobUid;
    return claims[0] ?? jobs.find(({ job }) => job.uid === uid)!.job.id;
  };
  expect(firstOf(due('fire', -5), asked('job', -10))).toBe('job by hand');
  expect(firstOf(due('fire', -15), asked('job', -10))).toBe('fire');
  expect(firstOf(due('fire', -5, 1), asked('job', -10))).toBe('fire');
  expect(firstOf(due('fire', -5, 1), asked('job', -70))).toBe('job by hand');
  expect(firstOf(due('low', -5, -1), due('plain', -1))).toBe('plain');
});
