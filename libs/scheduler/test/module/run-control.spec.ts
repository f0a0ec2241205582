import { Injectable } from '@nestjs/common';
import {
  JobContext,
  JobHandler,
  ScheduledJob,
  SchedulerModule,
  SchedulerService,
  type ExecutionInfo,
} from 'nestjs-vigil';
import { createDatabase, recordEvents } from 'nestjs-vigil-testing';
import { DataSource } from 'typeorm';
import { describe, expect, inject, it, onTestFinished } from 'vitest';

import { managing } from './reminders.js';
import { boot, deferred, initialise } from './support.js';

describe('The id of an execution', () => {
  it('may be written in capitals', async () => {
    const started = deferred<JobContext>();
    @Injectable()
    class Work {
      @JobHandler('work')
      async run(context: JobContext): Promise<void> {
        started.resolve(context);
        await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
      }
    }
    const { scheduler } = await boot({ providers: [Work] });
    using events = recordEvents(scheduler, ['execution.cancelled']);
    await scheduler.addJob({ id: 'x', handler: 'work', every: '1h' });
    const executionId = 'ABCDEF00-1111-4111-8111-ABCDEF222222';
    expect(await scheduler.runJob('x', { executionId })).toMatchObject({ id: executionId.toLowerCase() });
    const { signal } = await started.promise;
    await scheduler.cancelExecution(executionId);
    // by this call, and not by what the loop finds later
    expect(signal.aborted).toBe(true);
    await events.waitFor('execution.cancelled');
    expect(await scheduler.getExecution(executionId)).toMatchObject({ status: 'cancelled' });
    const again = { executionId: 'ABCDEF00-1111-4111-8111-ABCDEF333333' };
    expect(await scheduler.retryExecution(executionId, again)).toMatchObject({ retryOf: executionId.toLowerCase() });
    expect(await scheduler.retryExecution(executionId, again)).toMatchObject({ id: again.executionId.toLowerCase() });
  });
});

describe('pauseAfterFailures', () => {
  @Injectable()
  class Imports {
    @JobHandler('import')
    run(): void {
      throw new Error('no supplier at postgres://shop:hunter2@db/shop');
    }

    @ScheduledJob('@yearly', { id: 'declared', pauseAfterFailures: 2 })
    declared(): void {}
  }

  it('pauses a job, says why in the log and to listeners, and resumeJob begins the count anew', async () => {
    const { scheduler, logs } = await boot({ providers: [Imports] });
    using events = recordEvents(scheduler, ['job.paused', 'execution.failed']);
    await scheduler.addJob({ id: 'x', handler: 'import', every: '1h', pauseAfterFailures: 2 });
    const fail = async (): Promise<void> => {
      const { id } = await scheduler.runJob('x');
      await events.waitFor('execution.failed', ({ execution }) => execution.id === id);
    };
    await fail();
    expect(events.names).not.toContain('job.paused');
    await fail();
    const { job } = await events.waitFor('job.paused');
    const reason = '2 executions in a row failed, the last with Error: no supplier at postgres://shop:***@db/shop';
    expect(job).toMatchObject({ id: 'x', state: 'paused', by: 'pauseAfterFailures', reason });
    expect(await scheduler.getJob('x')).toMatchObject({ state: 'paused', reason, settings: { pauseAfterFailures: 2 } });
    expect(logs.messages('error')).toContain(
      `Job "x" was paused by pauseAfterFailures: ${reason}. Its schedule stands still: mend the cause, then call resumeJob("x").`,
    );

    expect(await scheduler.resumeJob('x')).toMatchObject({ state: 'active' });
    await fail();
    expect(await scheduler.getJob('x')).toMatchObject({ state: 'active' });
  });

  it('is a setting of declared jobs, and refuses what is no count', async () => {
    const { scheduler } = await managing({ providers: [Imports] });
    expect(await scheduler.getJob('declared')).toMatchObject({ settings: { pauseAfterFailures: 2 } });
    for (const pauseAfterFailures of [0, 1.5, '3', 1_000_001]) {
      const job = { handler: 'import', every: '1h', pauseAfterFailures } as never;
      await expect(scheduler.addJob(job)).rejects.toThrow(/pauseAfterFailures is .*\. Write/);
    }
  });
});

describe('cancelExecution on two replicas', () => {
  async function running() {
    const database = await createDatabase(inject('postgresUrl'));
    onTestFinished(database.drop);
    const started = deferred<string>();
    const aborted = deferred<Error>();
    @Injectable()
    class Long {
      @JobHandler('long')
      async run({ signal, executionId }: JobContext): Promise<void> {
        started.resolve(executionId);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        aborted.resolve(signal.reason as Error);
        signal.throwIfAborted();
      }
    }
    const imports = () => [SchedulerModule.forRoot({ connection: { url: database.url } })];
    const worker = await initialise({ scheduler: null, imports: imports(), providers: [Long] });
    const elsewhere = await initialise({ scheduler: null, imports: imports() });
    const [here, there] = [worker, elsewhere].map((app) => app.get(SchedulerService, { strict: false }));
    const cancelled = deferred<ExecutionInfo>();
    here!.on('execution.cancelled', ({ execution }) => cancelled.resolve(execution));
    await here!.addJob({ handler: 'long' });
    const dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
    onTestFinished(() => dataSource.destroy());
    return { id: await started.promise, there: there!, aborted, cancelled, dataSource };
  }

  it('tells the handler on the other one why and who, after the commit of the transaction it was called in', async () => {
    const { id, there, aborted, cancelled, dataSource } = await running();
    const undone = dataSource.transaction(async (manager) => {
      await there.cancelExecution(id, { manager, reason: 'taken back' });
      throw new Error('rolled back');
    });
    await expect(undone).rejects.toThrow('rolled back');
    await dataSource.transaction((manager) => there.cancelExecution(id, { manager, reason: 'not today', by: 'anna' }));
    const reason = 'not today (by anna)';
    expect(await aborted.promise).toMatchObject({
      cause: 'cancelled',
      reason,
      message: `The run was cancelled: ${reason}`,
    });
    expect(await cancelled.promise).toMatchObject({ id, status: 'cancelled', reason });
    expect(await there.getExecution(id)).toMatchObject({ status: 'cancelled', reason });
    // what is over stays as it is
    await there.cancelExecution(id, { reason: 'too late' });
    expect(await there.getExecution(id)).toMatchObject({ status: 'cancelled', reason });
  });
});
