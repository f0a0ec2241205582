import { describe, expect, it } from 'vitest';

import { hashOf, type JobDraft } from '../../src/engine/job-draft.js';
import type { JobEntity } from '../../src/store/job.entity.js';
import { cron } from '../../src/triggers/cron.trigger.js';
import { at } from '../../src/triggers/date.trigger.js';
import { every } from '../../src/triggers/interval.trigger.js';
import type { Trigger } from '../../src/triggers/trigger.js';
import {
  after,
  before,
  broken,
  clock,
  type Code,
  code,
  CREATED,
  deploy,
  HALF_HOURLY,
  LAST,
  lost,
  MINUTE,
  NEXT,
  NOW,
  on,
  SECOND,
} from './reconcile-job.support.js';

describe('Code that has not changed', () => {
  it.each<[string, Partial<JobEntity>]>([
    ['active', {}],
    ['due', { nextRunAt: LAST, wakeAt: LAST, lastInstant: null }],
    ['waiting for its jitter', { nextRunAt: LAST, wakeAt: after(NOW, MINUTE), lastInstant: null }],
    ['paused', { state: 'paused', stateReason: 'by hand' }],
    ['quarantined', { state: 'quarantined' }],
    ['finished', { state: 'finished', nextRunAt: null, wakeAt: null }],
    ['edited with SQL', { trigger: every('10m').toJSON(), schedule: 'every 10 minutes' }],
  ])('touches no job that is %s', (_, overrides) => {
    expect(deploy(code(), before(code(), overrides))).toBeNull();
  });

  it('is not asked for its next run', () => {
    const draft = code({ trigger: broken() });
    expect(deploy(draft, before(code(), { codeHash: hashOf(draft) }))).toBeNull();
  });
});

describe('Options that changed', () => {
  const jittered = { jitterMs: 10 * MINUTE };
  it.each<[string, Code, Partial<JobEntity>]>([
    ['retry', { retry: { maxAttempts: 3 } }, { retry: { maxAttempts: 3 } }],
    ['timeoutMs', { timeoutMs: 5_000 }, { timeoutMs: 5_000 }],
    ['overlap', { overlap: 'queue-all' }, { overlap: 'queue-all' }],
    ['maxInstances', { maxInstances: 4 }, { maxInstances: 4 }],
    ['misfire', { misfire: 'skip' }, { misfire: 'skip', misfireGraceMs: 60_000 }],
    ['misfireGraceMs', { misfireGraceMs: 1 }, { misfireGraceMs: 1 }],
    ['onNodeLoss', { onNodeLoss: 'abandon' }, { onNodeLoss: 'abandon' }],
    ['priority', { priority: 9 }, { priority: 9 }],
    ['executor', { executor: 'heavy' }, { capability: 'job@heavy' }],
    ['tags', { tags: ['a'] }, { tags: ['a'] }],
    ['description', { description: 'what for' }, { description: 'what for' }],
    ['data', { data: { region: 'eu' } }, { data: { region: 'eu' } }],
    ['maxRuns, not yet reached', { maxRuns: 13 }, { maxRuns: 13 }],
  ])('are written, and the schedule goes on where it was: %s', (_, changes, columns) => {
    const existing = before(code(jittered), {
      wakeAt: after(NEXT, MINUTE),
      stateReason: 'its run took down 3 processes',
    });
    const { row, records = [] } = deploy(code({ ...jittered, ...changes }), existing);
    const { uid, anchor, createdAt, lastInstant, nextRunAt, wakeAt, runCount, state, stateReason } = existing;
    const same = { uid, anchor, createdAt, lastInstant, nextRunAt, wakeAt, runCount, state, stateReason };
    expect(row).toMatchObject({ ...same, ...columns, version: 2 });
    expect(records).toEqual([]);
  });

  it('leave it said with which zone data the next run was computed', () => {
    const existing = before(code(), { tzVersion: '2020a' });
    expect(deploy(code({ priority: 5 }), existing).row).toMatchObject({ nextRunAt: NEXT, tzVersion: '2020a' });
    expect(deploy(code({ trigger: HALF_HOURLY }), existing).row.tzVersion).not.toBe('2020a');
  });

  it('leave a due fire due, and one that waits for its jitter waiting', () => {
    for (const wakeAt of [LAST, after(NOW, MINUTE)]) {
      const existing = before(code(jittered), { nextRunAt: LAST, wakeAt, lastInstant: null });
      const { row, records = [] } = deploy(code({ ...jittered, priority: 1 }), existing);
      expect(row).toMatchObject({ nextRunAt: LAST, wakeAt, lastInstant: null });
      expect(records).toEqual([]);
    }
  });

  it('draw a new delay within a new jitter, and keep the next run', () => {
    const { row } = deploy(code({ jitterMs: MINUTE }), before());
    expect(row.nextRunAt).toEqual(NEXT);
    expect(row.wakeAt!.getTime()).toBeGreaterThan(NEXT.getTime());
    expect(row.wakeAt!.getTime()).toBeLessThan(NEXT.getTime() + MINUTE);
  });

  it.each<[string, Partial<JobEntity>]>([
    ['a pause', { state: 'paused', stateReason: 'holidays', stateBy: 'ann', stateAt: LAST }],
    ['an end', { state: 'finished', nextRunAt: null, wakeAt: null, stateAt: LAST }],
  ])('leave %s as it is', (_, state) => {
    expect(deploy(code({ priority: 1 }), before(code(), state)).row).toMatchObject({ ...state, priority: 1 });
  });

  it('tell an interval from itself by what it says, and not by its anchor or the order of its keys', () => {
    const due = { nextRunAt: LAST, wakeAt: LAST, lastInstant: null };
    const { trigger, ...existing } = before(code({ trigger: every('1h') }), due);
    const turned = Object.fromEntries(Object.entries(trigger!).reverse());
    expect(Object.keys(turned)).toEqual(['anchor', 'every', 'kind']);
    const { row, records = [] } = deploy(code({ trigger: every('1h'), priority: 1 }), { ...existing, trigger: turned });
    expect(row).toMatchObject({ ...due, priority: 1 });
    expect(records).toEqual([]);
  });
});

describe('A trigger that changed', () => {
  it('goes on with its first fire after now', () => {
    const { row, records } = deploy(code({ trigger: HALF_HOURLY }), before());
    const next = after(NOW, 10 * MINUTE);
    expect(row).toMatchObject({ nextRunAt: next, wakeAt: next, lastInstant: LAST, runCount: 12, state: 'active' });
    expect(row).toMatchObject({ trigger: HALF_HOURLY.toJSON(), schedule: HALF_HOURLY.describe() });
    expect(records).toEqual([]);
  });

  it('goes on after what was decided, when the clock has gone back since', () => {
    const lastInstant = new Date('2026-03-01T14:30:00Z');
    const { row } = deploy(code({ trigger: HALF_HOURLY }), before(code(), { lastInstant }));
    expect(clock(row.nextRunAt)).toBe('15:00:00');
  });

  it('counts an interval from the anchor that there is', () => {
    const existing = before(code({ trigger: every('1h') }), { anchor: after(CREATED, 7 * MINUTE) });
    const { row } = deploy(code({ trigger: every('15m') }), existing);
    expect([row.anchor, clock(row.nextRunAt)]).toEqual([existing.anchor, '12:22:00']);
  });
});

describe('A job that is finished', () => {
  const finished = (draft = code(), overrides: Partial<JobEntity> = {}): JobEntity =>
    before(draft, { state: 'finished', nextRunAt: null, wakeAt: null, ...overrides });
  const until = (endAt: Date): Trigger => cron('0 0 * * * *', { endAt });
  const once = (time: string): JobDraft => code({ trigger: at(on(time)) });

  it.each<[string, JobEntity, JobDraft, string | undefined]>([
    ['a later endAt', finished(code({ trigger: until(LAST) })), code({ trigger: until(on('18:00:00')) }), '13:00:00'],
    ['another trigger', finished(code({ trigger: until(LAST) })), code({ trigger: HALF_HOURLY }), '12:30:00'],
    ['a higher maxRuns', finished(code({ maxRuns: 12 })), code({ maxRuns: 13 }), '13:00:00'],
    ['no maxRuns', finished(code({ maxRuns: 12 })), code(), '13:00:00'],
    ['another instant', finished(once('12:00:00')), once('14:00:00'), '14:00:00'],
    ['an instant that passed meanwhile', finished(once('12:00:00')), once('12:10:00'), '12:10:00'],
  ])('lives again with %s', (_, existing, draft, next) => {
    const { row, records } = deploy(draft, existing);
    expect({ state: row.state, next: clock(row.nextRunAt), wake: clock(row.wakeAt) }).toEqual({
      state: 'active',
      next,
      wake: next,
    });
    expect(records).toEqual([]);
  });

  it.each<[string, JobEntity, JobDraft]>([
    ['a maxRuns it has reached', finished(code({ maxRuns: 13 })), code({ maxRuns: 12 })],
    [
      'another trigger, its maxRuns reached',
      finished(code({ maxRuns: 12 })),
      code({ trigger: HALF_HOURLY, maxRuns: 12 }),
    ],
    ['an instant before the one that ran', finished(once('12:00:00')), once('11:00:00')],
  ])('stays so with %s', (_, existing, draft) => {
    expect(deploy(draft, existing)).toMatchObject({
      row: { state: 'finished', nextRunAt: null, wakeAt: null },
      records: [],
    });
  });
});

describe('A maxRuns that is lowered to what has run', () => {
  const lowered = code({ maxRuns: 12 });

  it('finishes the job', () => {
    expect(deploy(lowered, before())).toMatchObject({
      row: { state: 'finished', nextRunAt: null, wakeAt: null },
      records: [],
    });
  });

  it('records what was due, however late', () => {
    const sync = deploy(
      lowered,
      before(code(), { nextRunAt: LAST, wakeAt: LAST, lastInstant: null }),
      after(LAST, SECOND),
    );
    expect(sync.row).toMatchObject({ state: 'finished', nextRunAt: null, lastInstant: LAST });
    expect(lost(sync)).toEqual([['12:00:00', undefined, 1, 'its schedule was changed by a deploy']]);
  });

  it('leaves a pause, and raised again gives the job its next run', () => {
    const paused = deploy(lowered, before(code(), { state: 'paused' })).row;
    expect(paused).toMatchObject({ state: 'paused', nextRunAt: null });
    expect(deploy(code(), paused).row).toMatchObject({ state: 'paused', nextRunAt: NEXT });
  });
});

it('A paused job stays paused, and has the new schedule', () => {
  const pause = { state: 'paused', stateReason: 'holidays', stateBy: 'ann', stateAt: LAST } as const;
  const { row } = deploy(code({ trigger: HALF_HOURLY }), before(code(), pause));
  expect(row).toMatchObject({ ...pause, nextRunAt: after(NOW, 10 * MINUTE), schedule: HALF_HOURLY.describe() });
});

describe('A job that was added at run time', () => {
  const added = before(code({ trigger: every('1h') }), { source: 'dynamic', codeHash: null });

  it.each(['active', 'paused', 'quarantined'] as const)(
    'is left alone by code that has its id, while it is %s',
    (state) => {
      expect(deploy(code(), { ...added, state })).toBeNull();
    },
  );

  it('gives way when it is finished, with its history and without its count', () => {
    const { row } = deploy(code({ maxRuns: 1 }), { ...added, state: 'finished', nextRunAt: null, runCount: 1 });
    expect(row).toMatchObject({ source: 'code', state: 'active', runCount: 0, nextRunAt: NEXT, uid: added.uid });
    expect(row).toMatchObject({ lastInstant: LAST, anchor: NOW });
  });
});
