import fc from 'fast-check';
import {
  calendar,
  days,
  except,
  every,
  InvalidJobError,
  JobConflictError,
  MemoryJobStore,
  type JobsExport,
} from 'nestjs-vigil';
import { ManualClock, recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, it, onTestFinished } from 'vitest';

import type { JobStore } from '../../src/store/job-store.js';
import { Cleanup } from '../store/typeorm-store.support.js';
import { jobsToAdd } from './random-jobs.js';
import { at, managing, MINUTE, NOW } from './reminders.js';
import type { Booted } from './support.js';

const SEED = Number(process.env['VIGIL_SEED'] ?? 20_260_301);

type Managing = Awaited<ReturnType<typeof managing>>;

async function onStore(store: JobStore, clock: ManualClock): Promise<Booted> {
  return await managing({ clock, scheduler: { store, runJobs: false, executors: { reports: { concurrency: 1 } } } });
}
async function two(): Promise<{ from: Booted & { store: MemoryJobStore }; to: Managing }> {
  const clock = new ManualClock(NOW);
  const store = new MemoryJobStore({ clock });
  return { from: { store, ...(await onStore(store, clock)) }, to: await managing({ clock }) };
}
/** By way of a file. */
const throughFile = (jobs: object): JobsExport => JSON.parse(JSON.stringify(jobs)) as JobsExport;

describe('exportJobs and importJobs', () => {
  it('move jobs of run time to another scheduler, where they go on', async () => {
    const { from, to } = await two();
    const weekdays = except(calendar({ days: 1 }, { at: '07:30', from: at(0) }), days({ dates: ['2026-01-02'] }));
    await from.scheduler.addJob({ id: 'a', handler: 'remind', every: '1h', maxRuns: 3, jitterMs: 5, data: { n: 1 } });
    await from.scheduler.addJob({ id: 'b', handler: 'remind', trigger: weekdays, tags: ['x'] });
    await from.scheduler.addJob(
      { id: 'c', handler: 'remind', in: '3d', paused: true },
      { reason: 'not yet', by: 'ann' },
    );
    await from.store.changeJob('a', () => ({ set: { runCount: 2, lastInstant: at(60), nextRunAt: at(120) } }));
    const exported = throughFile(await from.scheduler.exportJobs());
    expect(exported.jobs.map(({ id }) => id)).toEqual(['a', 'b', 'c']);

    using events = recordEvents(to.scheduler, ['job.added']);
    await to.clock.advance(30 * MINUTE);
    expect(await to.scheduler.importJobs(exported)).toEqual({ added: 3 });
    expect(throughFile(await to.scheduler.exportJobs())).toEqual(exported);
    expect(await to.scheduler.getJob('a')).toMatchObject({
      runCount: 2,
      nextRunAt: at(120),
      lastRunAt: at(60),
      state: 'active',
    });
    expect(await to.scheduler.getJob('c')).toMatchObject({ state: 'paused', reason: 'not yet', by: 'ann' });
    expect(events.events.map(({ payload }) => payload.job.id)).toEqual(['a', 'b', 'c']);
  });

  it('give the same jobs, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(jobsToAdd, async (jobs) => {
        const { from, to } = await two();
        for (const job of jobs) await from.scheduler.addJob(job);
        const exported = throughFile(await from.scheduler.exportJobs());
        await to.clock.advance(7 * MINUTE);
        expect(await to.scheduler.importJobs(exported)).toEqual({ added: jobs.length });
        expect(throughFile(await to.scheduler.exportJobs())).toEqual(exported);
      }),
      { seed: SEED, numRuns: 25 },
    );
  });

  it('give the same jobs from memory to PostgreSQL and back', async () => {
    const cleanup = new Cleanup();
    onTestFinished(() => cleanup.run());
    const store = await cleanup.openStore(cleanup.schema());
    const { from, to } = await two();
    for (const jobs of fc.sample(jobsToAdd, { seed: SEED, numRuns: 12 })) {
      for (const job of jobs) await from.scheduler.addJob({ ...job, id: undefined });
    }
    const exported = throughFile(await from.scheduler.exportJobs());
    const { scheduler } = await onStore(store, new ManualClock(NOW));
    expect(await scheduler.importJobs(exported)).toEqual({ added: exported.jobs.length });
    const again = throughFile(await scheduler.exportJobs());
    expect(again).toEqual(exported);
    await to.scheduler.importJobs(again);
    expect(throughFile(await to.scheduler.exportJobs())).toEqual(exported);
  });

  it('leave out what code declares', async () => {
    const { scheduler } = await managing();
    expect(await scheduler.exportJobs()).toEqual({ version: 1, jobs: [] });
  });

  it('keep a job that is quarantined, also where nobody can read its schedule', async () => {
    const { from, to } = await two();
    for (const id of ['moon', 'stuck']) await from.scheduler.addJob({ id, handler: 'remind', every: '1h' });
    const broken = { state: 'quarantined', stateReason: 'why' } as const;
    await from.store.changeJob('moon', () => ({ set: { ...broken, trigger: { kind: 'moon', phase: 1 } } }));
    await from.store.changeJob('stuck', () => ({ set: broken }));
    const exported = throughFile(await from.scheduler.exportJobs());
    await to.scheduler.importJobs(exported);
    expect(throughFile(await to.scheduler.exportJobs())).toEqual(exported);
    expect(await to.scheduler.getJob('moon')).toMatchObject({
      state: 'quarantined',
      reason: 'why',
      schedule: 'not known',
    });
    await expect(to.scheduler.resumeJob('moon')).rejects.toThrow(/"moon" is not a kind/);
    expect(await to.scheduler.resumeJob('stuck')).toMatchObject({ state: 'active' });
  });

  it('take a file that says the least', async () => {
    const { scheduler, logs } = await managing();
    const jobs = [
      { id: 'x', handler: 'elsewhere', schedule: { kind: 'every', every: '1h' } },
      { id: 'over', handler: 'remind', schedule: { kind: 'every', every: '1h', endAt: '2025-01-01T00:00:00Z' } },
    ];
    expect(await scheduler.importJobs({ version: 1, jobs }, { by: 'ann', reason: 'a move' })).toEqual({ added: 2 });
    expect(await scheduler.getJob('x')).toMatchObject({
      nextRunAt: at(60),
      state: 'active',
      by: 'ann',
      reason: 'a move',
    });
    expect((await scheduler.getJob('x'))?.settings).toMatchObject({ priority: 0, misfire: 'coalesce' });
    expect(await scheduler.getJob('over')).toMatchObject({ state: 'finished', nextRunAt: null });
    expect(logs.messages('warn')).toContainEqual(expect.stringMatching(/^importJobs: no handler .* "elsewhere"/));
  });

  it('reject, keep or replace when an id is taken', async () => {
    const { scheduler } = await managing();
    await scheduler.addJob({ id: 'x', handler: 'remind', every: '1h' });
    const jobs = ['new', 'x'].map((id) => ({ id, handler: 'remind', schedule: every('2h').toJSON() }));
    await expect(scheduler.importJobs({ version: 1, jobs })).rejects.toBeInstanceOf(JobConflictError);
    expect(await scheduler.getJob('new')).toBeNull();
    expect(await scheduler.importJobs({ version: 1, jobs }, { onConflict: 'keep' })).toEqual({ added: 1 });
    expect(await scheduler.getJob('x')).toMatchObject({ schedule: 'every 1 hour' });
    expect(await scheduler.importJobs({ version: 1, jobs }, { onConflict: 'replace' })).toEqual({ added: 0 });
    expect(await scheduler.getJob('x')).toMatchObject({ schedule: 'every 2 hours' });
  });
});

describe('importJobs', () => {
  const fine = { id: 'fine', handler: 'remind', schedule: { kind: 'every', every: '1h' } };

  it('names everything that is wrong, and writes nothing', async () => {
    const { scheduler } = await managing();
    const jobs = [
      fine,
      { ...fine, id: 'a', settings: { timeoutMs: -1, retry: 3 }, data: 'fine', state: 'asleep', runCount: -1 },
      { ...fine, id: 'b', schedule: { kind: 'moon' }, nextRunAt: 'tomorrow' },
      { ...fine, id: 'c', settings: { corn: 1 } },
      { ...fine, id: 'declared' },
      { ...fine, cron: '* * * * *' },
    ];
    const error = await scheduler.importJobs({ version: 1, jobs }).catch((reason: unknown) => reason as Error);
    expect(error).toBeInstanceOf(InvalidJobError);
    expect((error as Error).message.split('\n')).toEqual([
      'importJobs: nothing was written, because 5 of 6 jobs cannot be.',
      expect.stringMatching(/^jobs\[1\] \("a"\): settings: timeoutMs is -1\./),
      expect.stringMatching(/^jobs\[1\] \("a"\): settings: retry is 3\./),
      'jobs[1] ("a"): state is "asleep". Write one of active, paused, finished, quarantined.',
      'jobs[1] ("a"): runCount is -1. Write a whole number of at least 0.',
      expect.stringMatching(/^jobs\[2\] \("b"\): schedule\.kind: "moon" is not a kind of trigger/),
      expect.stringMatching(/^jobs\[2\] \("b"\): nextRunAt "tomorrow" is not an ISO 8601 instant/),
      expect.stringMatching(/^jobs\[3\] \("c"\): settings: "corn" is not an option here/),
      expect.stringMatching(/^jobs\[4\] \("declared"\): .* is the id of a @ScheduledJob/),
      expect.stringMatching(/^jobs\[5\] \("fine"\): "cron" is not an option here\. Known: .*schedule/),
    ]);
    expect((await scheduler.getJobs()).items).toHaveLength(1);
  });

  it.each<[string, unknown, RegExp]>([
    [
      'a newer version',
      { version: 2, jobs: [] },
      /an export of version 2, and this process reads version 1\. Import it with/,
    ],
    ['no version', { jobs: [] }, /version is undefined\. Give what exportJobs\(\) returned/],
    ['a list', [], /expected an object with options, not an array.*Give what exportJobs\(\) returned/],
    ['no jobs', { version: 1 }, /jobs is undefined\. Give a list/],
    ['an unknown part', { version: 1, jobs: [], executions: [] }, /"executions" is not an option here/],
    ['too many', { version: 1, jobs: Array(10_001).fill(fine) }, /10001 entries, and one call takes 10000/],
    ['one id twice', { version: 1, jobs: [fine, fine] }, /jobs\[1\] \("fine"\): its id is that of jobs\[0\], too/],
    ['no handler', { version: 1, jobs: [{ ...fine, handler: 5 }] }, /handler is 5\. Write the key of a @JobHandler/],
    ['no id', { version: 1, jobs: [{ ...fine, id: undefined }] }, /id is undefined\. Write a text/],
    [
      'no schedule',
      { version: 1, jobs: [{ ...fine, schedule: null }] },
      /schedule: expected an object with a "kind", not null/,
    ],
    [
      'an executor nobody has',
      { version: 1, jobs: [{ ...fine, settings: { executor: 'fast' } }] },
      /no executor "fast"/,
    ],
    ['too many runs', { version: 1, jobs: [{ ...fine, maxRuns: 0 }] }, /maxRuns is 0/],
    [
      'a text that cannot be stored',
      { version: 1, jobs: [{ ...fine, reason: '\0' }] },
      /reason is .*Write a text, or null/,
    ],
  ])('refuses %s', async (_, jobs, message) => {
    const { scheduler } = await managing();
    await expect(scheduler.importJobs(jobs as object)).rejects.toThrow(message);
    expect((await scheduler.getJobs()).items).toHaveLength(1);
  });
});
