import { ManualClock, recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import type { SchedulerEvents } from '../../src/engine/engine-events.js';
import { draftJob, newJobRow } from '../../src/engine/job-draft.js';
import { withNewerZones } from '../../src/engine/services/newer-zones.js';
import type { JobEntity } from '../../src/store/job.entity.js';
import { cron } from '../../src/triggers/cron.trigger.js';
import { ZONE_DATA } from '../../src/triggers/zone.js';
import { aNode } from './support.js';

const HOUR = 3_600_000;
const NOW = new Date('2026-11-02T12:00:00.000Z');
const monthly = cron('30 7 1 * *', { timeZone: 'Europe/Paris' });
/** 07:30 in Paris, as this process has it. */
const RIGHT = new Date('2026-12-01T06:30:00.000Z');
const later = (ms: number): Date => new Date(RIGHT.getTime() + ms);

function aJob(changes: Partial<JobEntity> = {}): JobEntity {
  const schedule = { kind: 'trigger' as const, trigger: monthly, maxRuns: null, jitterMs: 0 };
  const draft = draftJob({ id: 'job', handler: 'job', schedule, data: null, source: 'code', settings: [] });
  return { ...newJobRow(draft, NOW), ...changes };
}

describe('Newer zone data', () => {
  it.each([-HOUR, HOUR, 2.5 * HOUR])('move a run back that was computed %d ms off', (offMs) => {
    const moved = withNewerZones(aJob({ nextRunAt: later(offMs) }), monthly, NOW);
    expect(moved).toEqual({ tzVersion: ZONE_DATA, nextRunAt: RIGHT, wakeAt: RIGHT });
  });

  it.each<[string, Partial<JobEntity>, Date]>([
    ['that a hand set elsewhere', { nextRunAt: later(-24 * HOUR) }, NOW],
    ['that a hand set to the next month', { nextRunAt: later(31 * 24 * HOUR) }, NOW],
  ])('leave a run where it is %s', (_what, changes, now) => {
    expect(withNewerZones(aJob(changes), monthly, now)).toEqual({ tzVersion: ZONE_DATA });
  });

  it.each<[string, Partial<JobEntity>, Date]>([
    ['whose run is less than a day away', { nextRunAt: later(HOUR) }, later(-22 * HOUR)],
    ['that is paused', { state: 'paused' }, NOW],
    ['that is finished', { state: 'finished', nextRunAt: null }, NOW],
  ])('change nothing about a job %s', (_what, changes, now) => {
    expect(withNewerZones(aJob(changes), monthly, now)).toBeNull();
  });

  it('never bring back an instant that was decided, and skip none', () => {
    const daily = cron('30 7 * * *', { timeZone: 'Europe/Paris' });
    for (let hour = 0; hour < 24; hour += 1) {
      const now = new Date(NOW.getTime() + hour * HOUR);
      const natural = daily.nextAfter(new Date(now.getTime() + 24 * HOUR))!;
      for (const offMs of [-HOUR, 0, HOUR]) {
        const nextRunAt = new Date(natural.getTime() + offMs);
        const moved = withNewerZones(aJob({ nextRunAt }), daily, now);
        if (nextRunAt.getTime() - now.getTime() <= 24 * HOUR) expect(moved).toBeNull();
        else expect([natural, undefined]).toContainEqual(moved?.nextRunAt);
      }
    }
  });

  it('are noticed by the audit of a node that has them, and told', async () => {
    const clock = new ManualClock(NOW);
    const node = aNode([{ trigger: monthly, run: () => {} }], { clock });
    using told = recordEvents<SchedulerEvents>(node.engine.events, ['job.rescheduled']);
    await node.engine.start();
    const wrong = { nextRunAt: later(HOUR), wakeAt: later(HOUR), tzVersion: '1999a' };
    await node.store.changeJob('job', () => ({ set: wrong }));
    await clock.advance(4 * 60_000);
    expect(await node.store.getJob('job')).toMatchObject({ nextRunAt: RIGHT, wakeAt: RIGHT, tzVersion: ZONE_DATA });
    await clock.advance(HOUR);
    expect(told.events.map(({ payload }) => payload)).toMatchObject([{ before: later(HOUR), zoneData: ZONE_DATA }]);
    const stopped = node.engine.shutdown();
    await clock.advance(0);
    await stopped;
  });
});
