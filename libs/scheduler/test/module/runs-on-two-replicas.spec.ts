import { AsyncLocalStorage } from 'node:async_hooks';

import { Inject, Injectable, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import {
  JobContext,
  JobHandler,
  SchedulerModule,
  SchedulerService,
  type ExecutionInfo,
  type SchedulerEvents,
  type SchedulerModuleOptions,
} from 'nestjs-vigil';
import { createDatabase, recordEvents } from 'nestjs-vigil-testing';
import { beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';

import { deferred, initialise } from './support.js';

const SECRET = 's3cret';

/** What handlers do that are held until a test lets them go. */
let held: { started: () => void; until: Promise<void> };
let started: Promise<void>;
let letGo: () => void;
const span = new AsyncLocalStorage<string>();

@Injectable({ scope: Scope.REQUEST })
class CurrentJob {
  constructor(@Inject(REQUEST) readonly context: JobContext<unknown>) {}
}

@Injectable()
class Reports {
  @JobHandler('returns')
  returns({ data }: JobContext<{ characters: number }>): object {
    return { text: 'x'.repeat(data.characters) };
  }
  @JobHandler('throws')
  throws(): never {
    const lost = new Error(`connect postgres://app:${SECRET}@db/shop: refused`);
    throw new TypeError('no report', { cause: new Error('no rows', { cause: lost }) });
  }
  @JobHandler('holds')
  async holds(context: JobContext): Promise<void> {
    context.progress(0.4, 'page 4 of 10');
    context.logger.warn(`page 4 came from postgres://app:${SECRET}@db/shop`);
    held.started();
    await held.until;
  }
  /** Heeds no signal. */
  @JobHandler({ key: 'hangs', timeoutMs: 50 })
  async hangs(): Promise<void> {
    held.started();
    await held.until;
  }
}
@Injectable({ scope: Scope.REQUEST })
class Spans {
  constructor(@Inject(CurrentJob) private readonly job: CurrentJob) {}
  @JobHandler('spans')
  spans({ executionId }: JobContext): object {
    return { span: span.getStore(), isOwn: this.job.context.executionId === executionId };
  }
}

beforeEach(() => {
  const begun = deferred();
  const end = deferred();
  held = { started: () => begun.resolve(), until: end.promise };
  started = begun.promise;
  letGo = () => end.resolve();
});

/** The first is called, the second runs. */
async function replicas(options: Partial<SchedulerModuleOptions> = {}): Promise<[SchedulerService, SchedulerService]> {
  const database = await createDatabase(inject('postgresUrl'));
  onTestFinished(database.drop);
  const make = async (more: object): Promise<SchedulerService> => {
    const settings = { connection: { url: database.url }, ...options, ...more } as SchedulerModuleOptions;
    const imports = [SchedulerModule.forRoot(settings)];
    const app = await initialise({ scheduler: null, imports, providers: [Reports, CurrentJob, Spans] });
    return app.get(SchedulerService, { strict: false });
  };
  const both: [SchedulerService, SchedulerService] = [
    await make({ runJobs: false, nodeName: 'asks' }),
    await make({ nodeName: 'runs' }),
  ];
  // before the applications close, which waits for what runs
  onTestFinished(() => letGo());
  return both;
}

type Ended = 'execution.succeeded' | 'execution.failed' | 'execution.timed-out';
/** Runs once, and is read where it did not run. */
async function ranOnce(
  [asks, runs]: [SchedulerService, SchedulerService],
  job: { handler: string; data?: unknown },
  end: Ended,
): Promise<ExecutionInfo> {
  using events = recordEvents(runs, [end]);
  await asks.addJob(job);
  const { execution } = await events.waitFor(end);
  return (await asks.getExecution(execution.id))!;
}

describe('What a run leaves, for the other replica to read:', () => {
  it('its result, or why that is not stored', async () => {
    const both = await replicas();
    const small = await ranOnce(both, { handler: 'returns', data: { characters: 3 } }, 'execution.succeeded');
    expect(small).toMatchObject({ status: 'succeeded', node: 'runs', result: { text: 'xxx' } });
    const large = await ranOnce(both, { handler: 'returns', data: { characters: 70_000 } }, 'execution.succeeded');
    const note = expect.stringMatching(/more than 65536 characters/) as string;
    expect(large).toMatchObject({ status: 'succeeded', result: { note } });
  });

  it('its error with its causes, and without the password of a connection string', async () => {
    const { error } = await ranOnce(await replicas(), { handler: 'throws' }, 'execution.failed');
    expect(error).toMatchObject({
      name: 'TypeError',
      message: 'no report',
      stack: expect.stringContaining('throws') as string,
      cause: { message: 'no rows', cause: { message: 'connect postgres://app:***@db/shop: refused' } },
    });
    expect(JSON.stringify(error)).not.toContain(SECRET);
  });

  it('its progress and its lines, while it runs', async () => {
    const [asks, runs] = await replicas();
    using events = recordEvents(runs, ['execution.progress', 'execution.log', 'execution.succeeded']);
    await asks.addJob({ id: 'long', handler: 'holds' });
    const { execution, ...progress } = await events.waitFor('execution.progress');
    expect(progress).toEqual({ fraction: 0.4, message: 'page 4 of 10' });
    expect(await events.waitFor('execution.log')).toMatchObject({ level: 'warn' });
    const read = async () => (await asks.getExecution(execution.id))!;
    await expect.poll(async () => (await read()).logs.length, { timeout: 30_000 }).toBe(1);
    expect(await read()).toMatchObject({
      status: 'running',
      progress: { fraction: 0.4, message: 'page 4 of 10' },
      logs: [expect.stringMatching(/ #1 WARN page 4 came from postgres:\/\/app:\*\*\*@db\/shop$/)],
    });
    letGo();
    await events.waitFor('execution.succeeded');
    expect(await read()).toMatchObject({ status: 'succeeded', logs: [expect.anything()] });
  });
});

describe('On the replica that runs it,', () => {
  it('a run that is over its time has its end, and the slot of its executor until its handler settles', async () => {
    const both = await replicas({ executors: { heavy: { concurrency: 1 } } });
    const [asks, runs] = both;
    using events = recordEvents(runs, ['execution.timed-out', 'execution.succeeded']);
    const ended = (jobId: string) => (event: SchedulerEvents['execution.succeeded']) => event.execution.jobId === jobId;
    await asks.addJob({ id: 'slow', handler: 'hangs', executor: 'heavy' });
    await started;
    await asks.addJob({ id: 'next', handler: 'returns', executor: 'heavy', data: { characters: 1 } });
    await asks.addJob({ id: 'light', handler: 'returns', data: { characters: 1 } });
    // another executor has slots of its own
    await events.waitFor('execution.succeeded', ended('light'));
    const { items } = await asks.getExecutions({ jobId: 'next' });
    expect(items.filter(({ status }) => status === 'running')).toEqual([]);
    letGo();
    expect((await events.waitFor('execution.timed-out')).execution).toMatchObject({ jobId: 'slow', attempt: 1 });
    await events.waitFor('execution.succeeded', ended('next'));
    expect((await asks.getExecutions({ jobId: 'slow' })).items).toMatchObject([
      { status: 'timed-out', error: { name: 'TimeoutError' } },
    ]);
  });

  it('aroundJob is around the handler and what is made for the run, whose REQUEST is the job', async () => {
    const both = await replicas({ aroundJob: ({ jobId }, run) => span.run(`span of ${jobId}`, run) });
    const { result, jobId } = await ranOnce(both, { handler: 'spans' }, 'execution.succeeded');
    expect(result).toEqual({ span: `span of ${jobId}`, isOwn: true });
  });
});
