import { randomUUID } from 'node:crypto';

import { Injectable } from '@nestjs/common';
import {
  cron,
  ExecutionNotFoundError,
  InvalidJobError,
  InvalidTriggerError,
  JobAbortedError,
  JobConflictError,
  JobContext,
  JobHandler,
  JobNotFoundError,
  MemoryJobStore,
  ScheduledJob,
  type SchedulerService,
} from 'nestjs-vigil';
import { ManualClock, recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import { boot, deferred, type Booted, type BootOptions } from './support.js';

const MINUTE = 60_000;
const NOW = '2026-01-01T00:00:00.000Z';

@Injectable()
class Reminders {
  @JobHandler({ key: 'remind', priority: 4, timeoutMs: 9_000 })
  remind(context: JobContext<{ user: string }>): string {
    return `reminded ${context.data.user}`;
  }
  @JobHandler()
  plain(): void {}
  @ScheduledJob({ id: 'declared', every: '1h' })
  declared(): void {}
  undecorated(): void {}
}
@Injectable()
class LoudReminders extends Reminders {}

/** Runs nothing, and stands at 2026-01-01T00:00Z: what is written can be looked at. */
async function managing(options: BootOptions = {}): Promise<Booted & { clock: ManualClock }> {
  const clock = new ManualClock(NOW);
  const scheduler = {
    store: new MemoryJobStore({ clock }),
    runJobs: false,
    executors: { reports: { concurrency: 1 } },
  };
  return { clock, ...(await boot({ providers: [Reminders], scheduler, clock, ...options })) };
}
const at = (minutes: number): Date => new Date(Date.parse(NOW) + minutes * MINUTE);

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
    const { scheduler } = await managing();
    expect(await scheduler.addJob({ handler: 'elsewhere', every: '1h' })).toMatchObject({ handler: 'elsewhere' });
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

  it('record what fell into the pause as one missed range, and go on after it', async () => {
    const { scheduler, clock } = await managing();
    await scheduler.addJob({ id: 'x', handler: 'remind', every: '10m' });
    await scheduler.pauseJob('x');
    await clock.advance(30 * MINUTE);

    expect(await scheduler.resumeJob('x')).toMatchObject({ nextRunAt: at(40), lastRunAt: at(30), runCount: 0 });
    expect((await scheduler.getExecutions({ jobId: 'x' })).items).toEqual([
      expect.objectContaining({
        status: 'missed',
        scheduledAt: at(10),
        untilAt: at(30),
        instantCount: 3,
        reason: 'the job was paused',
      }),
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

describe('removeJob', () => {
  it('deletes a job that was added, and announces it', async () => {
    const { scheduler } = await managing();
    using events = recordEvents(scheduler, ['job.removed']);
    await scheduler.addJob({ id: 'x', handler: 'remind', every: '10m' });
    await scheduler.removeJob('x');

    expect(await scheduler.getJob('x')).toBeNull();
    expect(events.events[0]?.payload.job.id).toBe('x');
  });

  it('refuses a job that the code declares', async () => {
    const { scheduler } = await managing();
    await expect(scheduler.removeJob('declared')).rejects.toThrow(/Pause it or delete the decorator/);
    expect(await scheduler.getJob('declared')).not.toBeNull();
  });
});

describe('runJob', () => {
  it('runs a job now, with other data when it is given some', async () => {
    const { scheduler } = await boot({ providers: [Reminders] });
    using events = recordEvents(scheduler, ['execution.succeeded']);
    await scheduler.addJob({
      id: 'x',
      handler: [Reminders, 'remind'],
      at: '2099-01-01T00:00:00Z',
      data: { user: 'u1' },
    });

    expect(await scheduler.runJob('x', { reason: 'check', by: 'anna' })).toMatchObject({
      kind: 'manual',
      status: 'pending',
      reason: 'check (by anna)',
    });
    expect(await events.waitFor('execution.succeeded')).toMatchObject({ execution: { result: 'reminded u1' } });
    const { id } = await scheduler.runJob('x', { data: { user: 'u2' } });
    const { execution } = await events.waitFor('execution.succeeded', ({ execution }) => execution.id === id);
    expect(execution.result).toBe('reminded u2');
  });

  it('makes one run of calls with the same executionId', async () => {
    const { scheduler } = await managing();
    const executionId = randomUUID();
    await scheduler.runJob('declared', { executionId });
    await scheduler.runJob('declared', { executionId });

    expect((await scheduler.getExecutions()).items.map(({ id }) => id)).toEqual([executionId]);
  });

  it.each<[string, unknown, RegExp]>([
    ['an executionId that is no UUID', { executionId: 'x' }, /executionId is "x"\. Give a UUID/],
    ['data that is not JSON', { data: 1n }, /data is a bigint/],
    ['an unknown option', { when: 'now' }, /"when" is not an option here\. Known: .*executionId/],
  ])('refuses %s', async (_, options, message) => {
    const { scheduler } = await managing();
    await expect(scheduler.runJob('declared', options as never)).rejects.toThrow(message);
  });
});

describe('cancelExecution', () => {
  it('cancels at once what waits', async () => {
    const { scheduler } = await managing();
    const { id } = await scheduler.runJob('declared');
    await scheduler.cancelExecution(id, { reason: 'not today' });

    expect(await scheduler.getExecution(id)).toMatchObject({ status: 'cancelled', reason: 'not today' });
  });

  it('aborts at once what this process runs', async () => {
    const started = deferred();
    const aborted = deferred<unknown>();
    @Injectable()
    class Long {
      @JobHandler('long')
      async run({ signal }: JobContext): Promise<void> {
        started.resolve();
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        aborted.resolve(signal.reason);
        signal.throwIfAborted();
      }
    }
    const { scheduler } = await boot({ providers: [Long] });
    using events = recordEvents(scheduler, ['execution.started', 'execution.cancelled']);
    await scheduler.addJob({ handler: 'long' });
    await started.promise;
    const { execution } = await events.waitFor('execution.started');
    await scheduler.cancelExecution(execution.id);

    expect(await aborted.promise).toEqual(new JobAbortedError('cancelled'));
    await events.waitFor('execution.cancelled');
  });

  it('rejects for an execution there is not, whatever its id looks like', async () => {
    const { scheduler } = await managing();
    await expect(scheduler.cancelExecution(randomUUID())).rejects.toBeInstanceOf(ExecutionNotFoundError);
    await expect(scheduler.cancelExecution('no uuid')).rejects.toBeInstanceOf(ExecutionNotFoundError);
    expect(await scheduler.getExecution('no uuid')).toBeNull();
  });
});

describe('Without notifications', () => {
  it('what is added, resumed or run here is looked for at once', async () => {
    const clock = new ManualClock(NOW);
    const scheduler = { store: new MemoryJobStore({ clock }), notifications: false };
    const booted = await boot({ providers: [Reminders], scheduler, clock });
    using events = recordEvents(booted.scheduler, ['execution.succeeded']);
    const job = { handler: 'remind', data: { user: 'u1' } } as const;
    await booted.scheduler.addJob({ id: 'added', ...job });
    await events.waitFor('execution.succeeded', ({ execution }) => execution.jobId === 'added');
    await booted.scheduler.addJob({ id: 'resumed', ...job, paused: true });
    await booted.scheduler.resumeJob('resumed', { catchUp: true });
    await events.waitFor('execution.succeeded', ({ execution }) => execution.jobId === 'resumed');
    await booted.scheduler.runJob('declared');
    await events.waitFor('execution.succeeded', ({ execution }) => execution.jobId === 'declared');
  });
});

describe('Every call', () => {
  const calls: [string, (scheduler: SchedulerService, id: never) => Promise<unknown>][] = [
    ['pauseJob', (scheduler, id) => scheduler.pauseJob(id)],
    ['resumeJob', (scheduler, id) => scheduler.resumeJob(id)],
    ['removeJob', (scheduler, id) => scheduler.removeJob(id)],
    ['runJob', (scheduler, id) => scheduler.runJob(id)],
  ];

  it.each(calls)('%s rejects for an unknown id', async (_, call) => {
    const { scheduler } = await managing();
    await expect(call(scheduler, 'nowhere' as never)).rejects.toBeInstanceOf(JobNotFoundError);
  });

  it.each([
    ...calls,
    ['getJob', (scheduler: SchedulerService, id: never) => scheduler.getJob(id)] as const,
    ['getExecution', (scheduler: SchedulerService, id: never) => scheduler.getExecution(id)] as const,
    ['cancelExecution', (scheduler: SchedulerService, id: never) => scheduler.cancelExecution(id)] as const,
  ])('%s refuses an id that is no text', async (name, call) => {
    const { scheduler } = await managing();
    await expect(call(scheduler, 7 as never)).rejects.toThrow(`${name}: the id is 7. Write a text.`);
    await expect(call(scheduler, '' as never)).rejects.toBeInstanceOf(InvalidJobError);
  });

  it.each<[string, (scheduler: SchedulerService) => unknown, RegExp]>([
    [
      'getJobs',
      (s) => s.getJobs({ stat: 'active' } as never),
      /getJobs: "stat" is not an option here\. Known: .*state/,
    ],
    ['getJobs', (s) => s.getJobs({ state: 'asleep' as never }), /state is "asleep"\. Write one of active/],
    ['getJobs', (s) => s.getJobs({ limit: 0 }), /limit is 0/],
    ['getExecutions', (s) => s.getExecutions({ from: 'today' as never }), /from is "today"\. Give a valid Date/],
    ['getExecutions', (s) => s.getExecutions({ status: 'done' as never }), /status is "done"/],
    ['resumeJob', (s) => s.resumeJob('x', { catchUp: 1 as never }), /catchUp is 1\. Write true or false/],
    ['pauseJob', (s) => s.pauseJob('x', null as never), /expected an object with options, not null/],
    ['on', async (s) => s.on('job.pausd' as never, () => {}), /"job\.pausd" is not an event/],
    ['on', async (s) => s.on('job.paused', null as never), /the listener is null\. Give a function/],
  ])('%s refuses arguments that cannot be', async (_, call, message) => {
    const { scheduler } = await managing();
    await expect(call(scheduler)).rejects.toThrow(message);
  });

  it('is paged', async () => {
    const { scheduler } = await managing();
    for (const id of ['a', 'b', 'c']) await scheduler.addJob({ id, handler: 'remind', every: '1h', tags: ['page'] });
    const first = await scheduler.getJobs({ tag: 'page', limit: 2 });
    const rest = await scheduler.getJobs({ tag: 'page', limit: 2, cursor: first.nextCursor! });

    expect([...first.items, ...rest.items].map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(rest.nextCursor).toBeNull();
  });

  it('on tells a listener no more once it is taken off', async () => {
    const { scheduler } = await managing();
    const heard: string[] = [];
    const off = scheduler.on('job.added', ({ job }) => heard.push(job.id));
    await scheduler.addJob({ id: 'a', handler: 'remind' });
    off();
    await scheduler.addJob({ id: 'b', handler: 'remind' });
    expect(heard).toEqual(['a']);
  });
});
