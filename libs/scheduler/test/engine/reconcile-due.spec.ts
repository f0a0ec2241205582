import { describe, expect, it } from 'vitest';

import type { JobEntity } from '../../src/store/job.entity.js';
import { cron } from '../../src/triggers/cron.trigger.js';
import type { Trigger } from '../../src/triggers/trigger.js';
import { before, broken, clock, code, deploy, HALF_HOURLY, lost, on } from './reconcile-job.support.js';

describe('What was due by the old schedule and not decided', () => {
  const CHANGED = 'its schedule was changed by a deploy';
  const DAILY = cron('0 0 6 * * *');
  const theirs = { trigger: { kind: 'of their own' } };
  const dueFrom = (from: string, overrides: Partial<JobEntity> = {}): JobEntity =>
    before(code(), { nextRunAt: on(from), wakeAt: on(from), lastInstant: null, ...overrides });

  it.each<[string, JobEntity, string, Trigger, { next: string; wake?: string; lost: unknown[] }]>([
    ['runs, if it came due just now', dueFrom('12:00:00'), '12:01:00', DAILY, { next: '12:00:00', lost: [] }],
    [
      'runs, if it waits for its jitter',
      dueFrom('12:00:00', { wakeAt: on('12:04:00') }),
      '12:03:00',
      DAILY,
      { next: '12:00:00', wake: '12:04:00', lost: [] },
    ],
    [
      'is recorded, if it is late',
      dueFrom('12:00:00'),
      '12:01:01',
      DAILY,
      { next: '06:00:00', lost: [['12:00:00', undefined, 1, CHANGED]] },
    ],
    [
      'is recorded up to the one that came due just now',
      dueFrom('10:00:00'),
      '12:00:30',
      DAILY,
      {
        next: '12:00:00',
        lost: [
          ['10:00:00', undefined, 1, CHANGED],
          ['11:00:00', undefined, 1, CHANGED],
        ],
      },
    ],
    [
      'is recorded as one range, if all of it is late and it is more than a few',
      dueFrom('02:00:00'),
      '12:20:00',
      HALF_HOURLY,
      { next: '12:30:00', lost: [['02:00:00', '12:00:00', 11, CHANGED]] },
    ],
    [
      'is recorded, if the new schedule has come round since',
      dueFrom('12:00:00'),
      '12:00:35',
      cron('*/10 * * * * *'),
      { next: '12:00:40', lost: [['12:00:00', undefined, 1, CHANGED]] },
    ],
    [
      'is counted to a thousand',
      dueFrom('11:00:00', { trigger: cron('* * * * * *').toJSON() }),
      '12:20:00',
      cron('*/7 * * * *'),
      { next: '12:20:00', lost: [['11:00:00', '12:19:59', 1_001, CHANGED]] },
    ],
    [
      'is recorded as far as the row knows it, if only its own version could read the schedule',
      dueFrom('10:00:00', theirs),
      '12:20:00',
      DAILY,
      { next: '06:00:00', lost: [['10:00:00', undefined, 1, CHANGED]] },
    ],
    [
      'runs, if it came due just now, also by a schedule that only its own version could read',
      dueFrom('12:00:00', theirs),
      '12:00:30',
      DAILY,
      { next: '12:00:00', lost: [] },
    ],
    [
      'is nothing, if it was decided',
      dueFrom('10:00:00', { ...theirs, lastInstant: on('10:00:00') }),
      '12:20:00',
      DAILY,
      { next: '06:00:00', lost: [] },
    ],
    [
      'is nothing, if the row says a time that no clock shows',
      dueFrom('10:00:00', { nextRunAt: new Date(NaN) }),
      '12:20:00',
      DAILY,
      { next: '06:00:00', lost: [] },
    ],
  ])('%s', (_, existing, now, trigger, expected) => {
    const sync = deploy(code({ trigger }), existing, on(now));
    const { nextRunAt, wakeAt, lastInstant } = sync.row;
    const seen = { next: clock(nextRunAt), wake: clock(wakeAt), lost: lost(sync) };
    expect(seen).toEqual({ wake: expected.next, ...expected });
    const missed = sync.records?.at(-1);
    expect(lastInstant).toEqual(missed?.untilAt ?? missed?.scheduledAt ?? existing.lastInstant);
    const count = (sync.records ?? []).reduce((sum, { instantCount }) => sum + instantCount, 0);
    expect(sync.row.missedCount).toBe(count);
  });

  it('is added to what the job has missed before, also where its new trigger throws', () => {
    const existing = dueFrom('10:00:00', { missedCount: 50 });
    for (const trigger of [DAILY, broken()]) {
      const { row, records } = deploy(code({ trigger }), existing, on('12:20:00'));
      expect(row.missedCount).toBe(50 + records!.length);
    }
  });

  it.each(['paused', 'quarantined'] as const)('while the job was %s is recorded as such', (state) => {
    const sync = deploy(code({ trigger: DAILY }), dueFrom('12:00:00', { state }), on('12:00:30'));
    expect(lost(sync)).toEqual([['12:00:00', undefined, 1, `the job was ${state}`]]);
  });
});
