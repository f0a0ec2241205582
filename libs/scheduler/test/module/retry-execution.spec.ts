import { randomUUID } from 'node:crypto';

import { Injectable } from '@nestjs/common';
import {
  ExecutionConflictError,
  ExecutionNotFoundError,
  ExecutionStateError,
  FatalError,
  InvalidJobError,
  JobContext,
  JobHandler,
  JobNotFoundError,
  SchedulerModule,
  SchedulerService,
  type ExecutionInfo,
} from 'nestjs-vigil';
import { createDatabase, recordEvents } from 'nestjs-vigil-testing';
import { DataSource } from 'typeorm';
import { describe, expect, inject, it, onTestFinished } from 'vitest';

import { boot, deferred, initialise, type Booted } from './support.js';

/** It fails until it is mended. */
@Injectable()
class Invoices {
  isMended = false;
  readonly runs: { user: string; scheduledAt: Date; isCatchUp: boolean }[] = [];

  @JobHandler('invoice')
  send({ data, scheduledAt, isCatchUp }: JobContext<{ user: string }>): string {
    this.runs.push({ ...data, scheduledAt, isCatchUp });
    if (!this.isMended) throw new FatalError('no invoice');
    return `invoice for ${data.user}`;
  }
}

/** A job whose only run has failed. */
async function failedRun(booted: Pick<Booted, 'scheduler'>): Promise<ExecutionInfo> {
  using events = recordEvents(booted.scheduler, ['execution.failed']);
  await booted.scheduler.addJob({ id: 'x', handler: [Invoices, 'send'], data: { user: 'u1' } });
  return (await events.waitFor('execution.failed')).execution;
}

describe('retryExecution', () => {
  it('runs what failed again: a dead letter is listed, looked at, and run once its cause is mended', async () => {
    const booted = await boot({ providers: [Invoices] });
    const { app, scheduler } = booted;
    using events = recordEvents(scheduler, ['execution.succeeded']);
    const { id } = await failedRun(booted);
    const { items } = await scheduler.getExecutions({ status: 'failed' });
    expect(items).toMatchObject([{ id, jobId: 'x', error: { name: 'FatalError', message: 'no invoice' } }]);

    const invoices = app.get(Invoices, { strict: false });
    invoices.isMended = true;
    const again = await scheduler.retryExecution(id, { reason: 'mended', by: 'anna' });
    expect(again).toMatchObject({ kind: 'manual', status: 'pending', retryOf: id, reason: 'mended (by anna)' });
    const { execution } = await events.waitFor('execution.succeeded');
    expect(execution).toMatchObject({ id: again.id, retryOf: id, result: 'invoice for u1' });
    const [first, second] = invoices.runs;
    expect(second).toEqual({ user: 'u1', scheduledAt: first!.scheduledAt, isCatchUp: true });
    expect(await scheduler.getExecution(id)).toMatchObject({ status: 'failed', retryOf: null });
  });

  it('makes one run of calls with the same executionId', async () => {
    const booted = await boot({ providers: [Invoices] });
    const { id } = await failedRun(booted);
    const executionId = randomUUID();
    const calls = [1, 2].map(() => booted.scheduler.retryExecution(id, { executionId }));
    expect((await Promise.all(calls)).map((each) => each.id)).toEqual([executionId, executionId]);
    expect((await booted.scheduler.getExecutions()).items).toHaveLength(2);
    await expect(booted.scheduler.runJob('x', { executionId })).rejects.toBeInstanceOf(ExecutionConflictError);
  });

  it('rejects for an execution there is not, and for one whose job was removed', async () => {
    const booted = await boot({ providers: [Invoices] });
    await expect(booted.scheduler.retryExecution(randomUUID())).rejects.toBeInstanceOf(ExecutionNotFoundError);
    await expect(booted.scheduler.retryExecution('no uuid')).rejects.toBeInstanceOf(ExecutionNotFoundError);
    const { id } = await failedRun(booted);
    await booted.scheduler.removeJob('x');
    await expect(booted.scheduler.retryExecution(id)).rejects.toBeInstanceOf(JobNotFoundError);
  });

  it('rejects, and says what to do instead, for what has not ended or has succeeded', async () => {
    const booted = await boot({ providers: [Invoices] });
    const { scheduler } = booted;
    await failedRun(booted);
    await scheduler.pauseJob('x');
    booted.app.get(Invoices, { strict: false }).isMended = true;
    using events = recordEvents(scheduler, ['execution.succeeded']);
    const { id } = await scheduler.runJob('x');
    await events.waitFor('execution.succeeded');
    const call = scheduler.retryExecution(id);
    await expect(call).rejects.toBeInstanceOf(ExecutionStateError);
    await expect(call).rejects.toThrow(/has succeeded\. To run its job once more, call runJob\("x"\)/);
  });

  it.each<[string, unknown, RegExp]>([
    ['an executionId that is no UUID', { executionId: 'x' }, /retryExecution: executionId is "x"\. Give a UUID/],
    ['an unknown option', { data: 1 }, /"data" is not an option here\. Known: .*executionId/],
    ['a manager that is none', { manager: {} }, /Give the EntityManager of a transaction/],
  ])('refuses %s', async (_, options, message) => {
    const { scheduler } = await boot({ providers: [Invoices] });
    await expect(scheduler.retryExecution(randomUUID(), options as never)).rejects.toThrow(message);
    await expect(scheduler.retryExecution(7 as never)).rejects.toBeInstanceOf(InvalidJobError);
  });
});

describe('retryExecution on PostgreSQL', () => {
  async function onDatabase() {
    const database = await createDatabase(inject('postgresUrl'));
    onTestFinished(database.drop);
    const options = { connection: { url: database.url } };
    const replicas = await Promise.all(
      [1, 2].map(() =>
        initialise({ scheduler: null, imports: [SchedulerModule.forRoot(options)], providers: [Invoices] }),
      ),
    );
    const schedulers = replicas.map((app) => app.get(SchedulerService, { strict: false }));
    const dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
    onTestFinished(() => dataSource.destroy());
    const mend = (): void => replicas.forEach((app) => (app.get(Invoices, { strict: false }).isMended = true));
    return { scheduler: schedulers[0]!, schedulers, dataSource, mend };
  }

  it("is written with the caller's transaction, and runs once on two replicas", async () => {
    const { scheduler, schedulers, dataSource, mend } = await onDatabase();
    const { id } = await failedOnAny(schedulers);
    mend();
    const succeeded = next(schedulers, 'execution.succeeded');
    const undone = dataSource.transaction(async (manager) => {
      await scheduler.retryExecution(id, { manager });
      throw new Error('taken back');
    });
    await expect(undone).rejects.toThrow('taken back');
    const again = await dataSource.transaction((manager) => scheduler.retryExecution(id, { manager }));
    await succeeded;

    const { items } = await scheduler.getExecutions({ jobId: 'x' });
    expect(items.map((each) => [each.id, each.status, each.retryOf])).toEqual(
      expect.arrayContaining([
        [id, 'failed', null],
        [again.id, 'succeeded', id],
      ]),
    );
    expect(items).toHaveLength(2);
    await expect(scheduler.retryExecution(id, { manager: dataSource.manager })).rejects.toThrow(/not in a transaction/);
  });
});

/** The next of these events, on whichever replica. */
function next(schedulers: readonly SchedulerService[], event: 'execution.failed' | 'execution.succeeded') {
  const heard = deferred<ExecutionInfo>();
  for (const each of schedulers) each.on(event, ({ execution }) => heard.resolve(execution));
  return heard.promise;
}

async function failedOnAny(schedulers: readonly SchedulerService[]): Promise<ExecutionInfo> {
  const failed = next(schedulers, 'execution.failed');
  await schedulers[0]!.addJob({ id: 'x', handler: [Invoices, 'send'], data: { user: 'u1' } });
  return await failed;
}
