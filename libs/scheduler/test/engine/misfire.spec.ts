import { describe, expect, it } from 'vitest';

import { decide } from '../../src/engine/decide.js';
import type { JobSnapshot } from '../../src/store/job-store.js';
import { anchored } from '../../src/triggers/built-in.js';
import { at } from '../../src/triggers/date.trigger.js';
import { every } from '../../src/triggers/interval.trigger.js';
import { CountingTrigger } from './counting-trigger.js';
import { after, aRow, CREATED, decideOne, NONE_ACTIVE, type Situation } from './deciding.js';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const YEAR = 365 * 24 * HOUR;

const each = (status: string, from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `${status} ${from + index}`);

describe('Missed fires are decided, recorded and bounded:', () => {
  it.each<[string, Situation, string[], number | null]>([
    ['coalesce runs the latest once', { now: 60.5 }, ['missed 1..59 (59)', 'running 60'], 61],
    ['coalesce records a single missed instant as itself', { now: 2.5 }, ['missed 1', 'running 2'], 3],
    [
      'coalesce within a grace misses what is older',
      { now: 60.5, every: '10s', misfireGraceMs: 100 },
      ['missed 10', 'missed 20', 'missed 30', 'missed 40', 'missed 50', 'missed 60'],
      70,
    ],
    [
      'skip runs nothing that is later than its grace',
      { now: 7_205, every: '1h', misfire: 'skip', misfireGraceMs: 1_000 },
      ['missed 3600', 'missed 7200'],
      10_800,
    ],
    ['skip runs what is within its grace', { now: 3_601, every: '1h', misfire: 'skip' }, ['running 3600'], 7_200],
    ['skip runs what is as late as its grace', { now: 3_660, every: '1h', misfire: 'skip' }, ['running 3600'], 7_200],
    ['skip misses what is later', { now: 3_660.001, every: '1h', misfire: 'skip' }, ['missed 3600'], 7_200],
    [
      'several that skip still runs meet the overlap policy',
      { now: 63, every: '20s', misfire: 'skip' },
      ['running 20', 'skipped 40', 'skipped 60'],
      80,
    ],
    ['all runs each, queued', { now: 3.5, misfire: 'all' }, ['running 1', 'pending 2', 'pending 3'], 4],
    [
      'all misses what is older than its grace',
      { now: 4.5, misfire: 'all', misfireGraceMs: 2_000 },
      ['missed 1', 'missed 2', 'running 3', 'pending 4'],
      5,
    ],
    ['up to 10 have a record each', { now: 11.5 }, [...each('missed', 1, 10), 'running 11'], 12],
    ['more than that share one', { now: 12.5 }, ['missed 1..11 (11)', 'running 12'], 13],
    ['counts are exact up to 1,000', { now: 1_001.5 }, ['missed 1..1000 (1000)', 'running 1001'], 1_002],
    [
      'and then said to be more than that',
      { now: 31_536_000.5 },
      ['missed 1..31535999 (1001)', 'running 31536000'],
      31_536_001,
    ],
    [
      'the time of a jitter is no lateness',
      { now: 3_661, every: '1h', misfire: 'skip', misfireGraceMs: 1_000, jitterMs: 60_000 },
      ['running 3600'],
      7_200,
    ],
  ])('%s', (_title, situation, says, next) => {
    const decided = decideOne({ ...situation, change: { wakeAt: new Date(0) } });
    expect(decided.says).toEqual(says);
    expect(decided.next).toBe(next);
  });

  it('what was missed and skipped is counted, a range as it says', () => {
    const none = { runs: 0, missed: 0, skipped: 0, queued: 0 };
    expect(decideOne({ now: 60.5 }).advance).toMatchObject({ ...none, runs: 1, missed: 59 });
    expect(decideOne({ now: 2_000.5, active: 1 }).advance).toMatchObject({ ...none, missed: 1_001, skipped: 1 });
    expect(decideOne({ now: 3.5, misfire: 'all' }).advance).toMatchObject({ ...none, runs: 3, queued: 2 });
  });
});

describe('Late instants of all', () => {
  it('are bounded in a pass and go on in the next', () => {
    const { says, next, last } = decideOne({ now: 86_000, misfire: 'all' });
    expect(says).toHaveLength(100);
    expect({ next, last }).toEqual({ next: 101, last: 100 });
  });

  it.each([
    [9, 100],
    [40, 25],
    [100, 10],
    [300, 10],
  ])('of %i jobs at once are about a thousand of all together, at least ten of each', (jobs, of) => {
    const due = Array.from({ length: jobs }, (_, n): JobSnapshot => {
      return { job: aRow(`job-${n}`, { misfire: 'all' }), isDue: true, ...NONE_ACTIVE };
    });
    const triggerOf = () => anchored(every('1s'), CREATED);
    const slots = new Map([['default', jobs]]);
    const { records, advances } = decide({ now: after(500), jobs: due }, { canRun: () => true, triggerOf, slots });
    expect(records).toHaveLength(jobs * of);
    expect(new Set(records.map(({ status }) => status))).toEqual(new Set(['running', 'pending']));
    expect(advances.map(({ nextRunAt }) => nextRunAt)).toEqual(due.map(() => after(of + 1)));
  });

  it('leave none alone that was due with them', () => {
    expect(decideOne({ now: 101.5, misfire: 'all' })).toMatchObject({ next: 102, last: 101 });
  });

  it.each<[string, Situation, string[]]>([
    ['a single one queues while its job runs', { now: 6, active: 1 }, ['pending 5']],
    ['a single one queues behind what waits', { now: 6, queued: 3 }, ['pending 5']],
    ['one on time meets the overlap policy', { now: 5.9, active: 1 }, ['skipped 5']],
    ['the time of a jitter is no lateness', { now: 35.9, every: '35s', jitterMs: 1_000, active: 1 }, ['skipped 35']],
    ['what is later than its jitter is late', { now: 37, every: '35s', jitterMs: 1_000, active: 1 }, ['pending 35']],
  ])('%s', (_title, situation, says) => {
    const change = { wakeAt: new Date(0) };
    expect(decideOne({ every: '5s', misfire: 'all', ...situation, change }).says).toEqual(says);
  });

  it('leave the job waiting when its queue is full, and go on from there', () => {
    const { says, next, advance } = decideOne({ now: 5.5, misfire: 'all', active: 1, queued: 998 });
    expect(says).toEqual(['pending 1', 'pending 2']);
    expect({ next, wakeAt: advance?.wakeAt?.toISOString().slice(17, 23) }).toEqual({ next: 3, wakeAt: '06.500' });
  });
});

describe('A job of every second after an outage', () => {
  /** As many as are decided in one pass, and one that would be left alone. */
  const MOST_FIRES = 101;
  /** To count up to 1,000, and for those fires. */
  const MOST_STEPS = 1_200;

  it.each<[string, Situation, string[]]>([
    ['of a minute, coalesce', { now: MINUTE + 0.5 }, ['missed 1..59 (59)', 'running 60']],
    ['of an hour, coalesce', { now: HOUR + 0.5 }, ['missed 1..3599 (1001)', 'running 3600']],
    ['of a year, coalesce', { now: YEAR + 0.5 }, [`missed 1..${YEAR - 1} (1001)`, `running ${YEAR}`]],
    ['of a minute, skip', { now: MINUTE + 0.5, misfire: 'skip' }, ['running 1', ...each('skipped', 2, MINUTE)]],
    [
      'of an hour, skip',
      { now: HOUR + 0.5, misfire: 'skip' },
      [`missed 1..${HOUR - 60} (1001)`, `running ${HOUR - 59}`, ...each('skipped', HOUR - 58, HOUR)],
    ],
    [
      'of a year, skip',
      { now: YEAR + 0.5, misfire: 'skip' },
      [`missed 1..${YEAR - 60} (1001)`, `running ${YEAR - 59}`, ...each('skipped', YEAR - 58, YEAR)],
    ],
    ['of a minute, all', { now: MINUTE + 0.5, misfire: 'all' }, ['running 1', ...each('pending', 2, MINUTE)]],
    ['of an hour, all', { now: HOUR + 0.5, misfire: 'all' }, ['running 1', ...each('pending', 2, 100)]],
    [
      'of a year, all',
      { now: YEAR + 0.5, misfire: 'all' },
      [
        `missed 1..${YEAR - 86_400} (1001)`,
        `running ${YEAR - 86_399}`,
        ...each('pending', YEAR - 86_398, YEAR - 86_300),
      ],
    ],
  ])('%s: one pass decides it in bounded steps and rows', (_title, situation, says) => {
    const decided = decideOne({ ...situation, seen: (trigger) => new CountingTrigger(trigger, MOST_STEPS) });
    expect(decided.quarantines).toEqual([]);
    expect(decided.says).toEqual(says);
    expect(says.length).toBeLessThanOrEqual(MOST_FIRES + 1);
  });
});

describe('A run knows that it catches up', () => {
  it.each<[string, Situation, (boolean | null)[]]>([
    ['not on time', { now: 1.5 }, [false]],
    ['when it stands for missed ones', { now: 3.5, misfireGraceMs: 100_000 }, [null, null, true]],
    ['when it starts more than a minute late', { now: 3_661, every: '1h' }, [true]],
    ['not when that is its jitter', { now: 3_661, every: '1h', jitterMs: 2_000 }, [false]],
    ['not when skip has dropped others', { now: 7_205, every: '1h', misfire: 'skip' }, [null, false]],
    ['when it was due with others', { now: 41, every: '20s', misfire: 'skip', maxInstances: 2 }, [true, true]],
    ['when it is a late one of all', { now: 6, every: '5s', misfire: 'all' }, [true]],
    ['not when it is one of all on time', { now: 5.5, every: '5s', misfire: 'all' }, [false]],
  ])('%s', (_title, situation, catchUps) => {
    const { records } = decideOne({ ...situation, change: { wakeAt: new Date(0) } });
    const seen = records.map(({ status, isCatchUp }) => (status === 'missed' ? null : isCatchUp));
    expect(seen).toEqual(catchUps);
  });
});

describe('Of what fell into a pause of the cluster', () => {
  it.each<[string, Situation, string[], number | null]>([
    ['nothing runs, and the job goes on', { now: 3.5, missedUntil: 3.2 }, ['missed 1', 'missed 2', 'missed 3'], 4],
    [
      'nothing runs; what came after it does',
      { now: 4, missedUntil: 2.5 },
      ['missed 1', 'missed 2', 'missed 3', 'running 4'],
      5,
    ],
    ['much shares one record', { now: 20.5, missedUntil: 20 }, ['missed 1..20 (20)'], 21],
    [
      'nothing runs of a job with misfire: all',
      { now: 4, missedUntil: 2.5, misfire: 'all' },
      ['missed 1', 'missed 2', 'running 3', 'pending 4'],
      5,
    ],
    [
      'nothing is left of a job that is due later',
      { now: 4, missedUntil: 0.5 },
      ['missed 1', 'missed 2', 'missed 3', 'running 4'],
      5,
    ],
    [
      'a fire whose jitter is over only later runs',
      { now: 2, missedUntil: 1.5, change: { wakeAt: after(2) }, jitterMs: 900 },
      ['missed 1', 'running 2'],
      3,
    ],
    [
      'what was decided already is not decided again',
      { now: 4, missedUntil: 3.5, change: { lastInstant: after(2) } },
      ['missed 3', 'running 4'],
      5,
    ],
  ])('%s', (_title, situation, says, next) => {
    const decided = decideOne(situation);
    expect(decided.says).toEqual(says);
    expect(decided.next).toBe(next);
  });

  it('the records say so, those of what was merely late do not, and a fire on time is no catch-up', () => {
    const { records, advance } = decideOne({ now: 4, missedUntil: 2.5 });
    expect(records.map(({ reason }) => reason?.slice(0, 11) ?? null)).toEqual([
      'the cluster',
      'the cluster',
      'too late to',
      null,
    ]);
    expect(advance).toMatchObject({ missed: 3, runs: 1 });
    expect(decideOne({ now: 3, missedUntil: 2.5 }).records.at(-1)).toMatchObject({
      status: 'running',
      isCatchUp: false,
    });
  });

  it('the only instant of a schedule is kept: it has no other', () => {
    const only = at(after(1));
    const job = { ...aRow('once'), nextRunAt: after(1), wakeAt: after(1), trigger: only.toJSON() };
    const snapshot = { job, isDue: true, ...NONE_ACTIVE };
    const { records, advances } = decide(
      { now: after(9), missedUntil: after(8), jobs: [snapshot] },
      { canRun: () => true, triggerOf: () => only, slots: new Map([['default', 1]]) },
    );
    expect(records).toMatchObject([{ status: 'running', scheduledAt: after(1) }]);
    expect(advances).toMatchObject([{ nextRunAt: null }]);
  });
});
