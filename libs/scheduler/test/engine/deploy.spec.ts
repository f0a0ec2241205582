import { recordEvents } from 'nestjs-vigil-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { SchedulerEvents } from '../../src/engine/engine-events.js';
import type { JobEntity } from '../../src/store/job.entity.js';
import { cron } from '../../src/triggers/cron.trigger.js';
import { every } from '../../src/triggers/interval.trigger.js';
import type { Trigger } from '../../src/triggers/trigger.js';
import { memoryCluster, postgresCluster, type Cluster } from './cluster.js';
import { addJob, ledger, type JobSpec } from './support.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Two beats, and what they set off. */
const SETTLED = 45 * SECOND;

const nothing = (): void => {};

/** Schedules that only the code can compute. */
function ownTrigger(name: string, inner: Trigger): Trigger {
  return {
    nextAfter: (instant) => inner.nextAfter(instant),
    lastAtOrBefore: (instant, notBefore) => inner.lastAtOrBefore(instant, notBefore),
    describe: () => name,
    toJSON: () => ({ kind: name }),
  };
}

function throwing(message: string): Trigger {
  const fail = (): never => {
    throw new Error(message);
  };
  return { ...ownTrigger('working days', every('1h')), nextAfter: fail, lastAtOrBefore: fail };
}

describe.each([
  ['in memory', memoryCluster],
  ['on PostgreSQL', postgresCluster],
])('A deploy, %s,', (_, make) => {
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = await make();
  });
  afterEach(() => cluster.dispose());

  const started: Cluster['started'] = (jobs, options) => cluster.started(jobs, options);
  const job = async (id = 'job'): Promise<JobEntity> => (await cluster.store.getJob(id))!;
  const schedule = async (id?: string): Promise<string> => (await job(id)).schedule;

  const hourly: JobSpec = { every: '1h', run: nothing };
  const twoHourly: JobSpec = { every: '2h', run: nothing };

  it('of unchanged code touches nothing', async () => {
    const jobs: JobSpec[] = [
      { id: 'interval', every: '10m', run: nothing },
      { id: 'jittered', trigger: cron('0 0 * * * *'), jitterMs: 30 * MINUTE, run: nothing },
      { id: 'own', trigger: ownTrigger('working hours', cron('0 */10 * * * *')), run: nothing },
      { id: 'paused', every: '1m', run: nothing },
    ];
    const old = await started(jobs);
    await cluster.store.changeJob('paused', () => ({ set: { state: 'paused', stateReason: 'by hand' } }));
    await cluster.advance(25 * MINUTE);
    const before = await Promise.all(jobs.map(({ id }) => job(id)));
    expect(before.map(({ runCount }) => runCount)).toEqual([2, 0, 2, 0]);
    await cluster.stop(old);
    await started(jobs);
    await cluster.advance(SETTLED);
    expect(await Promise.all(jobs.map(({ id }) => job(id)))).toEqual(before);
  });

  it('puts the newest version in force, and a node with the old one runs the job as the row says', async () => {
    const seen: unknown[] = [];
    await started([{ ...hourly, data: 'old', run: ({ data, scheduledAt }) => void seen.push([data, scheduledAt]) }]);
    const { anchor } = await job();
    await cluster.advance(MINUTE);
    // a process that runs no jobs: the old one has to
    await started([{ ...twoHourly, data: 'new' }], { runJobs: false });
    expect(await job()).toMatchObject({ schedule: 'every 2 hours', data: 'new', version: 2 });
    await cluster.advance(2 * HOUR);
    expect(seen).toEqual([['new', new Date(anchor.getTime() + 2 * HOUR)]]);
  });

  it('is not undone by an old replica that restarts, nor by one that stays', async () => {
    const [staying, restarting] = [await started([hourly]), await started([hourly])];
    await cluster.advance(MINUTE);
    await started([twoHourly]);
    await cluster.stop(restarting);
    await cluster.start(restarting);
    await cluster.advance(2 * MINUTE);
    expect(await job()).toMatchObject({ schedule: 'every 2 hours', version: 2 });
    void staying;
  });

  it('that is rolled back converges to the old version, also when no old replica restarts', async () => {
    await started([hourly]);
    await cluster.advance(MINUTE);
    const fresh = await started([twoHourly]);
    expect(await schedule()).toBe('every 2 hours');
    await cluster.stop(fresh);
    await cluster.advance(SETTLED);
    expect(await job()).toMatchObject({ schedule: 'every 1 hour', version: 3 });
  });

  it('that goes forward again wins again, while the old version lives and after it', async () => {
    const old = await started([hourly]);
    await cluster.advance(MINUTE);
    const fresh = await started([twoHourly]);
    await cluster.stop(fresh);
    await cluster.advance(SETTLED);
    await cluster.start(fresh);
    expect(await schedule()).toBe('every 2 hours');
    await cluster.stop(old);
    await cluster.advance(2 * MINUTE);
    expect(await job()).toMatchObject({ schedule: 'every 2 hours', version: 4 });
  });

  it('of code that was seen before is in force when the other version is gone, without another restart', async () => {
    const first = await started([hourly]);
    await cluster.advance(MINUTE);
    const second = await started([twoHourly]);
    await cluster.stop(first);
    await cluster.advance(MINUTE);
    await cluster.start(first);
    await cluster.advance(MINUTE);
    expect(await schedule()).toBe('every 2 hours');
    await cluster.stop(second);
    await cluster.advance(SETTLED);
    expect(await schedule()).toBe('every 1 hour');
  });

  it('whose new nodes have died converges when their leases are over', async () => {
    await started([hourly]);
    await cluster.advance(MINUTE);
    const fresh = await cluster.node([twoHourly]);
    await fresh.store.registerNode({ ...registration, definitions: { job: fresh.registry.declaredJobs[0]!.hash } });
    await fresh.store.syncJobs(fresh.registry.declaredJobs, ({ existing }) => ({
      row: { ...existing!, schedule: 'theirs', codeHash: fresh.registry.declaredJobs[0]!.hash },
    }));
    await cluster.advance(registration.leaseMs - SECOND);
    expect(await schedule()).toBe('theirs');
    await cluster.advance(SECOND + SETTLED);
    expect(await schedule()).toBe('every 1 hour');
  });

  it('that took a trigger of its own making with it leaves the job due until the old version is in force', async () => {
    const runs: Date[] = [];
    await started([{ ...hourly, run: ({ scheduledAt }) => void runs.push(scheduledAt) }]);
    await cluster.advance(MINUTE);
    const fresh = await started([{ trigger: ownTrigger('their own', cron('0 10 * * * *')), run: nothing }]);
    await cluster.advance(8 * MINUTE + 50 * SECOND);
    await cluster.stop(fresh);
    await cluster.advance(15 * SECOND);
    expect(await job()).toMatchObject({ schedule: 'their own', state: 'active' });
    await cluster.advance(SETTLED);
    expect(await job()).toMatchObject({ schedule: 'every 1 hour', state: 'active' });
    await cluster.advance(HOUR);
    expect(runs).toHaveLength(2);
    expect(runs[0]).toEqual(new Date('2026-01-01T00:10:00Z'));
  });

  it('that changes the executor takes along what waits', async () => {
    const where: string[] = [];
    const on = (node: string, executor: string): JobSpec => ({
      ...hourly,
      executor,
      run: ({ data }) => void where.push(`${node} ${String(data)}`),
    });
    const old = await started([on('old', 'default')]);
    await cluster.stop(old);
    const { id } = await cluster.store.addManualExecution('job', {
      id: '00000000-0000-4000-8000-000000000001',
      data: { value: 'waited' },
      reason: null,
    });
    const both = { concurrency: { default: 10, heavy: 1 } };
    await started([on('new', 'heavy')], both);
    await cluster.start(old);
    await cluster.advance(2 * SECOND);
    expect(where).toEqual(['new waited']);
    expect((await cluster.store.getExecution(id))!.execution.capability).toBe('job@heavy');
  });

  it('that changes a trigger records what the old one left undecided', async () => {
    const old = await started([{ trigger: cron('0 0 * * * *'), run: nothing }]);
    await cluster.advance(90 * MINUTE);
    await cluster.stop(old);
    await cluster.advance(2 * HOUR);
    const fresh = await cluster.node([{ trigger: cron('0 45 * * * *'), run: nothing }]);
    const told = recordEvents<SchedulerEvents>(fresh.engine.events, ['execution.missed']);
    await cluster.start(fresh);
    expect(await job()).toMatchObject({
      nextRunAt: new Date('2026-01-01T03:45:00Z'),
      lastInstant: new Date('2026-01-01T03:00:00Z'),
      missedCount: 2,
    });
    const missed = { instantCount: 1, reason: 'its schedule was changed by a deploy' };
    expect(told.events).toMatchObject([{ payload: { execution: missed } }, { payload: { execution: missed } }]);
    await cluster.advance(20 * MINUTE);
    expect(await ledger(fresh)).toEqual([
      { at: '01:00:00', status: 'succeeded' },
      { at: '02:00:00', status: 'missed' },
      { at: '03:00:00', status: 'missed' },
      { at: '03:45:00', status: 'succeeded' },
    ]);
  });

  it('with a trigger that throws boots, quarantines that job, and the next one that mends it runs it', async () => {
    const broken = await cluster.node([{ id: 'bad', trigger: throwing('no calendar'), run: nothing }, hourly]);
    const told = recordEvents<SchedulerEvents>(broken.engine.events, ['job.quarantined', 'scheduler.failure']);
    await cluster.start(broken);
    expect(told.events).toMatchObject([{ name: 'job.quarantined', payload: { job: { id: 'bad' } } }]);
    expect(await job('bad')).toMatchObject({ state: 'quarantined', stateReason: expect.stringMatching('no calendar') });
    expect(await job()).toMatchObject({ state: 'active' });
    await cluster.advance(SETTLED);
    await cluster.stop(broken);
    await cluster.start(broken);
    expect(told.names).toEqual(['job.quarantined']);
    await cluster.stop(broken);
    // the same name: nothing tells it from the broken one
    await started([{ id: 'bad', trigger: ownTrigger('working days', every('10m')), run: nothing }, hourly]);
    expect(await job('bad')).toMatchObject({ state: 'active', stateReason: null });
    await cluster.advance(10 * MINUTE);
    expect(await job('bad')).toMatchObject({ runCount: 1 });
  });

  it('leaves jobs that were added at run time as they are; one whose handler left goes on when it is back', async () => {
    const runs: unknown[] = [];
    const remind: JobSpec = { id: 'remind', every: '100d', run: ({ data }) => void runs.push(data) };
    const old = await started([remind]);
    await addJob(old, { id: 'ann', handler: 'remind', data: 'ann', delayMs: 10 * MINUTE });
    const before = await job('ann');
    await cluster.stop(old);
    const other = await started([hourly]);
    await cluster.advance(20 * MINUTE);
    expect(await job('ann')).toEqual(before);
    await cluster.stop(other);
    await started([{ ...remind, priority: 3 }]);
    await cluster.advance(SECOND);
    expect(runs).toEqual(['ann']);
  });

  it('tells of a job that left while one with its schedule appeared, once, when the old nodes are gone', async () => {
    const old = await started([
      { ...hourly, id: 'left' },
      { ...twoHourly, id: 'deleted' },
    ]);
    await cluster.advance(MINUTE);
    const fresh = await cluster.node([
      { ...hourly, id: 'appeared' },
      { every: '7h', id: 'quite-new', run: nothing },
    ]);
    const told = recordEvents<SchedulerEvents>(fresh.engine.events, ['job.left']);
    await cluster.start(fresh);
    await cluster.advance(2 * MINUTE);
    expect(told.events).toEqual([]);
    await cluster.stop(old);
    await cluster.advance(SETTLED);
    await cluster.stop(await started([hourly]));
    await cluster.advance(SETTLED);
    expect(told.events).toMatchObject([{ payload: { job: { id: 'left' }, appeared: 'appeared' } }]);
  });

  it('tells once of a declared job whose id belongs to one that was added at run time', async () => {
    const first = await started([{ id: 'remind', every: '100d', run: nothing }]);
    await addJob(first, { id: 'job', handler: 'remind', delayMs: HOUR });
    const before = await job();
    const fresh = await cluster.node([hourly]);
    const told = recordEvents<SchedulerEvents>(fresh.engine.events, ['job.taken']);
    await cluster.start(fresh);
    await cluster.advance(SETTLED);
    expect(told.events).toMatchObject([{ payload: { job: { id: 'job', source: 'dynamic' } } }]);
    expect(await job()).toEqual(before);
  });
});

const registration = {
  incarnation: '00000000-0000-4000-8000-000000000009',
  nodeName: 'theirs',
  host: 'elsewhere',
  pid: 1,
  version: '0',
  tzVersion: null,
  leaseMs: MINUTE,
  capabilities: [],
};
