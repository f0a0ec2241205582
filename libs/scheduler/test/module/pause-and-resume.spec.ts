import { cron, MemoryJobStore } from 'nestjs-vigil';
import { ManualClock, recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import { at, managing, MINUTE, NOW } from './reminders.js';

describe('pauseJob and resumeJob', () => {
  it('stop and continue a schedule, say who and why, and announce it', async () => {
    const { scheduler, clock } = await managing();
    using events = recordEvents(scheduler, ['job.paused', 'job.resumed']);
    await scheduler.addJob({ id: 'x', handler: 'remind', every: '10m' });

    expect(await scheduler.pauseJob('x', { reason: 'broken', by: 'anna' })).toMatchObject({
      state: 'paused',
      reason: 'broken',
      by: 'anna',
    });
    await clock.advance(5 * MINUTE);
    const resumed = await scheduler.resumeJob('x', { by: 'bob' });
    expect(resumed).toMatchObject({ state: 'active', by: 'bob', nextRunAt: at(10) });
    expect(resumed).not.toHaveProperty('reason');
    expect(events.names).toEqual(['job.paused', 'job.resumed']);
    expect((await scheduler.getExecutions()).items).toEqual([]);
  });

  it('record what fell into the pause as missed, and go on after it', async () => {
    const { scheduler, clock } = await managing();
    await scheduler.addJob({ id: 'x', handler: 'remind', every: '10m' });
    await scheduler.pauseJob('x');
    await clock.advance(30 * MINUTE);

    const resumed = await scheduler.resumeJob('x');
    expect(resumed).toMatchObject({ nextRunAt: at(40), lastRunAt: at(30), runCount: 0, missedCount: 3 });
    const missed = { status: 'missed', untilAt: null, instantCount: 1, reason: 'the job was paused' };
    expect((await scheduler.getExecutions({ jobId: 'x' })).items).toMatchObject(
      [at(30), at(20), at(10)].map((scheduledAt) => ({ ...missed, scheduledAt })),
    );
  });

  it('record many that fell into the pause as one range, whatever the jitter', async () => {
    const { scheduler, clock } = await managing();
    await scheduler.addJob({ id: 'x', handler: 'remind', every: '10m', jitterMs: 9 * MINUTE });
    await scheduler.pauseJob('x');
    await clock.advance(110 * MINUTE);

    expect(await scheduler.resumeJob('x')).toMatchObject({ nextRunAt: at(120), missedCount: 11 });
    expect((await scheduler.getExecutions({ jobId: 'x' })).items).toMatchObject([
      { status: 'missed', scheduledAt: at(10), untilAt: at(110), instantCount: 11, reason: 'the job was paused' },
    ]);
  });

  it('leave what fell into the pause due with catchUp', async () => {
    const { scheduler, clock } = await managing();
    await scheduler.addJob({ id: 'x', handler: 'remind', every: '10m' });
    await scheduler.pauseJob('x');
    await clock.advance(30 * MINUTE);

    expect(await scheduler.resumeJob('x', { catchUp: true })).toMatchObject({ state: 'active', nextRunAt: at(10) });
    expect((await scheduler.getExecutions()).items).toEqual([]);
  });

  it('finish a job whose only instant passed in the pause', async () => {
    const { scheduler, clock } = await managing();
    await scheduler.addJob({ id: 'x', handler: 'remind', in: '5m' });
    await scheduler.pauseJob('x');
    await clock.advance(10 * MINUTE);

    expect(await scheduler.resumeJob('x')).toMatchObject({ state: 'finished', nextRunAt: null });
    expect((await scheduler.getExecutions()).items).toMatchObject([
      { status: 'missed', scheduledAt: at(5), untilAt: null },
    ]);
  });

  it('change and announce nothing where there is nothing to change', async () => {
    const { scheduler } = await managing();
    await scheduler.addJob({ id: 'x', handler: 'remind', every: '10m' });
    await scheduler.pauseJob('x', { by: 'anna' });
    using events = recordEvents(scheduler, ['job.paused', 'job.resumed']);

    expect(await scheduler.pauseJob('x', { by: 'bob' })).toMatchObject({ by: 'anna', version: 2 });
    await scheduler.resumeJob('x');
    expect(await scheduler.resumeJob('x')).toMatchObject({ version: 3 });
    expect(events.names).toEqual(['job.resumed']);
  });

  it('resume a quarantined job once its schedule can be read, and say what is wrong until then', async () => {
    const clock = new ManualClock(NOW);
    const store = new MemoryJobStore({ clock });
    const { scheduler } = await managing({ clock, scheduler: { store } });
    const { trigger } = { trigger: cron('0 9 * * *').toJSON() };
    await scheduler.addJob({ id: 'x', handler: 'remind', cron: '0 9 * * *' });
    await store.changeJob('x', () => ({ set: { state: 'quarantined', trigger: { kind: 'moon' } } }));

    await expect(scheduler.resumeJob('x')).rejects.toThrow(/"moon" is not a kind of trigger/);
    expect(await scheduler.getJob('x')).toMatchObject({ state: 'quarantined' });
    await store.changeJob('x', () => ({ set: { trigger } }));
    expect(await scheduler.resumeJob('x')).toMatchObject({ state: 'active' });
  });
});
