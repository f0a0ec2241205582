import { randomUUID } from 'node:crypto';
import { ManualClock } from 'nestjs-vigil-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { cron } from '../../src/triggers/cron.trigger.js';
import { memoryCluster, postgresCluster, type Cluster } from './cluster.js';
import { FaultyStore } from './faulty-store.js';
import { addJob, aNode, gate, ledger, type JobSpec } from './support.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** How often the job fires. */
const PERIOD = 10 * MINUTE;
const NOTE = { reason: 'the tables are moved', by: 'anna' };

const byHand = () => ({ id: randomUUID(), data: null, reason: null });

describe.each([
  ['in memory', memoryCluster],
  ['on PostgreSQL', postgresCluster],
])('A pause of the cluster, %s,', (_, make) => {
  let cluster: Cluster;
  let runs: string[];
  beforeEach(async () => {
    cluster = await make();
    runs = [];
  });
  afterEach(() => cluster.dispose());

  const started: Cluster['started'] = (jobs, options) => cluster.started(jobs, options);
  const run: JobSpec['run'] = ({ jobId, scheduledAt }) =>
    void runs.push(`${jobId} ${scheduledAt.toISOString().slice(11, 16)}`);
  const job: JobSpec = { id: 'job', trigger: cron('0 */10 * * * *'), run };
  const status = async (id: string) => (await cluster.store.getExecution(id))!.execution.status;
  const states = (): unknown[] => cluster.running.map(({ engine }) => [engine.health().state, engine.health().reason]);

  it('starts nothing on any node, nor on one that starts later, and its end lets all go on from now', async () => {
    await started([job]);
    await started([job], { runJobs: false });
    await cluster.advance(PERIOD);
    expect(runs).toEqual(['job 00:10']);
    await cluster.store.pauseCluster(NOTE);
    const asked = await cluster.store.addManualExecution('job', byHand());
    await cluster.advance(PERIOD + MINUTE);
    await started([job], { waitForDatabase: true });
    await addJob(cluster.running[0]!, { id: 'once', handler: 'job' });
    await cluster.advance(PERIOD);
    expect(runs).toEqual(['job 00:10']);
    expect(await status(asked.id)).toBe('pending');
    const paused = ['paused', 'the cluster is paused by anna: the tables are moved'];
    expect(states()).toEqual([paused, paused, paused]);
    expect(cluster.running.map(({ engine }) => [engine.health().alive, engine.health().ready])).toEqual(
      cluster.running.map(() => [true, true]),
    );

    await cluster.store.resumeCluster({ catchUp: false });
    await cluster.advance(MINUTE);
    expect(states()).toEqual(cluster.running.map(() => ['running', null]));
    // what a person asked for, and a job that has no other instant
    expect([...runs].sort()).toEqual(['job 00:10', 'job 00:10', 'once 00:21']);
    expect(await status(asked.id)).toBe('succeeded');
    expect(await ledger(cluster.running[0]!, 'job')).toEqual([
      { at: '00:10:00', status: 'succeeded' },
      { at: '00:10:00', status: 'succeeded' },
      { at: '00:20:00', status: 'missed' },
      { at: '00:30:00', status: 'missed' },
    ]);
    const { items } = await cluster.store.getExecutions({ jobId: 'job', status: 'missed' });
    expect(items.map(({ execution }) => execution.reason)).toEqual(Array(2).fill('the cluster was paused'));
    await cluster.advance(PERIOD);
    expect(runs.at(-1)).toBe('job 00:40');
    expect(await cluster.store.getJob('job')).toMatchObject({ runCount: 2, missedCount: 2 });
  });

  it('with catchUp is lateness, for each job to decide', async () => {
    await started([job, { ...job, id: 'strict', misfire: 'skip' }, { ...job, id: 'every', misfire: 'all' }]);
    await cluster.store.pauseCluster(NOTE);
    await cluster.advance(3 * PERIOD);
    await cluster.store.resumeCluster({ catchUp: true });
    await cluster.advance(MINUTE);
    expect([...runs].sort()).toEqual(['every 00:10', 'every 00:20', 'every 00:30', 'job 00:30', 'strict 00:30']);
    const reasons = (await cluster.store.getExecutions({ status: 'missed' })).items.map(
      (each) => each.execution.reason,
    );
    expect(reasons).toHaveLength(4);
    expect(reasons).not.toContain('the cluster was paused');
  });

  it('after another one leaves each what fell into it, also when no node was there between them', async () => {
    const node = await started([job]);
    await cluster.store.pauseCluster(NOTE);
    await cluster.stop(node);
    await cluster.advance(2 * PERIOD);
    await cluster.store.resumeCluster({ catchUp: false });
    await cluster.advance(PERIOD);
    await cluster.store.pauseCluster(NOTE);
    await cluster.advance(PERIOD);
    await cluster.store.resumeCluster({ catchUp: true });
    await started([job]);
    await cluster.advance(0);
    expect(runs).toEqual(['job 00:40']);
    expect((await ledger(cluster.running[0]!, 'job')).map(({ at }) => at)).toEqual([
      '00:10:00',
      '00:20:00',
      '00:30:00',
      '00:40:00',
    ]);
    const { items } = await cluster.store.getExecutions({ status: 'missed' });
    expect(items.map(({ execution: { reason } }) => String(reason).slice(0, 11)).sort()).toEqual([
      'the cluster',
      'the cluster',
      'too late to',
    ]);
  });

  it('lets what runs end, and keeps its retry waiting', async () => {
    const { opened, open } = gate();
    const attempts: number[] = [];
    const failing: JobSpec = {
      ...job,
      retry: { maxAttempts: 2, backoff: { kind: 'fixed', delayMs: SECOND, jitter: false } },
      run: async ({ attempt }) => {
        attempts.push(attempt);
        if (attempt > 1) return;
        await opened;
        throw new Error('not yet');
      },
    };
    await started([failing]);
    await cluster.advance(PERIOD);
    expect(attempts).toEqual([1]);
    await cluster.store.pauseCluster(NOTE);
    await cluster.advance(MINUTE);
    open();
    await cluster.advance(2 * MINUTE);
    expect(attempts).toEqual([1]);
    expect(await ledger(cluster.running[0]!, 'job')).toEqual([{ at: '00:10:00', status: 'pending' }]);
    await cluster.store.resumeCluster({ catchUp: false });
    await cluster.advance(MINUTE);
    expect(attempts).toEqual([1, 2]);
    expect(await ledger(cluster.running[0]!, 'job')).toEqual([{ at: '00:10:00', status: 'succeeded' }]);
  });

  it('that is over takes no fire whose jitter ends after it', async () => {
    await started([{ ...job, jitterMs: 9 * MINUTE }]);
    // whatever was drawn
    await cluster.store.changeJob('job', ({ nextRunAt }) => ({ set: { wakeAt: new Date(+nextRunAt! + 5 * MINUTE) } }));
    await cluster.advance(PERIOD);
    await cluster.store.pauseCluster(NOTE);
    await cluster.advance(SECOND);
    await cluster.store.resumeCluster({ catchUp: false });
    await cluster.advance(9 * MINUTE);
    expect(runs).toEqual(['job 00:10']);
  });

  it('of one node is its own: others take its work, also what a person asks for', async () => {
    const [paused, other] = [await started([job]), await started([job], { nodeName: 'other' })];
    paused.engine.pauses.nodeIs(NOTE, NOTE);
    await paused.engine.passOver();
    await cluster.advance(PERIOD);
    await cluster.store.addManualExecution('job', byHand());
    await cluster.advance(MINUTE);
    expect(runs).toHaveLength(2);
    expect(await cluster.store.clusterPause()).toBeNull();
    expect(states()).toEqual([
      ['paused', 'this node is paused by anna: the tables are moved'],
      ['running', null],
    ]);
    const { items } = await cluster.store.getExecutions({});
    expect(items.map(({ execution }) => execution.nodeName)).toEqual(['other', 'other']);
    other.engine.pauses.nodeIs(NOTE, NOTE);
    paused.engine.pauses.nodeIs(null, NOTE);
    paused.engine.wake();
    await cluster.advance(PERIOD);
    expect(runs).toHaveLength(3);
  });
});

describe('A paused node', () => {
  const job: JobSpec = { every: '1m', run: () => {} };

  it('stays paused through an outage, says that it is disconnected meanwhile, and starts anew without it', async () => {
    const clock = new ManualClock();
    const faults = new FaultyStore(new MemoryJobStore({ clock }));
    const { engine, events } = aNode([job], { clock, store: faults.store });
    await engine.start();
    await clock.advance(0);
    engine.pauses.nodeIs(NOTE, NOTE);
    faults.fail('peek', 'before', { times: 2 });
    await clock.advance(2 * MINUTE);
    const told = events.events.flatMap(({ name, payload }) => (name === 'scheduler.state' ? [payload] : []));
    expect(told.map(({ to }) => to)).toEqual(['starting', 'running', 'paused', 'disconnected', 'recovering', 'paused']);
    expect(told.at(-1)).toMatchObject({ reason: expect.stringMatching(/^this node is paused by anna/) as string });
    expect(events.names).not.toContain('execution.started');
    const stopped = engine.shutdown();
    await clock.advance(20 * SECOND);
    await stopped;
    await engine.start();
    await clock.advance(MINUTE);
    expect(engine.health()).toMatchObject({ state: 'running', reason: null });
    expect(events.names).toContain('execution.started');
  });

  it('has started what its last pass has claimed when its pause is there', async () => {
    const clock = new ManualClock();
    const inner = new MemoryJobStore({ clock });
    const answer = gate();
    const inPass = gate();
    const store = new Proxy(inner, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          const result: unknown = await (value as (...all: unknown[]) => Promise<unknown>).apply(target, args);
          if (key !== 'pass') return result;
          inPass.open();
          await answer.opened;
          return result;
        };
      },
    });
    const order: string[] = [];
    const { engine } = aNode([{ ...job, run: () => void order.push('started') }], { clock, store });
    await engine.start();
    const advancing = clock.advance(MINUTE);
    await inPass.opened;
    engine.pauses.nodeIs(NOTE, NOTE);
    const paused = engine.passOver().then(() => order.push('paused'));
    answer.open();
    await Promise.all([paused, advancing]);
    expect(order).toEqual(['started', 'paused']);
    await clock.advance(10 * MINUTE);
    expect(order).toHaveLength(2);
  });
});

it('What fell into a pause of the cluster is recorded a hundred jobs a pass, however few slots there are', async () => {
  const clock = new ManualClock();
  const faults = new FaultyStore(new MemoryJobStore({ clock }));
  const node = aNode([{ id: 'base', every: '24h', run: () => {} }], {
    clock,
    store: faults.store,
    concurrency: { default: 1 },
  });
  await node.engine.start();
  await clock.advance(0);
  const { store } = node;
  const base = (await store.getJob('base'))!;
  const rows = Array.from({ length: 1_000 }, (_, index) => ({
    ...base,
    id: `job-${index}`,
    uid: randomUUID(),
    source: 'dynamic' as const,
    codeHash: null,
    trigger: { kind: 'every', every: '1h' },
  }));
  rows.forEach((row) => Object.assign(row, { nextRunAt: clock.now(), wakeAt: clock.now() }));
  await store.pauseCluster(NOTE);
  await store.addJobs(() => rows, 'error');
  await clock.advance(MINUTE);
  const before = faults.calls.filter((verb) => verb === 'pass').length;
  await store.resumeCluster({ catchUp: false });
  await clock.advance(SECOND);
  expect(faults.calls.filter((verb) => verb === 'pass').length - before).toBeLessThanOrEqual(11);
  expect((await store.getExecutions({ status: 'missed', limit: 1_000 })).items).toHaveLength(1_000);
});
