import { describe, expect, it } from 'vitest';

import { after, decideOne, type Situation } from './deciding.js';

describe('A fire beyond maxInstances', () => {
  it.each<[string, Situation, string[], number]>([
    ['is skipped', { now: 1, active: 1 }, ['skipped 1'], 2],
    ['is none where there is room', { now: 1, active: 2, maxInstances: 3 }, ['running 1'], 2],
    ['is skipped beyond three', { now: 1, active: 3, maxInstances: 3 }, ['skipped 1'], 2],
    ['does not overtake what waits', { now: 1, queued: 1 }, ['skipped 1'], 2],
    ['queues with queue-one', { now: 1, active: 1, overlap: 'queue-one' }, ['pending 1'], 2],
    [
      'is skipped with queue-one when one waits',
      { now: 1, active: 1, queued: 1, overlap: 'queue-one' },
      ['skipped 1'],
      2,
    ],
    [
      'queues with queue-one beyond three',
      { now: 1, active: 3, maxInstances: 3, overlap: 'queue-one' },
      ['pending 1'],
      2,
    ],
    ['queues with queue-all', { now: 1, active: 1, queued: 7, overlap: 'queue-all' }, ['pending 1'], 2],
    [
      'waits itself, undecided, when the queue is full',
      { now: 1, active: 1, queued: 1_000, overlap: 'queue-all' },
      [],
      1,
    ],
  ])('%s', (_title, situation, says, next) => {
    const decided = decideOne(situation);
    expect(decided.says).toEqual(says);
    expect(decided.next).toBe(next);
    expect(decided.cancels).toEqual([]);
  });
});

describe('With cancel-running the newest fire wins:', () => {
  const pending = [
    { id: 'fire', kind: 'schedule', isReoffered: false, urgentSince: after(0) },
    { id: 'by-hand', kind: 'manual', isReoffered: false, urgentSince: after(0) },
  ] as const;

  it.each<[string, Situation, { says: string[]; active: number | null; claims?: string[] }]>([
    ['it asks the running one to stop, and waits for it', { now: 1, active: 1 }, { says: ['pending 1'], active: 1 }],
    ['it asks one of three', { now: 1, active: 3, maxInstances: 3 }, { says: ['pending 1'], active: 1 }],
    [
      'it asks nobody where there is room',
      { now: 1, active: 2, maxInstances: 3 },
      { says: ['running 1'], active: null },
    ],
    [
      'it asks no second one while one is stopping',
      { now: 1, active: 1, stopping: 1 },
      { says: ['pending 1'], active: 0 },
    ],
    [
      'it asks no second of three while one is stopping',
      { now: 1, active: 3, stopping: 1, queued: 1, maxInstances: 3 },
      { says: ['pending 1'], active: 0 },
    ],
    [
      'it asks as many as a lowered maxInstances needs',
      { now: 1, active: 5, stopping: 1, maxInstances: 2 },
      { says: ['pending 1'], active: 3 },
    ],
    [
      'it takes the place of one that waits for a slot',
      { now: 1, queued: 1, pending: [pending[0]] },
      { says: ['running 1'], active: 0, claims: [] },
    ],
    [
      'it leaves what a person asked for, and waits behind it',
      { now: 1, queued: 2, queuedFires: 1, pending },
      { says: ['pending 1'], active: 0, claims: ['by-hand'] },
    ],
    [
      'of several that are due at once, only the newest is left',
      { now: 50, every: '10s', misfire: 'skip', active: 1 },
      { says: ['skipped 10', 'skipped 20', 'skipped 30', 'skipped 40', 'pending 50'], active: 1 },
    ],
    [
      'of several that are due at once, the newest are left that have room',
      { now: 50, every: '10s', misfire: 'skip', active: 1, maxInstances: 3 },
      { says: ['skipped 10', 'skipped 20', 'skipped 30', 'running 40', 'running 50'], active: null },
    ],
    [
      'but late ones of all queue',
      { now: 2.5, misfire: 'all', active: 1 },
      { says: ['pending 1', 'pending 2'], active: null },
    ],
  ])('%s', (_title, situation, { says, active, claims = [] }) => {
    const decided = decideOne({ ...situation, overlap: 'cancel-running' });
    expect(decided.says).toEqual(says);
    const reason = expect.stringContaining('a newer fire');
    expect(decided.cancels).toEqual(active === null ? [] : [{ uid: decided.advance?.uid, active, reason }]);
    expect(decided.claims).toEqual(claims);
  });

  it('but not once all its runs are used up', () => {
    const change = { runCount: 3 };
    const decided = decideOne({ now: 1, active: 1, overlap: 'cancel-running', maxRuns: 3, change });
    expect(decided).toMatchObject({ says: [], cancels: [], next: null });
  });
});
