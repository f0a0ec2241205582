import { Injectable } from '@nestjs/common';
import {
  allOf,
  anyOf,
  calendar,
  cron,
  days,
  every,
  except,
  InvalidJobError,
  InvalidTriggerError,
  JobConflictError,
  JobHandler,
  type SchedulerService,
} from 'nestjs-vigil';
import { recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import { at, LoudReminders, managing, Reminders } from './reminders.js';

describe('addJob', () => {
  it('adds a job for a method, with its data and the settings of the handler, and announces it', async () => {
    const { scheduler } = await managing();
    using events = recordEvents(scheduler, ['job.added']);
    const job = await scheduler.addJob({
      id: 'r1',
      handler: [Reminders, 'remind'],
      cron: '0 9 * * *',
      timeZone: 'Europe/Paris',
      data: { user: 'u1' },
      timeoutMs: 5_000,
    });

    expect(job).toMatchObject({
      id: 'r1',
      handler: 'remind',
      source: 'dynamic',
      state: 'active',
      data: { user: 'u1' },
    });
    expect(job.nextRunAt).toEqual(new Date('2026-01-01T08:00:00Z'));
    expect(job.settings).toMatchObject({ priority: 4, timeoutMs: 5_000 });
    expect(await scheduler.getJob('r1')).toEqual(job);
    expect(events.events.map(({ payload }) => payload.job.id)).toEqual(['r1']);
  });

  it.each<[string, Parameters<SchedulerService['addJob']>[0], Date]>([
    ['at an instant', { handler: 'remind', at: '2026-01-02T00:00:00Z' }, new Date('2026-01-02T00:00:00Z')],
    ['after a delay', { handler: 'remind', in: '3d' }, new Date('2026-01-04T00:00:00Z')],
    ['now', { handler: 'remind' }, at(0)],
    ['every so often', { handler: 'remind', every: '15m' }, at(15)],
    ['by a trigger', { handler: 'remind', trigger: cron('30 0 * * *') }, at(30)],
    [
      'by a trigger made of others',
      { handler: 'remind', trigger: except(every('15m'), days({ dates: ['2025-12-31', '2026-01-01'] })) },
      at(24 * 60),
    ],
    [
      'by the calendar',
      { handler: 'remind', trigger: calendar({ months: 1 }, { at: '07:30', from: at(0) }) },
      at(7.5 * 60),
    ],
  ])('schedules it %s', async (_, job, next) => {
    const { scheduler } = await managing();
    expect((await scheduler.addJob(job)).nextRunAt).toEqual(next);
  });

  it('gives each job a UUID as its id unless it is told one', async () => {
    const { scheduler } = await managing();
    const ids = [await scheduler.addJob({ handler: 'remind' }), await scheduler.addJob({ handler: 'remind' })];
    expect(new Set(ids.map(({ id }) => id)).size).toBe(2);
    expect(ids[0]?.id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('keeps who added it and why, and adds it paused when it is told to', async () => {
    const { scheduler } = await managing();
    const job = await scheduler.addJob({ handler: 'remind', paused: true }, { reason: 'not yet', by: 'anna' });
    expect(job).toMatchObject({ state: 'paused', reason: 'not yet', by: 'anna' });
  });

  it('takes a key that only other processes have', async () => {
    const { scheduler, logs } = await managing();
    expect(await scheduler.addJob({ handler: 'elsewhere', every: '1h' })).toMatchObject({ handler: 'elsewhere' });
    await scheduler.addJob({ handler: 'elsewhere', every: '1h' });
    await scheduler.addJob({ handler: 'remind', every: '1h' });
    expect(logs.messages('warn')).toEqual([expect.stringMatching(/no handler .* has the key "elsewhere".*remind/)]);
  });

  it('finds the one provider that extends the class it is given', async () => {
    const { scheduler } = await managing({ providers: [{ provide: Reminders, useClass: LoudReminders }] });
    expect(await scheduler.addJob({ handler: [Reminders, 'plain'] })).toMatchObject({ handler: 'LoudReminders.plain' });
  });

  it('rejects, keeps or replaces when the id is taken', async () => {
    const { scheduler } = await managing();
    using events = recordEvents(scheduler, ['job.added']);
    await scheduler.addJob({ id: 'x', handler: 'remind', every: '1h' });
    const again = { id: 'x', handler: 'remind', every: '2h' } as const;

    await expect(scheduler.addJob(again)).rejects.toBeInstanceOf(JobConflictError);
    expect(await scheduler.addJob(again, { onConflict: 'keep' })).toMatchObject({
      schedule: 'every 1 hour',
      version: 1,
    });
    expect(await scheduler.addJob(again, { onConflict: 'replace' })).toMatchObject({
      schedule: 'every 2 hours',
      version: 2,
    });
    expect(events.names).toEqual(['job.added']);
  });

  const foreign = { ...cron('* * * * *'), nextAfter: () => null, lastAtOrBefore: () => null, describe: () => '' };
  it.each<[string, unknown, unknown, RegExp]>([
    ['no object', null, {}, /addJob: expected an object with options, not null/],
    ['a misspelt option', { handler: 'remind', corn: '* * * * *' }, {}, /"corn" is not an option here\. Known: .*cron/],
    ['a handler that cannot be stored', { handler: 'a\0b' }, {}, /handler is "a.*b"\. Write \[Class, 'method'\]/],
    [
      'no backoff',
      { handler: 'remind', retry: { maxAttempts: 2, backoff: null } },
      {},
      /retry is an object\. Write \{/,
    ],
    [
      'a jitter that is none',
      { handler: 'remind', retry: { maxAttempts: 2, backoff: { kind: 'fixed', delayMs: 1, jitter: 1n } } },
      {},
      /retry is an object\. Write \{/,
    ],
    ['no handler', {}, {}, /handler is undefined\. Write \[Class, 'method'\]/],
    [
      'an undecorated method',
      { handler: [Reminders, 'undecorated'] },
      {},
      /Reminders\.undecorated is not a handler.*Handlers: .*Reminders\.plain/s,
    ],
    ['a class that is no provider', { handler: [Date, 'now'] }, {}, /Date\.now is not a handler/],
    ['a handler that is no class', { handler: [() => {}, 'x'] }, {}, /is not a handler/],
    [
      'an unknown executor',
      { handler: 'remind', executor: 'fast' },
      {},
      /no executor "fast"\. Executors: default, reports/,
    ],
    ['two schedules', { handler: 'remind', at: new Date(), cron: '* * * * *' }, {}, /"cron" and "at" are both given/],
    ['a delay beside a schedule', { handler: 'remind', every: '1h', in: '1h' }, {}, /"in" is given beside/],
    [
      'maxRuns of a job that runs once',
      { handler: 'remind', in: '1h', maxRuns: 2 },
      {},
      /"maxRuns" belongs to a schedule that recurs/,
    ],
    ['a number as a delay', { handler: 'remind', in: 30 }, {}, /The duration 30 has no unit/],
    ['data that is not JSON', { handler: 'remind', data: { m: new Map() } }, {}, /data\.m is a Map/],
    ['an id that is no text', { handler: 'remind', id: 5 }, {}, /id is 5/],
    ['paused that is no boolean', { handler: 'remind', paused: 'no' }, {}, /paused is "no"/],
    [
      'a trigger that nobody can rebuild',
      { handler: 'remind', trigger: { ...foreign, toJSON: () => ({ kind: 'moon' }) } },
      {},
      /no other process could rebuild.*"moon"/s,
    ],
    [
      'whole days as a schedule',
      { handler: 'remind', trigger: anyOf(cron('0 7 * * *'), except(days({ weekdays: ['MON'] }), cron('0 8 * * *'))) },
      {},
      /every millisecond of whole days\. Say when it runs on those days, e\.g\. allOf\(cron\(/,
    ],
    [
      'whole days with bounds as a schedule',
      { handler: 'remind', trigger: allOf(days({ weekdays: ['MON'] })), startAt: at(0) },
      {},
      /every millisecond of whole days/,
    ],
    ['the id of a declared job', { handler: 'remind', id: 'declared' }, {}, /"declared" is the id of a @ScheduledJob/],
    [
      'an unknown option of the call',
      { handler: 'remind' },
      { onconflict: 'keep' },
      /"onconflict" is not an option here\. Known: .*onConflict/,
    ],
    [
      'an unknown conflict rule',
      { handler: 'remind' },
      { onConflict: 'merge' },
      /onConflict is "merge"\. Write one of error, keep, replace/,
    ],
    ['a manager that is none', { handler: 'remind' }, { manager: {} }, /manager is an object\. Give the EntityManager/],
    ['a reason that is no text', { handler: 'remind' }, { reason: 5 }, /reason is 5\. Write a text/],
  ])('refuses %s', async (_, job, options, message) => {
    const { scheduler } = await managing();
    const adding = scheduler.addJob(job as never, options as never);
    await expect(adding).rejects.toThrow(message);
    const error: unknown = await adding.catch((reason: unknown) => reason);
    expect(error instanceof InvalidJobError || error instanceof InvalidTriggerError).toBe(true);
    expect((await scheduler.getJobs()).items).toHaveLength(1);
  });

  it('says aloud when the schedule of the new job has no fire left', async () => {
    const { scheduler, logs } = await managing();
    const job = await scheduler.addJob({ id: 'late', handler: 'remind', every: '1h', endAt: at(-60) });
    expect(job).toMatchObject({ state: 'finished', nextRunAt: null });
    expect(logs.messages('warn')).toContainEqual(
      expect.stringMatching(
        /^Job "late" was added and will never run: after now its schedule \(every 1 hour, until .*\) has no fire\.$/,
      ),
    );
  });

  it('refuses a trigger that never finds a fire, and says why', async () => {
    const { scheduler } = await managing();
    const odd = allOf(every('2h', { anchor: at(1) }), cron('0 * * * *'));
    await expect(scheduler.addJob({ handler: 'remind', trigger: odd })).rejects.toThrow(
      /after 10000 steps, at .* Give intervals an anchor on which the others fire/,
    );
  });

  it('refuses a class that several providers extend', async () => {
    @Injectable()
    class Base {
      @JobHandler()
      run(): void {}
    }
    class One extends Base {}
    class Two extends Base {}
    const { scheduler } = await managing({ providers: [One, Two] });

    await expect(scheduler.addJob({ handler: [Base, 'run'] })).rejects.toThrow(
      /Base\.run has several providers.*Handlers: One\.run, Two\.run/s,
    );
    expect(await scheduler.addJob({ handler: [Two, 'run'] })).toMatchObject({ handler: 'Two.run' });
  });
});
