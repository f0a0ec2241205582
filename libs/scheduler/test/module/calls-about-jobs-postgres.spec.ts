import { Injectable, type Type } from '@nestjs/common';
import {
  JobContext,
  JobHandler,
  JobNotFoundError,
  ScheduledJob,
  SchedulerModule,
  SchedulerService,
  type SchedulerModuleOptions,
} from 'nestjs-vigil';
import { createDatabase, recordEvents } from 'nestjs-vigil-testing';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';

import { sql } from '../store/typeorm-store.support.js';
import { initialise } from './support.js';

@Injectable()
class Reminders {
  @JobHandler('remind')
  remind(context: JobContext<{ user: string }>): string {
    return context.data.user;
  }
  @ScheduledJob({ id: 'declared', every: '1h' })
  declared(): void {}
}
/** A process of another application. */
@Injectable()
class Bare {
  @JobHandler('remind')
  remind(): void {}
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
async function replica(options: SchedulerModuleOptions & { providers?: Type[] } = {}): Promise<SchedulerService> {
  const { providers = [Reminders], ...others } = options;
  const connection = { url };
  const own = SchedulerModule.forRoot({ connection, runJobs: false, ...others } as SchedulerModuleOptions);
  const app = await initialise({ scheduler: null, imports: [own], providers });
  return app.get(SchedulerService, { strict: false });
}

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

  it('cannot replace what the code of another one declares', async () => {
    const one = await replica({ nodeName: 'one' });
    const two = await replica({ nodeName: 'two', providers: [Bare] });
    const before = await one.getJob('declared');
    const entry = { id: 'declared', handler: 'remind', schedule: { kind: 'every', every: '2h' } };
    const calls: [string, () => Promise<unknown>][] = [
      ['addJob', () => two.addJob({ id: 'declared', handler: 'remind', every: '2h' }, { onConflict: 'replace' })],
      ['addJobs', () => two.addJobs([Bare, 'remind'], [{ id: 'declared', every: '2h' }], { onConflict: 'replace' })],
      ['importJobs', () => two.importJobs({ version: 1, jobs: [entry] }, { onConflict: 'replace' })],
    ];
    for (const [name, call] of calls) {
      const message = `${name}: "declared" is declared by a @ScheduledJob on node "one" and cannot be replaced`;
      await expect(call()).rejects.toThrow(message);
    }
    expect(await one.getJob('declared')).toEqual(before);
    await one.shutdown();
    await two.addJob({ id: 'declared', handler: 'remind', every: '2h' }, { onConflict: 'replace' });
    expect(await two.getJob('declared')).toMatchObject({ source: 'dynamic' });
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

describe('A reason, and who gives it,', () => {
  const note = { reason: 'cut in a \ud83d', by: 'an\0na' };
  const exported = { version: 1, jobs: [{ id: 'new', handler: 'remind', schedule: { kind: 'every', every: '1h' } }] };
  const calls: [string, (scheduler: SchedulerService) => Promise<unknown>][] = [
    ['addJob', (scheduler) => scheduler.addJob({ handler: 'remind', every: '1h' }, note)],
    ['addJobs', (scheduler) => scheduler.addJobs(REMIND, [{ every: '1h', data: ann }], note)],
    ['importJobs', (scheduler) => scheduler.importJobs(exported, note)],
    ['modifyJob', (scheduler) => scheduler.modifyJob('old', { priority: 2 }, note)],
    ['pauseJob', (scheduler) => scheduler.pauseJob('old', note)],
    ['resumeJob', (scheduler) => scheduler.pauseJob('old').then(() => scheduler.resumeJob('old', note))],
    ['runJob', (scheduler) => scheduler.runJob('old', note)],
    ['cancelExecution', (scheduler) => scheduler.runJob('old').then(({ id }) => scheduler.cancelExecution(id, note))],
  ];
  it.each(calls)('is stored as far as it can be: %s', async (_, call) => {
    const scheduler = await replica();
    await scheduler.addJob({ id: 'old', handler: 'remind', every: '1h' });
    await call(scheduler);
    const jobs = (await scheduler.getJobs()).items;
    const executions = (await scheduler.getExecutions()).items;
    const said = [...jobs, ...executions].flatMap(({ reason }) => reason ?? []);
    expect(said).toEqual([expect.stringMatching(/cut in a \ufffd/)]);
  });
});

describe('exportJobs', () => {
  it('leaves out the anchor of a row in which it is no date, and exports all jobs', async () => {
    const scheduler = await replica();
    for (const id of ['a', 'b', 'c']) await scheduler.addJob({ id, handler: 'remind', every: '1h' });
    await sql(`UPDATE scheduler.job SET anchor = 'infinity' WHERE id = 'b'`, [], url);
    const { jobs } = await scheduler.exportJobs();
    expect(jobs.map(({ id, anchor }) => [id, anchor])).toEqual([
      ['a', expect.any(String)],
      ['b', undefined],
      ['c', expect.any(String)],
    ]);
  });
});
