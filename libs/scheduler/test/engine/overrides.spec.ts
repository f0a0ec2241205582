import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { draftJob, hashOf, newJobRow, type JobDraft } from '../../src/engine/job-draft.js';
import { definitionOf } from '../../src/engine/job-options.js';
import type { JobSettings } from '../../src/engine/job-settings.js';
import { modifiedJob, type JobEdit } from '../../src/engine/modify-job.js';
import { reconcileJob } from '../../src/engine/reconcile-job.js';
import type { JobEntity } from '../../src/store/job.entity.js';
import { cron } from '../../src/triggers/cron.trigger.js';
import { every } from '../../src/triggers/interval.trigger.js';
import type { Trigger } from '../../src/triggers/trigger.js';
import { memoryCluster, postgresCluster, type Cluster } from './cluster.js';
import type { JobSpec, TestEngine } from './support.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const CREATED = new Date('2026-03-01T12:00:00Z');
const NOW = new Date('2026-03-01T12:20:00Z');
const nothing = (): void => {};

interface Code extends JobSettings {
  trigger?: Trigger;
  maxRuns?: number;
  jitterMs?: number;
  data?: unknown;
}
function code({ trigger = every('1h'), maxRuns, jitterMs = 0, data, ...settings }: Code = {}): JobDraft {
  const schedule = { kind: 'trigger' as const, trigger, maxRuns: maxRuns ?? null, jitterMs };
  return draftJob({ id: 'job', handler: 'job', schedule, data, source: 'code', settings: [settings] });
}
const edit = (some: Partial<JobEdit>): JobEdit => ({ settings: {}, trigger: null, bounds: {}, data: null, ...some });

/** The row of a declared job after an operator's edit. */
function modified(draft: JobDraft, some: Partial<JobEdit>): JobEntity {
  const { row } = reconcileJob(draft, { inForce: hashOf(draft), existing: null, former: null, now: CREATED })!;
  const { change } = modifiedJob(row, edit(some), {
    now: NOW,
    definition: definitionOf(draft),
    triggerOf: () => every('1h'),
  })!;
  return { ...row, ...change.set };
}
function deployed(before: JobDraft | null, existing: JobEntity, after: JobDraft): JobEntity {
  const former = before && definitionOf(before);
  return reconcileJob(after, { inForce: hashOf(after), existing, former, now: NOW })!.row;
}

describe('What an operator changed on a declared job', () => {
  const edits: [string, Partial<JobEdit>, Code, Partial<JobEntity>][] = [
    ['timeoutMs', { settings: { timeoutMs: 2_000 } }, { timeoutMs: 3_000 }, { timeoutMs: 2_000 }],
    ['executor', { settings: { executor: 'heavy' } }, { executor: 'light' }, { capability: 'job@heavy' }],
    ['tags', { settings: { tags: ['a'] } }, { tags: ['b'] }, { tags: ['a'] }],
    ['misfireGraceMs', { settings: { misfireGraceMs: 7 } }, { misfireGraceMs: 8 }, { misfireGraceMs: 7 }],
    ['data', { data: { value: { n: 1 } } }, { data: { n: 2 } }, { data: { n: 1 } }],
    ['maxRuns', { maxRuns: 5 }, { maxRuns: 6 }, { maxRuns: 5 }],
    ['jitterMs', { jitterMs: 500 }, { jitterMs: 600 }, { jitterMs: 500 }],
    ['schedule', { trigger: every('2h') }, { trigger: every('3h') }, { schedule: 'every 2 hours' }],
  ];

  it.each(edits)('stays when a deploy changes something else: %s', (name, some, _, columns) => {
    const existing = modified(code(), some);
    const row = deployed(code(), existing, code({ priority: 9 }));
    expect(row).toMatchObject({ ...columns, priority: 9, overridden: [name], codeHash: hashOf(code({ priority: 9 })) });
    expect(row.nextRunAt).toEqual(existing.nextRunAt);
  });

  it.each(edits)('is over when a deploy changes it: %s', (_, some, changed) => {
    const after = code(changed);
    const row = deployed(code(), modified(code(), some), after);
    const fresh = { ...newJobRow(after, CREATED), uid: row.uid };
    expect(row).toMatchObject({
      ...fresh,
      wakeAt: row.wakeAt,
      nextRunAt: row.nextRunAt,
      stateAt: row.stateAt,
      version: 2,
    });
  });

  it('does not hold what follows from what the code changed', () => {
    const existing = modified(code(), { settings: { misfireGraceMs: 7 } });
    expect(deployed(code(), existing, code({ misfire: 'skip' }))).toMatchObject({ misfire: 'skip', misfireGraceMs: 7 });
    const skipping = modified(code(), { settings: { misfire: 'skip' } });
    expect(deployed(code(), skipping, code({ priority: 1 }))).toMatchObject({
      misfire: 'skip',
      misfireGraceMs: 60_000,
    });
  });

  it('stays where nobody knows what the code said before', () => {
    const existing = modified(code(), { settings: { timeoutMs: 2_000 }, trigger: every('2h') });
    const row = deployed(null, existing, code({ timeoutMs: 3_000, trigger: every('3h') }));
    expect(row).toMatchObject({ timeoutMs: 2_000, schedule: 'every 2 hours', overridden: ['schedule', 'timeoutMs'] });
  });

  it('stays while the new trigger of the code throws, and its own schedule is not asked', () => {
    const fail = (): never => {
      throw new Error('the calendar is away');
    };
    const broken = { nextAfter: fail, lastAtOrBefore: fail, describe: fail, toJSON: () => ({ kind: 'theirs' }) };
    const settings = modified(code(), { settings: { timeoutMs: 2_000 } });
    const quarantined = { state: 'quarantined', timeoutMs: 2_000, overridden: ['timeoutMs'] };
    expect(deployed(code(), settings, code({ trigger: broken }))).toMatchObject(quarantined);
    const first = code({ trigger: broken });
    const row = deployed(null, modified(first, { trigger: every('2h') }), first);
    expect(row).toMatchObject({ state: 'active', schedule: 'every 2 hours', overridden: ['schedule'] });
  });
});

describe.each([
  ['in memory', memoryCluster],
  ['on PostgreSQL', postgresCluster],
])('A job that is modified, with two nodes, %s,', (_, make) => {
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = await make();
  });
  afterEach(() => cluster.dispose());

  const started: Cluster['started'] = (jobs, options) => cluster.started(jobs, options);
  /** On that node. */
  async function modify({ store, registry, engine }: TestEngine, some: Partial<JobEdit>): Promise<JobEntity> {
    const row = await store.changeJob('job', (job, now, definition) => {
      const triggerOf = (each: JobEntity): Trigger => registry.triggerOf(each)!;
      return modifiedJob(job, edit(some), { now, definition, triggerOf })!.change;
    });
    engine.wake();
    return row;
  }
  const job = async (): Promise<JobEntity> => (await cluster.store.getJob('job'))!;

  it('is run by the other node by its new schedule, and a boot of the same code touches nothing', async () => {
    const runs: Date[] = [];
    const spec: JobSpec = { trigger: cron('0 0 * * * *'), run: ({ scheduledAt }) => void runs.push(scheduledAt) };
    const managing = await started([spec], { runJobs: false });
    const other = await started([spec]);
    await cluster.advance(MINUTE);
    expect(await modify(managing, { trigger: cron('0 */10 * * * *') })).toMatchObject({ overridden: ['schedule'] });
    await cluster.advance(20 * MINUTE);
    expect(runs).toEqual([10, 20].map((minute) => new Date(Date.UTC(2026, 0, 1, 0, minute))));

    const before = await job();
    await cluster.stop(other);
    await started([spec]);
    await cluster.advance(MINUTE);
    expect(await job()).toEqual(before);
    await cluster.advance(9 * MINUTE);
    expect(runs).toHaveLength(3);
  });

  it('keeps what a deploy does not change, and gives back what it does; a rollback converges', async () => {
    const old = await started([{ every: '1h', timeoutMs: 1_000, run: nothing }]);
    await cluster.advance(MINUTE);
    await modify(old, { settings: { timeoutMs: 9_000, priority: 3 }, trigger: every('2h') });
    const fresh = await started([{ every: '1h', timeoutMs: 5_000, run: nothing }]);
    const kept = { schedule: 'every 2 hours', priority: 3, overridden: ['priority', 'schedule'] };
    expect(await job()).toMatchObject({ ...kept, timeoutMs: 5_000 });
    await cluster.stop(fresh);
    await cluster.advance(2 * MINUTE);
    expect(await job()).toMatchObject({ ...kept, timeoutMs: 1_000 });
    await started([{ every: '3h', timeoutMs: 1_000, run: nothing }]);
    expect(await job()).toMatchObject({ schedule: 'every 3 hours', priority: 3, overridden: ['priority'] });
  });

  it('takes along what waits when its executor changes', async () => {
    const where: string[] = [];
    const on = (node: string): JobSpec => ({ every: '100d', run: () => void where.push(node) });
    const blocked = await started([on('default only')], { concurrency: { default: 1 }, runJobs: false });
    await cluster.store.addManualExecution('job', {
      id: '00000000-0000-4000-8000-000000000001',
      data: null,
      reason: null,
    });
    await modify(blocked, { settings: { executor: 'heavy' } });
    await started([on('heavy')], { concurrency: { heavy: 1 } });
    await cluster.advance(2 * SECOND);
    expect(where).toEqual(['heavy']);
  });

  it('has what was due and will not run recorded as missed', async () => {
    const node = await started([{ trigger: cron('0 0 * * * *'), run: nothing }], { runJobs: false });
    await cluster.advance(3 * HOUR + 30 * MINUTE);
    await modify(node, { trigger: cron('0 45 * * * *') });
    const { items } = await cluster.store.getExecutions({});
    expect(items.map(({ execution }) => execution.reason)).toEqual(Array(3).fill('its schedule was modified'));
    expect(await job()).toMatchObject({ missedCount: 3, nextRunAt: new Date('2026-01-01T03:45:00Z') });
  });
});
