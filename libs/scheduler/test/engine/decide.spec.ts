import { describe, expect, it } from 'vitest';

import { decide } from '../../src/engine/decide.js';
import { draftJob, newJobRow } from '../../src/engine/job-draft.js';
import type { JobSettings } from '../../src/engine/job-settings.js';
import type { JobEntity } from '../../src/store/job.entity.js';
import type { Decisions, JobSnapshot } from '../../src/store/job-store.js';
import { anchored } from '../../src/triggers/built-in.js';
import { every } from '../../src/triggers/interval.trigger.js';
import type { Duration } from '../../src/triggers/trigger.js';

const CREATED = new Date('2026-01-01T00:00:00.000Z');
const after = (seconds: number): Date => new Date(CREATED.getTime() + seconds * 1_000);
/** Seconds after the job's creation. */
const at = (instant: Date | null | undefined): number | null =>
  instant ? (instant.getTime() - CREATED.getTime()) / 1_000 : null;

interface Situation extends JobSettings {
  every?: Duration;
  /** Seconds after the job's creation; its first instant is at 1. */
  now: number;
  active?: number;
  queued?: number;
  pending?: JobSnapshot['pending'];
  slots?: number;
  maxRuns?: number;
  change?: Partial<JobEntity>;
}

/** What one pass decides about one job. */
function decideOne(situation: Situation): Decisions & { says: string[]; next: number | null; last: number | null } {
  const {
    every: interval = '1s',
    now,
    active = 0,
    queued = 0,
    pending = [],
    slots = 10,
    maxRuns,
    change,
    ...settings
  } = situation;
  const schedule = { kind: 'trigger' as const, trigger: every(interval), maxRuns: maxRuns ?? null, jitterMs: 0 };
  const draft = draftJob({ id: 'job', handler: 'job', schedule, data: null, source: 'code', settings: [settings] });
  const job = { ...newJobRow(draft, CREATED), ...change };
  const isDue = job.wakeAt !== null && job.wakeAt <= after(now);
  const decisions = decide(
    { now: after(now), jobs: [{ job, isDue, active, queued, pending }] },
    { canRun: () => true, triggerOf: () => anchored(every(interval), CREATED), slots: new Map([['default', slots]]) },
  );
  const says = decisions.records.map(({ status, scheduledAt, untilAt, instantCount }) =>
    untilAt === null
      ? `${status} ${at(scheduledAt)}`
      : `${status} ${at(scheduledAt)}..${at(untilAt)} (${instantCount})`,
  );
  const [advance] = decisions.advances;
  return { ...decisions, says, next: at(advance?.nextRunAt), last: at(advance?.lastInstant) };
}

describe('A fire', () => {
  it.each<[string, Situation, string[], number | null]>([
    ['on time starts', { now: 1 }, ['running 1'], 2],
    ['waits when the node has no slot', { now: 1, slots: 0 }, ['pending 1'], 2],
    ['is skipped while its job runs', { now: 1, active: 1 }, ['skipped 1'], 2],
    ['starts beside another when maxInstances allows it', { now: 1, active: 1, maxInstances: 2 }, ['running 1'], 2],
    ['does not overtake what waits', { now: 1, queued: 1 }, ['skipped 1'], 2],
    ['queues with queue-one', { now: 1, active: 1, overlap: 'queue-one' }, ['pending 1'], 2],
    [
      'is skipped with queue-one when one waits',
      { now: 1, active: 1, queued: 1, overlap: 'queue-one' },
      ['skipped 1'],
      2,
    ],
    ['queues with queue-all', { now: 1, active: 1, queued: 7, overlap: 'queue-all' }, ['pending 1'], 2],
    [
      'waits itself, undecided, when the queue is full',
      { now: 1, active: 1, queued: 1_000, overlap: 'queue-all' },
      [],
      1,
    ],
    ['is the last one when maxRuns is reached', { now: 1, maxRuns: 1 }, ['running 1'], null],
  ])('%s', (_title, situation, says, next) => {
    const decided = decideOne(situation);
    expect(decided.says).toEqual(says);
    expect(decided.next).toBe(next);
  });

  it('asks the running one to stop with cancel-running, and waits for it', () => {
    const { says, cancels, advances } = decideOne({ now: 1, active: 1, overlap: 'cancel-running' });
    expect(says).toEqual(['pending 1']);
    expect(cancels).toEqual([advances[0]?.uid]);
  });

  it('is not decided before its time', () => {
    expect(decideOne({ now: 0.5, change: { wakeAt: after(0.5) } })).toMatchObject({ says: [], next: 1, last: null });
  });

  it('is never decided twice, also when a clock or a hand set the row back', () => {
    const back = { lastInstant: after(5), nextRunAt: after(2), wakeAt: after(2) };
    expect(decideOne({ now: 5.5, change: back })).toMatchObject({ says: [], next: 6 });
    expect(decideOne({ now: 6.5, change: back })).toMatchObject({ says: ['running 6'], next: 7 });
  });
});

describe('Missed fires are decided, recorded and bounded:', () => {
  it.each<[string, Situation, string[], number | null]>([
    ['coalesce runs the latest once', { now: 60.5 }, ['missed 1..59 (59)', 'running 60'], 61],
    ['coalesce records a single missed instant as itself', { now: 2.5 }, ['missed 1', 'running 2'], 3],
    [
      'coalesce within a grace misses what is older',
      { now: 60.5, every: '10s', misfireGraceMs: 100 },
      ['missed 10..60 (6)'],
      70,
    ],
    [
      'skip runs nothing that is later than its grace',
      { now: 7_205, every: '1h', misfire: 'skip', misfireGraceMs: 1_000 },
      ['missed 3600..7200 (2)'],
      10_800,
    ],
    ['skip runs what is within its grace', { now: 3_601, every: '1h', misfire: 'skip' }, ['running 3600'], 7_200],
    ['all runs each, queued', { now: 3.5, misfire: 'all' }, ['running 1', 'pending 2', 'pending 3'], 4],
    [
      'all misses what is older than its grace',
      { now: 4.5, misfire: 'all', misfireGraceMs: 2_000 },
      ['missed 1..2 (2)', 'running 3', 'pending 4'],
      5,
    ],
    ['counts are exact up to 1,000', { now: 1_001.5 }, ['missed 1..1000 (1000)', 'running 1001'], 1_002],
    [
      'and then said to be more than that',
      { now: 31_536_000.5 },
      ['missed 1..31535999 (1001)', 'running 31536000'],
      31_536_001,
    ],
  ])('%s', (_title, situation, says, next) => {
    const decided = decideOne(situation);
    expect(decided.says).toEqual(says);
    expect(decided.next).toBe(next);
  });

  it('all is bounded in a pass and goes on in the next', () => {
    const { says, next, last } = decideOne({ now: 86_000, misfire: 'all' });
    expect(says).toHaveLength(100);
    expect({ next, last }).toEqual({ next: 101, last: 100 });
  });

  it('a run that stands for missed ones knows that it catches up', () => {
    expect(decideOne({ now: 60.5 }).records.at(-1)).toMatchObject({ status: 'running', isCatchUp: true });
    expect(decideOne({ now: 1.5 }).records.at(-1)).toMatchObject({ status: 'running', isCatchUp: false });
    expect(decideOne({ now: 3_700, every: '1h' }).records.at(-1)).toMatchObject({ isCatchUp: true });
  });
});

describe('Waiting executions', () => {
  const waiting = (id: string, isReoffered = false): JobSnapshot['pending'][number] => ({ id, isReoffered });

  it.each<[string, Situation, string[]]>([
    ['are claimed up to maxInstances', { now: 0, queued: 2, pending: [waiting('a'), waiting('b')] }, ['a']],
    [
      'are claimed up to the free slots',
      { now: 0, queued: 2, maxInstances: 5, slots: 1, pending: [waiting('a'), waiting('b')] },
      ['a'],
    ],
    ['wait while the job runs', { now: 0, active: 1, queued: 1, pending: [waiting('a')] }, []],
    ['need no room when they were claimed before', { now: 0, active: 1, pending: [waiting('a', true)] }, ['a']],
  ])('%s', (_title, situation, claims) => {
    expect(decideOne({ ...situation, change: { wakeAt: null } }).claims).toEqual(claims);
  });

  it('come before the fire that is due now', () => {
    const { claims, says } = decideOne({ now: 1, queued: 1, pending: [waiting('a')] });
    expect(claims).toEqual(['a']);
    expect(says).toEqual(['skipped 1']);
  });
});

describe('A job that cannot be decided', () => {
  const jobs = (): JobSnapshot[] =>
    ['bad', 'good'].map((id) => {
      const schedule = { kind: 'trigger' as const, trigger: every('1s'), maxRuns: null, jitterMs: 0 };
      const draft = draftJob({ id, handler: id, schedule, data: null, source: 'code', settings: [] });
      return { job: newJobRow(draft, CREATED), isDue: true, active: 0, queued: 0, pending: [] };
    });
  const slots = (): Map<string, number> => new Map([['default', 10]]);

  it('is quarantined with the reason, and the others go on', () => {
    const triggerOf = (job: JobEntity) => {
      if (job.id === 'bad') throw new Error('no such zone');
      return anchored(every('1s'), CREATED);
    };
    const { records, advances, quarantines } = decide(
      { now: after(1), jobs: jobs() },
      { canRun: () => true, triggerOf, slots: slots() },
    );
    expect(records).toHaveLength(1);
    expect(advances).toMatchObject([{ nextRunAt: after(2) }]);
    expect(quarantines).toMatchObject([{ reason: expect.stringContaining('no such zone') }]);
  });

  it.each<[string, Partial<JobEntity>]>([
    ['retry', { retry: null as never }],
    ['maxInstances', { maxInstances: 0 }],
    ['overlap', { overlap: 'sometimes' as never }],
    ['priority', { priority: Number.NaN }],
    ['anchor', { anchor: null as never }],
    ['lastInstant', { lastInstant: new Date(Number.NaN) }],
    ['runCount', { runCount: -1 }],
  ])('is quarantined when a hand has spoilt its %s', (column, change) => {
    const { advances, quarantines } = decideOne({ now: 1, change });
    expect({ advances, quarantines }).toMatchObject({
      advances: [],
      quarantines: [{ reason: expect.stringContaining(column) }],
    });
  });

  it('is left to others when only this node cannot compute its schedule', () => {
    const { records, advances } = decide(
      { now: after(1), jobs: jobs() },
      { canRun: () => true, triggerOf: () => null, slots: slots() },
    );
    expect({ records, advances }).toEqual({ records: [], advances: [] });
  });
});

it('A job whose handler this node does not have is left alone, what waits of it too', () => {
  const schedule = { kind: 'trigger' as const, trigger: every('1s'), maxRuns: null, jitterMs: 0 };
  const draft = draftJob({ id: 'renamed', handler: 'renamed', schedule, data: null, source: 'code', settings: [] });
  const pending = [{ id: 'waiting', isReoffered: true }];
  const snapshot = { job: newJobRow(draft, CREATED), isDue: true, active: 1, queued: 0, pending };
  const context = { canRun: () => false, triggerOf: () => every('1s'), slots: new Map([['default', 9]]) };
  const nothing = { records: [], advances: [], quarantines: [], claims: [], cancels: [] };
  expect(decide({ now: after(1), jobs: [snapshot] }, context)).toEqual(nothing);
});

it.each([
  ['stands still', { nextAfter: (instant: Date) => instant }],
  ['goes back', { nextAfter: (instant: Date) => new Date(+instant - 1_000) }],
  ['answers with the future', { lastAtOrBefore: () => after(1_000) }],
])('A job whose own trigger %s is quarantined instead of stepping for ever', (_what, broken) => {
  const schedule = { kind: 'trigger' as const, trigger: every('1s'), maxRuns: null, jitterMs: 0 };
  for (const misfire of ['coalesce', 'all'] as const) {
    const draft = draftJob({
      id: 'own',
      handler: 'own',
      schedule,
      data: null,
      source: 'code',
      settings: [{ misfire }],
    });
    const snapshot = { job: newJobRow(draft, CREATED), isDue: true, active: 0, queued: 0, pending: [] };
    const sound = anchored(every('1s'), CREATED);
    const trigger = {
      nextAfter: (instant: Date) => sound.nextAfter(instant),
      lastAtOrBefore: (at: Date, notBefore: Date) => sound.lastAtOrBefore(at, notBefore),
      describe: () => 'mine',
      toJSON: () => ({}),
      ...broken,
    };
    const context = { canRun: () => true, triggerOf: () => trigger, slots: new Map([['default', 9]]) };
    const { quarantines } = decide({ now: after(3.5), jobs: [snapshot] }, context);
    expect(quarantines).toMatchObject([{ reason: expect.stringContaining('"mine"') }]);
  }
});

it('The more urgent job gets the last slot', () => {
  const snapshot = (id: string, priority: number): JobSnapshot => {
    const schedule = { kind: 'trigger' as const, trigger: every('1s'), maxRuns: null, jitterMs: 0 };
    const draft = draftJob({ id, handler: id, schedule, data: null, source: 'code', settings: [{ priority }] });
    return { job: newJobRow(draft, CREATED), isDue: true, active: 0, queued: 0, pending: [] };
  };
  const jobs = [snapshot('low', 0), snapshot('high', 5)];
  const context = {
    canRun: () => true,
    triggerOf: () => anchored(every('1s'), CREATED),
    slots: new Map([['default', 1]]),
  };
  const { records } = decide({ now: after(1), jobs }, context);
  const running = records.find(({ status }) => status === 'running');
  expect(running?.jobUid).toBe(jobs[1]?.job.uid);
});
