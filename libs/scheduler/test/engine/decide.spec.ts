import { describe, expect, it } from 'vitest';

import { decide } from '../../src/engine/decide.js';
import type { JobEntity } from '../../src/store/job.entity.js';
import type { JobSnapshot } from '../../src/store/job-store.js';
import { anchored } from '../../src/triggers/built-in.js';
import { every } from '../../src/triggers/interval.trigger.js';
import { after, aRow, CREATED, decideOne, NONE_ACTIVE, type Situation } from './deciding.js';

describe('A fire', () => {
  it('that is on time starts', () => {
    expect(decideOne({ now: 1 })).toMatchObject({ says: ['running 1'], next: 2 });
  });

  it('waits when the node has no slot', () => {
    expect(decideOne({ now: 1, slots: 0 })).toMatchObject({ says: ['pending 1'], next: 2, advance: { queued: 1 } });
  });

  it('is the last one when maxRuns is reached', () => {
    expect(decideOne({ now: 1, maxRuns: 1 })).toMatchObject({ says: ['running 1'], next: null });
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

describe('Waiting executions', () => {
  const waiting = (id: string, isReoffered = false): JobSnapshot['pending'][number] => ({
    id,
    kind: 'schedule',
    isReoffered,
    urgentSince: after(0),
  });

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

describe('What a backfill submitted', () => {
  const [first, second] = ['b-1', 'b-2'].map(
    (id) => ({ id, kind: 'backfill', isReoffered: false, urgentSince: after(0) }) as const,
  );
  const byHand = { id: 'by-hand', kind: 'manual', isReoffered: false, urgentSince: after(0) } as const;

  it.each<[string, Situation, { claims: string[]; says?: string[] }]>([
    ['starts where there is room', { now: 0, pending: [first!, second!] }, { claims: ['b-1'] }],
    ['starts after the fire that is due', { now: 1, pending: [first!] }, { claims: [], says: ['running 1'] }],
    [
      'starts beside the fire that is due when there is room for both',
      { now: 1, maxInstances: 2, pending: [first!, second!] },
      { claims: ['b-1'], says: ['running 1'] },
    ],
    [
      'starts after a run by hand that waits',
      { now: 0, queued: 1, queuedFires: 0, pending: [byHand, first!] },
      { claims: ['by-hand'] },
    ],
    [
      'counts as active once it was claimed, so that a fire is skipped',
      { now: 1, active: 1, pending: [] },
      { claims: [], says: ['skipped 1'] },
    ],
    [
      'has its room once it was claimed, and goes on first',
      { now: 1, active: 1, pending: [{ ...first!, isReoffered: true }] },
      { claims: ['b-1'], says: ['skipped 1'] },
    ],
    [
      'leaves the room of what waits of the schedule and cannot start yet',
      { now: 1, maxInstances: 3, active: 1, queued: 1, pending: [first!, second!] },
      { claims: ['b-1'], says: ['running 1'] },
    ],
  ])('%s', (_title, situation, { claims, says = [] }) => {
    const change = situation.now === 0 ? { wakeAt: null } : {};
    expect(decideOne({ ...situation, change })).toMatchObject({ claims, says });
  });

  it('takes no slot that a fire of another job needs, whatever its priority', () => {
    const jobs: JobSnapshot[] = [
      { job: aRow('urgent', { priority: 9 }), isDue: false, ...NONE_ACTIVE, pending: [first!] },
      { job: aRow('due'), isDue: true, ...NONE_ACTIVE },
    ];
    const triggerOf = () => anchored(every('1s'), CREATED);
    const context = { canRun: () => true, triggerOf, slots: new Map([['default', 1]]) };
    const { claims, records } = decide({ now: after(1), jobs }, context);
    expect(claims).toEqual([]);
    expect(records).toMatchObject([{ status: 'running', jobUid: jobs[1]!.job.uid }]);
  });
});

describe('A job that cannot be decided', () => {
  const jobs = (): JobSnapshot[] => ['bad', 'good'].map((id) => ({ job: aRow(id), isDue: true, ...NONE_ACTIVE }));
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
  const pending = [
    { id: 'waiting', kind: 'schedule', isReoffered: true, urgentSince: after(0) },
    { id: 'backfilled', kind: 'backfill', isReoffered: false, urgentSince: after(0) },
  ] as const;
  const snapshot = { job: aRow('renamed'), isDue: true, ...NONE_ACTIVE, pending };
  const context = { canRun: () => false, triggerOf: () => every('1s'), slots: new Map([['default', 9]]) };
  const nothing = { records: [], advances: [], quarantines: [], claims: [], cancels: [] };
  expect(decide({ now: after(1), jobs: [snapshot] }, context)).toEqual(nothing);
});

it.each([
  ['stands still', { nextAfter: (instant: Date) => instant }],
  ['goes back', { nextAfter: (instant: Date) => new Date(+instant - 1_000) }],
  ['answers with the future', { lastAtOrBefore: () => after(1_000) }],
])('A job whose own trigger %s is quarantined instead of stepping for ever', (_what, broken) => {
  for (const misfire of ['coalesce', 'all'] as const) {
    const { quarantines } = decideOne({
      now: 3.5,
      misfire,
      seen: (sound) => ({
        nextAfter: (instant) => sound.nextAfter(instant),
        lastAtOrBefore: (instant, notBefore) => sound.lastAtOrBefore(instant, notBefore),
        describe: () => 'mine',
        toJSON: () => ({}),
        ...broken,
      }),
    });
    expect(quarantines).toMatchObject([{ reason: expect.stringContaining('"mine"') }]);
  }
});

it.each([
  ['which has the head start', 0],
  ['which has the higher priority, when they have waited equally long by their head start', 5 * 60_000],
])('The more urgent job gets the last slot: the one %s', (_, laterMs) => {
  const jobs = ['low', 'high'].map((id): JobSnapshot => {
    const job = aRow(id, { priority: id === 'high' ? 5 : 0 });
    const wakeAt = new Date(job.wakeAt!.getTime() + (id === 'high' ? laterMs : 0));
    return { job: { ...job, wakeAt }, isDue: true, ...NONE_ACTIVE };
  });
  const context = {
    canRun: () => true,
    triggerOf: () => anchored(every('1s'), CREATED),
    slots: new Map([['default', 1]]),
  };
  const { records } = decide({ now: after(1), jobs }, context);
  const running = records.find(({ status }) => status === 'running');
  expect(running?.jobUid).toBe(jobs[1]?.job.uid);
});
