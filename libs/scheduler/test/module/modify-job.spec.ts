import { at as once, cron, InvalidJobError, InvalidTriggerError, JobNotFoundError } from 'nestjs-vigil';
import { recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import { at, managing, MINUTE } from './reminders.js';

describe('modifyJob', () => {
  it('changes settings, schedule and data of a job, keeps who did it and why, and announces it', async () => {
    const { scheduler, logs } = await managing();
    using events = recordEvents(scheduler, ['job.modified']);
    await scheduler.addJob({ id: 'x', handler: 'remind', every: '1h', data: { user: 'u1' } });
    const job = await scheduler.modifyJob(
      'x',
      { cron: '30 9 * * *', timeZone: 'Europe/Paris', maxRuns: 5, timeoutMs: 7_000, data: { user: 'u2' } },
      { reason: 'too often', by: 'anna' },
    );

    expect(job).toMatchObject({ version: 2, reason: 'too often', by: 'anna', data: { user: 'u2' }, overridden: [] });
    expect(job).toMatchObject({
      nextRunAt: new Date('2026-01-01T08:30:00Z'),
      settings: { timeoutMs: 7_000, priority: 4 },
    });
    expect(await scheduler.getJob('x')).toEqual(job);
    const changed = ['timeoutMs', 'schedule', 'maxRuns', 'data'];
    expect(events.events.map(({ payload }) => payload)).toEqual([{ job, changed, reason: 'too often', by: 'anna' }]);
    expect(logs.messages('log')).toContain(
      'Job "x" was modified by anna: too often (timeoutMs, schedule, maxRuns, data).',
    );
  });

  it('leaves what is not named, or undefined, as it is', async () => {
    const { scheduler } = await managing();
    const before = await scheduler.addJob({
      id: 'x',
      handler: 'remind',
      every: '1h',
      maxRuns: 9,
      jitterMs: 5,
      tags: ['a'],
    });
    const job = await scheduler.modifyJob('x', { priority: 1, timeoutMs: undefined, data: undefined });
    expect(job).toEqual({ ...before, version: 2, settings: { ...before.settings, priority: 1 } });
  });

  it('takes away what is null, until nothing is overridden any more', async () => {
    const { scheduler } = await managing();
    await scheduler.addJob({ id: 'x', handler: 'remind', every: '1h', maxRuns: 9, timeoutMs: 7_000 });
    const all = { timeoutMs: 1, pauseAfterFailures: 3, description: 'x', misfireGraceMs: 5, maxRuns: 2 };
    const none = { timeoutMs: null, pauseAfterFailures: null, description: null, misfireGraceMs: null, maxRuns: null };
    for (const id of ['x', 'declared']) {
      await scheduler.modifyJob(id, all);
      expect((await scheduler.getJob(id))!.settings).toMatchObject({ timeoutMs: 1, pauseAfterFailures: 3 });
      const job = await scheduler.modifyJob(id, none);
      for (const name of ['timeoutMs', 'pauseAfterFailures', 'description', 'misfireGraceMs']) {
        expect(job.settings).not.toHaveProperty(name);
      }
      expect(job.overridden).toEqual([]);
    }
    const { jobs } = await scheduler.exportJobs();
    expect(jobs).toMatchObject([{ id: 'x', maxRuns: null }]);
  });

  it('writes and announces nothing where the job says all of it already', async () => {
    const { scheduler } = await managing();
    const before = await scheduler.addJob({ id: 'x', handler: 'remind', every: '1h' });
    using events = recordEvents(scheduler, ['job.modified']);
    expect(await scheduler.modifyJob('x', { every: '1h', priority: 4 }, { by: 'anna' })).toEqual(before);
    expect(events.events).toEqual([]);
  });

  it('shows what is not as the code says, and is heeded where the job runs', async () => {
    const { scheduler } = await managing();
    const job = await scheduler.modifyJob('declared', { cron: '*/5 * * * *', description: 'every five minutes' });
    expect(job).toMatchObject({ source: 'code', overridden: ['description', 'schedule'], nextRunAt: at(5) });
    expect((await scheduler.nextRuns('declared', 2)).map((run) => run.at)).toEqual([at(5), at(10)]);
    expect(await scheduler.modifyJob('declared', { every: '1h' })).toMatchObject({
      overridden: ['description'],
      nextRunAt: at(60),
    });
  });

  it('leaves a pause, and lets a job that is finished live again', async () => {
    const { scheduler, clock } = await managing();
    await scheduler.addJob({ id: 'paused', handler: 'remind', every: '1h', paused: true }, { reason: 'not yet' });
    await clock.advance(90 * MINUTE);
    expect(await scheduler.modifyJob('paused', { every: '2h' }, { reason: 'seldom' })).toMatchObject({
      state: 'paused',
      reason: 'not yet',
      nextRunAt: at(120),
      missedCount: 1,
    });
    await scheduler.addJob({ id: 'over', handler: 'remind', every: '1h', endAt: at(1) });
    expect(await scheduler.modifyJob('over', { endAt: at(600) })).toMatchObject({
      state: 'active',
      nextRunAt: at(150),
    });
    expect(await scheduler.modifyJob('over', { trigger: once(at(100)) })).toMatchObject({ nextRunAt: at(100) });
  });

  it('rejects for an unknown id', async () => {
    const { scheduler } = await managing();
    await expect(scheduler.modifyJob('nowhere', { priority: 1 })).rejects.toBeInstanceOf(JobNotFoundError);
  });

  const foreign = { ...cron('* * * * *'), nextAfter: () => null, lastAtOrBefore: () => null, describe: () => '' };
  it.each<[string, unknown, RegExp]>([
    ['no object', null, /modifyJob: expected an object with options, not null/],
    ['no change', {}, /no change is given\. Name what shall be otherwise/],
    ['only what says nothing', { timeoutMs: undefined }, /no change is given/],
    ['a misspelt option', { timeout: 1 }, /"timeout" is not an option here\. Known: .*timeoutMs/],
    ['another handler', { handler: 'plain' }, /"handler" is not an option here/],
    ['an instant', { at: new Date() }, /"at" is not an option here.*write \{ trigger: at\(/s],
    ['two schedules', { cron: '* * * * *', every: '1h' }, /"cron" and "every" are both given/],
    [
      'a zone without an expression',
      { timeZone: 'UTC' },
      /"timeZone" belongs to "cron"\. Write the expression beside it/,
    ],
    ['no priority', { priority: null }, /priority is null\. Write a whole number/],
    ['a setting that cannot be', { maxInstances: 0 }, /modifyJob: Job "x": maxInstances is 0\. Write a whole number/],
    ['an unknown executor', { executor: 'fast' }, /no executor "fast"\. Executors: default, reports/],
    ['data that is not JSON', { data: { m: new Map() } }, /data\.m is a Map/],
    ['a number of runs that cannot be', { maxRuns: 0 }, /maxRuns is 0/],
    ['an end that is no Date', { endAt: 'tomorrow' }, /endAt "tomorrow" is not an ISO 8601 instant/],
    ['an end before the beginning', { startAt: at(2), endAt: at(1) }, /startAt .* is after endAt/],
    ['an expression that never fires', { cron: '0 0 31 2 *' }, /can never fire/],
    [
      'a trigger that nobody can rebuild',
      { trigger: { ...foreign, toJSON: () => ({ kind: 'moon' }) } },
      /modifyJob: no other process could rebuild.*"moon"/s,
    ],
  ])('refuses %s', async (_, changes, message) => {
    const { scheduler } = await managing();
    const before = await scheduler.addJob({ id: 'x', handler: 'remind', every: '1h' });
    const error: unknown = await scheduler.modifyJob('x', changes as never).catch((reason: unknown) => reason);
    expect(error).toSatisfy((each) => each instanceof InvalidJobError || each instanceof InvalidTriggerError);
    expect((error as Error).message).toMatch(message);
    expect(await scheduler.getJob('x')).toEqual(before);
  });

  it('refuses bounds for a job that runs once, and unknown options of the call', async () => {
    const { scheduler } = await managing();
    await scheduler.addJob({ id: 'x', handler: 'remind', in: '1h' });
    await expect(scheduler.modifyJob('x', { endAt: at(9) })).rejects.toThrow(
      /"endAt" belongs to a schedule that recurs/,
    );
    await expect(scheduler.modifyJob('x', { priority: 1 }, { why: '' } as never)).rejects.toThrow(
      /"why" is not an option/,
    );
  });
});
