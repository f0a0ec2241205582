import { randomUUID } from 'node:crypto';

import { BackfillConflictError, InvalidJobError, JobNotFoundError, MemoryJobStore } from 'nestjs-vigil';
import { ManualClock, recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import { at, managing, MINUTE, NOW, Reminders } from './reminders.js';
import { boot, type Booted } from './support.js';

/** A job of every ten minutes, and an hour has passed: its next instant is at minute 70. */
async function anHourLater(): Promise<Booted & { clock: ManualClock }> {
  const booted = await managing();
  await booted.scheduler.addJob({ id: 'x', handler: 'remind', every: '10m', data: { user: 'u1' } });
  await booted.clock.advance(60 * MINUTE);
  await booted.scheduler.pauseJob('x');
  await booted.scheduler.resumeJob('x');
  return booted;
}

describe('backfill', () => {
  it('submits a run for each instant, both ends included, whatever became of it before', async () => {
    const { scheduler } = await anHourLater();
    const missed = (await scheduler.getExecutions({ status: 'missed' })).items;
    expect(missed.map(({ scheduledAt }) => scheduledAt)).toEqual([60, 50, 40, 30, 20, 10].map(at));

    expect(await scheduler.backfill('x', at(20), at(40), { reason: 'lost', by: 'anna' })).toEqual({ submitted: 3 });
    const { items } = await scheduler.getExecutions({ status: 'pending' });
    expect(items.map(({ scheduledAt }) => scheduledAt)).toEqual([40, 30, 20].map(at));
    for (const each of items)
      expect(each).toMatchObject({ kind: 'backfill', isCatchUp: true, reason: 'lost (by anna)', untilAt: null });
    expect(await scheduler.getJob('x')).toMatchObject({ runCount: 0, missedCount: 6, nextRunAt: at(70) });
  });

  it('reaches back before the job was added', async () => {
    const { scheduler } = await anHourLater();
    expect(await scheduler.backfill('x', at(-100), at(60))).toEqual({ submitted: 17 });
  });

  it('of a time without an instant submits nothing', async () => {
    const { scheduler } = await anHourLater();
    expect(await scheduler.backfill('x', at(21), at(29))).toEqual({ submitted: 0 });
  });

  it('ends before what the schedule will run itself', async () => {
    const { scheduler, clock } = await anHourLater();
    await clock.advance(9 * MINUTE);
    expect(await scheduler.backfill('x', at(60), at(69))).toEqual({ submitted: 1 });
    // it is due, and nobody has decided about it
    await clock.advance(MINUTE);
    const call = scheduler.backfill('x', at(60), at(70));
    await expect(call).rejects.toBeInstanceOf(InvalidJobError);
    await expect(call).rejects.toThrow(
      `backfill: job "x": its schedule decides about its instants from ${at(70).toISOString()} on itself, and to is ${at(70).toISOString()}. Give a to that lies before`,
    );
  });

  it('of a job that is paused ends before its pause, and says what to do about that', async () => {
    const { scheduler, clock } = await anHourLater();
    await scheduler.pauseJob('x');
    await clock.advance(30 * MINUTE);
    await expect(scheduler.backfill('x', at(60), at(80))).rejects.toThrow(
      `Give a to that lies before ${at(70).toISOString()}, or call resumeJob("x") first: it is paused.`,
    );
    expect(await scheduler.backfill('x', at(60), at(69))).toEqual({ submitted: 1 });
  });

  it('never reaches into the future, also of a job that is finished', async () => {
    const { scheduler, clock } = await managing();
    await scheduler.addJob({ id: 'once', handler: 'remind', in: '10m', data: { user: 'u1' } });
    await scheduler.pauseJob('once');
    await clock.advance(20 * MINUTE);
    expect(await scheduler.resumeJob('once')).toMatchObject({ state: 'finished' });
    await expect(scheduler.backfill('once', at(0), at(21))).rejects.toThrow(
      `to is ${at(21).toISOString()}, which lies in the future. Give a time that has passed; it is ${at(20).toISOString()}.`,
    );
    expect(await scheduler.backfill('once', at(0), at(20))).toEqual({ submitted: 1 });
  });

  it('submits at most 10,000 at once, and says where to split', async () => {
    const { scheduler, clock } = await managing();
    await scheduler.addJob({ id: 'x', handler: 'remind', every: '1s', data: { user: 'u1' } });
    await clock.advance(200 * MINUTE);
    await scheduler.pauseJob('x');
    await scheduler.resumeJob('x');
    const [last, next] = [10_000, 10_001].map((second) => at(second / 60).toISOString());
    await expect(scheduler.backfill('x', at(1 / 60), at(200))).rejects.toThrow(
      `has more than 10000 instants in that time. Split it: give this call the to ${last}, and the next one the from ${next}`,
    );
    expect(await scheduler.backfill('x', at(1 / 60), new Date(last!))).toEqual({ submitted: 10_000 });
    expect(await scheduler.backfill('x', new Date(next!), at(200))).toEqual({ submitted: 2_000 });
  });

  it('with the same batchId again submits nothing more, and is a conflict for another job', async () => {
    const { scheduler } = await anHourLater();
    const batchId = randomUUID();
    await scheduler.backfill('x', at(20), at(40), { batchId });
    const again = { batchId: batchId.toUpperCase() };
    expect(await scheduler.backfill('x', at(20), at(40), again)).toEqual({ submitted: 3 });
    expect((await scheduler.getExecutions({ status: 'pending' })).items).toHaveLength(3);
    await expect(scheduler.backfill('declared', at(-60), at(0), again)).rejects.toBeInstanceOf(BackfillConflictError);
  });

  it.each<[string, unknown[], RegExp]>([
    ['an id that is no text', [7, at(0), at(1)], /backfill: the id is 7/],
    ['no time', ['x'], /backfill: from is undefined\. Give a valid Date/],
    ['a time that is none', ['x', at(0), new Date('soon')], /backfill: to is .*\. Give a valid Date/],
    ['a time that ends before it begins', ['x', at(2), at(1)], /from is .* and lies after to, .*\. Give the earlier/],
    ['a batchId that is no UUID', ['x', at(0), at(1), { batchId: 'b' }], /batchId is "b"\. Give a UUID/],
    ['an unknown option', ['x', at(0), at(1), { batch: 'b' }], /"batch" is not an option here\. Known: .*batchId/],
  ])('refuses %s', async (_what, given, message) => {
    const { scheduler } = await managing();
    await expect(scheduler.backfill(...(given as [string, Date, Date]))).rejects.toThrow(message);
  });

  it('rejects for an unknown id, and while the schedule of the job cannot be read', async () => {
    const clock = new ManualClock(NOW);
    const store = new MemoryJobStore({ clock });
    const { scheduler } = await managing({ clock, scheduler: { store } });
    await expect(scheduler.backfill('nowhere', at(-1), at(0))).rejects.toBeInstanceOf(JobNotFoundError);
    await scheduler.addJob({ id: 'x', handler: 'remind', every: '10m' });
    await store.changeJob('x', () => ({ set: { trigger: { kind: 'moon' } } }));
    await expect(scheduler.backfill('x', at(-1), at(0))).rejects.toThrow(/"moon" is not a kind of trigger/);
  });

  it('is run at once, in the order of its instants, and with maxRuns used up, too', async () => {
    const clock = new ManualClock(NOW);
    const store = new MemoryJobStore({ clock });
    const { scheduler } = await boot({ providers: [Reminders], scheduler: { store }, clock });
    using events = recordEvents(scheduler, ['execution.succeeded']);
    await scheduler.addJob({ id: 'x', handler: 'remind', every: '10m', maxRuns: 1, data: { user: 'u1' } });
    await clock.advance(11 * MINUTE);
    expect(await scheduler.getJob('x')).toMatchObject({ state: 'finished', runCount: 1 });
    await scheduler.backfill('x', at(-20), at(10));
    await clock.advance(1_000);
    const ran = events.events.map(({ payload: { execution } }) => execution);
    expect(ran.map(({ kind, scheduledAt }) => [kind, scheduledAt])).toEqual([
      ['schedule', at(10)],
      ...[-20, -10, 0, 10].map((minute) => ['backfill', at(minute)]),
    ]);
    expect(await scheduler.getJob('x')).toMatchObject({ state: 'finished', runCount: 1 });
  });
});
