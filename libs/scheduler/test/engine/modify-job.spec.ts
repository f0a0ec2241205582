import { describe, expect, it } from 'vitest';

import { draftJob, hashOf, newJobRow } from '../../src/engine/job-draft.js';
import { definitionOf } from '../../src/engine/job-options.js';
import type { JobSettings } from '../../src/engine/job-settings.js';
import { modifiedJob, type JobEdit, type Modified } from '../../src/engine/modify-job.js';
import type { JobEntity } from '../../src/store/job.entity.js';
import { anchored } from '../../src/triggers/built-in.js';
import { at } from '../../src/triggers/date.trigger.js';
import { allOf } from '../../src/triggers/combined.trigger.js';
import { cron } from '../../src/triggers/cron.trigger.js';
import { days } from '../../src/triggers/days.trigger.js';
import { every } from '../../src/triggers/interval.trigger.js';
import { parseTrigger } from '../../src/triggers/trigger-spec.js';
import type { Trigger } from '../../src/triggers/trigger.js';

const MINUTE = 60_000;
const CREATED = new Date('2026-03-01T00:00:00Z');
const on = (time: string): Date => new Date(`2026-03-01T${time}Z`);
/** The row has decided 12:00, and 13:00 is next. */
const NOW = on('12:20:00');
const HOURLY = cron('0 0 * * * *');
const HALF_HOURLY = cron('0 0,30 * * * *');

interface Said extends JobSettings {
  trigger?: Trigger;
  maxRuns?: number;
  data?: unknown;
}
function draft({ trigger = HOURLY, maxRuns, data, ...settings }: Said = {}, source: JobEntity['source'] = 'dynamic') {
  const schedule = { kind: 'trigger' as const, trigger, maxRuns: maxRuns ?? null, jitterMs: 0 };
  return draftJob({ id: 'job', handler: 'job', schedule, data, source, settings: [settings] });
}
function row(said: Said = {}, overrides: Partial<JobEntity> = {}): JobEntity {
  const place = { lastInstant: on('12:00:00'), nextRunAt: on('13:00:00'), wakeAt: on('13:00:00'), runCount: 12 };
  return { ...newJobRow(draft(said), CREATED), ...place, ...overrides };
}
const late = { nextRunAt: on('10:00:00'), wakeAt: on('10:00:00'), lastInstant: null };

const edit = (some: Partial<JobEdit>): JobEdit => ({ settings: {}, trigger: null, bounds: {}, data: null, ...some });

function modify(
  job: JobEntity,
  some: Partial<JobEdit>,
  more: { definition?: object; reason?: string; by?: string } = {},
): Modified | null {
  const triggerOf = ({ trigger, anchor }: JobEntity): Trigger => anchored(parseTrigger(trigger as object), anchor);
  return modifiedJob(job, edit(some), { now: NOW, definition: null, triggerOf, ...more });
}
const set = (job: JobEntity, some: Partial<JobEdit>) => modify(job, some)!.change.set;

describe('A setting that is modified', () => {
  it.each<[string, Partial<JobEdit>, Partial<JobEntity>]>([
    ['timeoutMs', { settings: { timeoutMs: 5_000 } }, { timeoutMs: 5_000 }],
    ['retry', { settings: { retry: { maxAttempts: 3 } } }, { retry: { maxAttempts: 3 } }],
    ['executor', { settings: { executor: 'heavy' } }, { capability: 'job@heavy' }],
    ['tags', { settings: { tags: ['a'] } }, { tags: ['a'] }],
    [
      'misfire, and the grace that follows from it',
      { settings: { misfire: 'skip' } },
      { misfire: 'skip', misfireGraceMs: 60_000 },
    ],
    ['data', { data: { value: { n: 1 } } }, { data: { n: 1 } }],
    ['data, to nothing', { data: { value: null } }, { data: null }],
  ])('is the only thing that is written: %s', (_, some, columns) => {
    const job = row({ data: 'old' });
    const modified = modify(job, some)!;
    expect(modified.change).toEqual({ set: columns, records: [] });
    expect(modified.changed).toEqual([Object.keys(some.settings ?? some)[0]]);
  });

  it('leaves a grace that was said when misfire changes', () => {
    expect(set(row({ misfireGraceMs: 5_000 }), { settings: { misfire: 'all' } })).toEqual({ misfire: 'all' });
  });

  it('leaves what a hand has written into other columns', () => {
    expect(set(row({}, { maxQueue: 7, misfireGraceMs: 1 }), { settings: { priority: 2 } })).toEqual({ priority: 2 });
  });

  it('does not ask a schedule that nobody can read', () => {
    const job = row({}, { trigger: { kind: 'moon' }, state: 'quarantined' });
    expect(set(job, { settings: { timeoutMs: 1 } })).toEqual({ timeoutMs: 1 });
  });

  it.each<[string, Partial<JobEdit>]>([
    ['a setting', { settings: { priority: 0, tags: [] } }],
    ['data', { data: { value: { b: 1, a: 2 } } }],
    ['a schedule', { trigger: cron('0 0 * * * *') }],
    ['no jitter', { jitterMs: 0 }],
  ])('to what it is already is no change: %s', (_, some) => {
    expect(modify(row({ data: { a: 2, b: 1 } }), some)).toBeNull();
    expect(modify(row({ data: { a: 2, b: 1 } }, { ...late, state: 'quarantined' }), some)).toBeNull();
  });
});

describe('A schedule that is modified', () => {
  it('goes on with its first fire after now', () => {
    expect(set(row(), { trigger: HALF_HOURLY })).toEqual({
      trigger: HALF_HOURLY.toJSON(),
      schedule: HALF_HOURLY.describe(),
      nextRunAt: on('12:30:00'),
      wakeAt: on('12:30:00'),
    });
  });

  it('counts an interval from the anchor of the job', () => {
    const job = row({ trigger: every('1h') }, { anchor: on('00:07:00') });
    expect(set(job, { trigger: every('15m') })).toMatchObject({ nextRunAt: on('12:22:00') });
  });

  it('records what was due and is late', () => {
    const { change } = modify(row({}, late), { trigger: HALF_HOURLY })!;
    expect(change.set).toMatchObject({ nextRunAt: on('12:30:00'), lastInstant: on('12:00:00'), missedCount: 3 });
    const reason = 'its schedule was modified';
    expect(change.records).toMatchObject(
      ['10:00:00', '11:00:00', '12:00:00'].map((time) => ({ scheduledAt: on(time), status: 'missed', reason })),
    );
  });

  it('leaves a fire that came due just now to the nodes that were about to run it', () => {
    const due = { nextRunAt: on('12:19:30'), wakeAt: on('12:19:30'), lastInstant: null };
    const { change } = modify(row({ trigger: cron('30 19 * * * *') }, due), { trigger: cron('0 0 6 * * *') })!;
    expect(change.set).not.toHaveProperty('nextRunAt');
    expect(change.records).toEqual([]);
  });

  it.each<[string, Partial<JobEdit>, object]>([
    ['an end', { bounds: { endAt: on('18:00:00') } }, { endAt: on('18:00:00').toISOString() }],
    ['a beginning', { bounds: { startAt: on('15:30:00') } }, { startAt: on('15:30:00').toISOString() }],
  ])('can be given %s', (_, some, said) => {
    expect(set(row(), some).trigger).toEqual({ ...HOURLY.toJSON(), ...said });
  });

  it('keeps one bound when it is given the other, and takes bounds of any kind', () => {
    const bounded = row({ trigger: cron('0 0 * * * *', { startAt: on('01:00:00') }) });
    expect(set(bounded, { bounds: { endAt: on('18:00:00') } }).trigger).toMatchObject({
      startAt: on('01:00:00').toISOString(),
      endAt: on('18:00:00').toISOString(),
    });
    const workingDays = row({ trigger: allOf(cron('0 7 * * *'), days({ weekdays: ['MON'] })) });
    expect(set(workingDays, { bounds: { endAt: on('18:00:00') } }).trigger).toMatchObject({ kind: 'within' });
  });

  it('cannot be bounded where it fires once, or cannot be read', () => {
    const bounds = { endAt: on('18:00:00') };
    expect(() => modify(row({ trigger: at(on('13:00:00')) }), { bounds })).toThrow(/"endAt" belongs to.*at\('…'\)/);
    expect(() => modify(row({}, { trigger: { kind: 'moon' } }), { bounds })).toThrow(
      /"moon".*Give it another schedule/,
    );
  });

  it('draws another delay within another jitter, and keeps the next run', () => {
    const changes = set(row(), { jitterMs: 10 * MINUTE });
    expect(Object.keys(changes).sort()).toEqual(['jitterMs', 'wakeAt']);
    expect(changes.wakeAt!.getTime()).toBeGreaterThan(on('13:00:00').getTime());
  });
});

describe('A job that stands still', () => {
  it.each(['paused', 'quarantined'] as const)('stays so, and says why: %s', (state) => {
    const why = { stateReason: 'holidays', stateBy: 'ann', stateAt: on('11:00:00') };
    const job = row({}, { state, ...why, ...late });
    const { change } = modify(job, { trigger: HALF_HOURLY }, { reason: 'too seldom', by: 'bob' })!;
    expect({ ...job, ...change.set }).toMatchObject({ state, ...why, nextRunAt: on('12:30:00') });
    expect(change.records).toMatchObject(Array(3).fill({ reason: `the job was ${state}` }));
  });

  it.each<[string, JobEntity, Partial<JobEdit>, string]>([
    ['another schedule', row({ trigger: at(on('12:00:00')) }), { trigger: at(on('14:00:00')) }, '14:00:00'],
    ['more runs', row({ maxRuns: 12 }), { maxRuns: 13 }, '13:00:00'],
    [
      'a later end',
      row({ trigger: cron('0 0 * * * *', { endAt: on('12:00:00') }) }),
      { bounds: { endAt: on('18:00:00') } },
      '13:00:00',
    ],
  ])('because it is finished lives again with %s', (_, job, some, next) => {
    const over = { state: 'finished', nextRunAt: null, wakeAt: null, stateAt: on('12:00:00') } as const;
    expect(set({ ...job, ...over }, some)).toMatchObject({ state: 'active', stateAt: NOW, nextRunAt: on(next) });
  });

  it('is finished when maxRuns is lowered to what has run', () => {
    expect(set(row(), { maxRuns: 12 })).toEqual({
      maxRuns: 12,
      state: 'finished',
      stateAt: NOW,
      nextRunAt: null,
      wakeAt: null,
    });
  });
});

describe('Who modified a job and why', () => {
  it('is kept with it, unless it stands still', () => {
    const { change } = modify(row(), { settings: { priority: 1 } }, { reason: 'urgent', by: 'ann' })!;
    expect(change.set).toEqual({ priority: 1, stateReason: 'urgent', stateBy: 'ann' });
  });

  it('is not written when nothing changes', () => {
    expect(modify(row(), { settings: { priority: 0 } }, { by: 'ann' })).toBeNull();
  });
});

describe('A declared job', () => {
  const code = draft({ trigger: every('1h'), timeoutMs: 1_000 }, 'code');
  const declared = (overrides: Partial<JobEntity> = {}): JobEntity => ({
    ...row({ trigger: every('1h'), timeoutMs: 1_000 }),
    source: 'code',
    codeHash: hashOf(code),
    ...overrides,
  });
  const definition = JSON.parse(JSON.stringify(definitionOf(code))) as object;

  it('shows what is not as its code says', () => {
    const settings = { timeoutMs: 2_000, priority: 1, overlap: 'skip' } as const;
    const { change } = modify(declared(), { settings, trigger: every('2h'), jitterMs: 0 }, { definition })!;
    expect(change.set).toMatchObject({ overridden: ['priority', 'schedule', 'timeoutMs'], timeoutMs: 2_000 });
  });

  it('shows an option no longer that is set to what the code says', () => {
    const overridden = ['schedule', 'timeoutMs'];
    const job = declared({ overridden, timeoutMs: 2_000, trigger: anchored(every('2h'), CREATED).toJSON() });
    const back = modify(job, { settings: { timeoutMs: 1_000 }, trigger: every('1h') }, { definition })!;
    expect(back.change.set).toMatchObject({ overridden: [], timeoutMs: 1_000, trigger: { every: '1h' } });
  });

  it('shows everything that was modified while nobody knows what its code says', () => {
    const { change } = modify(declared(), { settings: { timeoutMs: 1_000, priority: 4 } })!;
    expect(change.set).toEqual({ priority: 4, overridden: ['priority', 'timeoutMs'] });
  });

  it('is no other thing at run time: one that was added has nothing overridden', () => {
    expect(set(row(), { settings: { priority: 1 } })).toEqual({ priority: 1 });
  });
});
