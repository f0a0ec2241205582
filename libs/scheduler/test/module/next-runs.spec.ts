import { cron, every, JobNotFoundError, MemoryJobStore, type Trigger } from 'nestjs-vigil';
import { ManualClock } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import { Reminders } from './reminders.js';
import { boot } from './support.js';

const NOW = new Date('2026-03-28T00:00:00.000Z');

async function booted() {
  const clock = new ManualClock(NOW);
  return boot({ providers: [Reminders], clock, scheduler: { store: new MemoryJobStore({ clock }), runJobs: false } });
}
type Run = { at: Date; clockChange?: string };
const inShort = (runs: readonly Run[]): string[] =>
  runs.map(({ at, clockChange }) => [at.toISOString().slice(0, 16), clockChange].filter(Boolean).join(' '));

describe('nextRuns', () => {
  it('of a job begins with the first instant that is not decided, and marks what clock changes do', async () => {
    const { scheduler } = await booted();
    const paris = { handler: 'remind', cron: '30 2 * * *', timeZone: 'Europe/Paris' } as const;
    await scheduler.addJob({ id: 'moved', ...paris });
    await scheduler.addJob({ id: 'dropped', ...paris, dst: { gap: 'skip' as const } });
    expect(inShort(await scheduler.nextRuns('moved', 3))).toEqual([
      '2026-03-28T01:30',
      '2026-03-29T01:30 moved',
      '2026-03-30T00:30',
    ]);
    expect(inShort(await scheduler.nextRuns('dropped', 3))).toEqual([
      '2026-03-28T01:30',
      '2026-03-29T01:30 dropped',
      '2026-03-30T00:30',
    ]);
  });

  it('of a job shows what is dropped before its next run', async () => {
    const clock = new ManualClock(new Date('2026-03-28T12:00:00.000Z'));
    const scheduler = { store: new MemoryJobStore({ clock }), runJobs: false };
    const { scheduler: service } = await boot({ providers: [Reminders], clock, scheduler });
    const skips = { cron: '30 2 * * *', timeZone: 'Europe/Paris', dst: { gap: 'skip' as const } };
    await service.addJob({ id: 'skips', handler: 'remind', ...skips, maxRuns: 1 });
    expect(inShort(await service.nextRuns('skips', 3))).toEqual(['2026-03-29T01:30 dropped', '2026-03-30T00:30']);
    expect(inShort(await service.nextRuns('skips', 1))).toEqual(['2026-03-29T01:30 dropped']);
  });

  it('ends with the schedule, and where maxRuns is reached', async () => {
    const { scheduler } = await booted();
    await scheduler.addJob({ id: 'twice', handler: 'remind', every: '1h', maxRuns: 2 });
    await scheduler.addJob({ id: 'once', handler: 'remind', at: '2026-03-29T00:00:00Z' });
    expect(inShort(await scheduler.nextRuns('twice', 5))).toEqual(['2026-03-28T01:00', '2026-03-28T02:00']);
    expect(inShort(await scheduler.nextRuns('once', 5))).toEqual(['2026-03-29T00:00']);
  });

  it('of a paused job begins now, as if it was resumed', async () => {
    const clock = new ManualClock(NOW);
    const scheduler = { store: new MemoryJobStore({ clock }), runJobs: false };
    const { scheduler: service } = await boot({ providers: [Reminders], clock, scheduler });
    await service.addJob({ id: 'paused', handler: 'remind', every: '1h', paused: true });
    await clock.advance(5.5 * 3_600_000);
    expect(inShort(await service.nextRuns('paused', 1))).toEqual(['2026-03-28T06:00']);
  });

  it('of a trigger is what a job would do that was added now', async () => {
    const { scheduler } = await booted();
    expect(inShort(await scheduler.nextRuns(every('90m'), 2))).toEqual(['2026-03-28T01:30', '2026-03-28T03:00']);
    expect(inShort(await scheduler.nextRuns(cron('0 9 * * 1-5'), 1))).toEqual(['2026-03-30T09:00']);
  });

  it.each<[unknown, unknown, RegExp]>([
    ['x', 0, /nextRuns: count is 0\. Write a whole number from 1 to 1000/],
    ['x', 1_001, /count is 1001/],
    ['x', '5', /count is "5"/],
    ['x', undefined, /count is undefined/],
    ['', 5, /nextRuns: the id is ""/],
    [null, 5, /nextRuns: the trigger, null, has no method nextAfter\(\)/],
    [{ cron: '* * * * *' }, 5, /nextRuns: the trigger, an object, has no method nextAfter\(\)\. Give what cron\(\)/],
  ])('of %j, %j of them, is refused', async (job, count, message) => {
    const { scheduler } = await booted();
    await expect(scheduler.nextRuns(job as Trigger, count as number)).rejects.toThrow(message);
  });

  it('of a job that is not there rejects with JobNotFoundError', async () => {
    const { scheduler } = await booted();
    await expect(scheduler.nextRuns('nowhere', 5)).rejects.toThrow(JobNotFoundError);
  });
});
