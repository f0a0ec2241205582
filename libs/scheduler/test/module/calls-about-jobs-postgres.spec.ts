import { Injectable } from '@nestjs/common';
import {
  JobContext,
  JobHandler,
  JobNotFoundError,
  JobStoreUnavailableError,
  ScheduledJob,
  SchedulerModule,
  SchedulerService,
  type SchedulerModuleOptions,
} from 'nestjs-vigil';
import { createDatabase, FlakyProxy, recordEvents } from 'nestjs-vigil-testing';
import { DataSource, type EntityManager } from 'typeorm';
import { afterEach, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';

import { initialise } from './support.js';

const CALL_TIMEOUT_MS = 1_000;

@Injectable()
class Reminders {
  @JobHandler('remind')
  remind(context: JobContext<{ user: string }>): string {
    return context.data.user;
  }
  @ScheduledJob({ id: 'declared', every: '1h' })
  declared(): void {}
}
const REMIND = [Reminders, 'remind'] as const;
const ann = { user: 'ann' };

let url: string;
let drop: () => Promise<void>;
beforeEach(async () => {
  const database = await createDatabase(inject('postgresUrl'));
  ({ url } = database);
  drop = () => database.drop();
});
afterEach(() => drop());

/** A replica; without jobs of its own to run unless told otherwise. */
async function replica(options: SchedulerModuleOptions & { connectTo?: string } = {}): Promise<SchedulerService> {
  const { connectTo = url, ...others } = options;
  const own = SchedulerModule.forRoot({
    connection: { url: connectTo },
    runJobs: false,
    ...others,
  } as SchedulerModuleOptions);
  const app = await initialise({ scheduler: null, imports: [own], providers: [Reminders] });
  return app.get(SchedulerService, { strict: false });
}

type Call = [string, (scheduler: SchedulerService, manager?: EntityManager) => Promise<unknown>];
const exported = {
  version: 1,
  jobs: [{ id: 'new', handler: 'remind', schedule: { kind: 'every', every: '1h' }, data: ann }],
};
const writes: Call[] = [
  ['addJobs', (scheduler, manager) => scheduler.addJobs(REMIND, [{ id: 'new', every: '1h', data: ann }], { manager })],
  ['importJobs', (scheduler, manager) => scheduler.importJobs(exported, { manager })],
  ['modifyJob', (scheduler, manager) => scheduler.modifyJob('old', { every: '2h', priority: 9 }, { manager })],
];
const reads: Call[] = [
  ['explain', (scheduler) => scheduler.explain('old')],
  ['exportJobs', (scheduler) => scheduler.exportJobs()],
];

describe("A call about jobs, in the caller's transaction,", () => {
  it.each(writes)('is done with the commit, and not at all with a rollback: %s', async (_, call) => {
    const scheduler = await replica();
    await scheduler.addJob({ id: 'old', handler: REMIND, every: '1h', data: ann });
    using events = recordEvents(scheduler, ['job.added', 'job.modified']);
    const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
    onTestFinished(() => dataSource.destroy());
    const all = async () => (await scheduler.getJobs({ handler: 'remind' })).items;
    const before = await all();

    const failing = dataSource.transaction(async (manager) => {
      await call(scheduler, manager);
      throw new Error('sign-up failed');
    });
    await expect(failing).rejects.toThrow('sign-up failed');
    expect(await all()).toEqual(before);
    await dataSource.transaction(async (manager) => {
      await call(scheduler, manager);
      expect(await all()).toEqual(before);
    });
    expect(await all()).not.toEqual(before);
    expect(events.names).toEqual([]);
  });
});

describe('A call about jobs, with the database away,', () => {
  it.each([...writes, ...reads])('rejects in time, and says that nothing was written: %s', async (_, call) => {
    const proxy = await FlakyProxy.start({ target: url });
    onTestFinished(() => proxy.close());
    const scheduler = await replica({ connectTo: proxy.url, callTimeoutMs: CALL_TIMEOUT_MS });
    await scheduler.addJob({ id: 'old', handler: REMIND, every: '1h', data: ann });
    proxy.silence('all');

    const error: unknown = await call(scheduler).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(JobStoreUnavailableError);
    // it is the deadline that has ended it
    expect(error).toMatchObject({ outcome: 'not-written', message: expect.stringMatching(/within 1000 ms/) });
  });

  it.each(writes)('says that nobody knows when the answer to its commit is lost: %s', async (_, call) => {
    const proxy = await FlakyProxy.start({ target: url });
    onTestFinished(() => proxy.close());
    const scheduler = await replica({ connectTo: proxy.url });
    await scheduler.addJob({ id: 'old', handler: REMIND, every: '1h', data: ann });
    const cut = proxy.cutOnce({ match: /^COMMIT/, side: 'after' });
    await expect(call(scheduler)).rejects.toMatchObject({ name: 'JobStoreUnavailableError', outcome: 'unknown' });
    await cut;
  });
});

describe('Two replicas on one database', () => {
  it('follow what one of them modifies, adds and imports, and explain it alike', async () => {
    const one = await replica({ nodeName: 'one' });
    const two = await replica({ nodeName: 'two', runJobs: true });
    using ran = recordEvents(two, ['execution.succeeded']);

    expect(await one.modifyJob('declared', { every: '1s' }, { by: 'anna' })).toMatchObject({
      overridden: ['schedule'],
    });
    await ran.waitFor('execution.succeeded', ({ execution }) => execution.jobId === 'declared');
    expect(
      await one.addJobs(REMIND, [
        { id: 'a', data: ann },
        { id: 'b', data: ann },
      ]),
    ).toEqual({ added: 2 });
    await ran.waitFor('execution.succeeded', ({ execution }) => execution.jobId === 'b');
    expect(await two.getJob('declared')).toMatchObject({ schedule: 'every 1 second', by: 'anna', version: 2 });

    await two.pauseJob('declared', { by: 'bob' });
    for (const scheduler of [one, two]) {
      const { runs, because } = await scheduler.explain('declared');
      expect([runs, because[0]]).toEqual([false, expect.stringMatching(/^It was paused by bob at /)]);
    }
    expect((await one.explain('a')).because[0]).toMatch(/^It is finished: it runs once/);
    await expect(two.removeJob('declared')).rejects.toThrow(/of this process/);
    await expect(one.modifyJob('nowhere', { priority: 1 })).rejects.toBeInstanceOf(JobNotFoundError);
    await expect(one.explain('nowhere')).rejects.toBeInstanceOf(JobNotFoundError);
  });

  it('add ten thousand jobs in one call, and export them all', async () => {
    const one = await replica({ callTimeoutMs: 60_000 });
    const jobs = Array.from({ length: 10_000 }, (_, n) => ({
      id: `j${n}`,
      cron: '17 4 * * *',
      data: { user: `u${n}` },
    }));
    expect(await one.addJobs(REMIND, jobs)).toEqual({ added: 10_000 });
    expect((await one.exportJobs()).jobs).toHaveLength(10_000);
  });
});
