import { randomUUID } from 'node:crypto';

import { Injectable } from '@nestjs/common';
import {
  ExecutionNotFoundError,
  InvalidJobError,
  JobAbortedError,
  JobContext,
  JobHandler,
  JobNotFoundError,
  MemoryJobStore,
  ScheduledJob,
  type SchedulerService,
} from 'nestjs-vigil';
import { ManualClock, recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import { managing, NOW, Reminders } from './reminders.js';
import { boot, deferred } from './support.js';

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

  it('takes a job that is only disabled here, once no other process declares it', async () => {
    const declaring = (disabled: boolean) => {
      @Injectable()
      class Reports {
        @ScheduledJob({ id: 'report', every: '1h', disabled })
        run(): void {}
      }
      return [Reports];
    };
    const clock = new ManualClock(NOW);
    const store = new MemoryJobStore({ clock });
    const scheduler = { store, runJobs: false };
    const other = await managing({
      clock,
      scheduler: { ...scheduler, nodeName: 'worker' },
      providers: declaring(false),
    });
    const here = await managing({ clock, scheduler, providers: declaring(true) });

    await expect(here.scheduler.removeJob('report')).rejects.toThrow(/declared by a @ScheduledJob on node "worker"/);
    await expect(other.scheduler.removeJob('report')).rejects.toThrow(/declared by a @ScheduledJob of this process/);
    expect(await here.scheduler.getJob('report')).not.toBeNull();
    await other.app.close();
    await here.scheduler.removeJob('report');
    expect(await here.scheduler.getJob('report')).toBeNull();
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
    await scheduler.cancelExecution(execution.id, { reason: 'not today', by: 'anna' });

    const reason = 'not today (by anna)';
    expect(await aborted.promise).toEqual(new JobAbortedError('cancelled', reason));
    expect(await aborted.promise).toMatchObject({ message: `The run was cancelled: ${reason}`, reason });
    expect(await events.waitFor('execution.cancelled')).toMatchObject({ execution: { status: 'cancelled', reason } });
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
    // the loop falls asleep
    await clock.advance(0);
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
