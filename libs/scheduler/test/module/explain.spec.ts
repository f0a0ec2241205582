import { Injectable } from '@nestjs/common';
import { JobHandler, JobNotFoundError, MemoryJobStore } from 'nestjs-vigil';
import { ManualClock, recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import { at, managing, NOW } from './reminders.js';
import { boot, deferred } from './support.js';

describe('explain', () => {
  it('says that nobody can run a job where no process runs any', async () => {
    const { scheduler } = await managing();
    expect(await scheduler.explain('declared')).toEqual({
      runs: false,
      because: [
        expect.stringMatching(
          /^It is declared by ".*", and no process that declares it runs jobs \(runJobs: false\)\.$/,
        ),
        `Its next run is at ${at(60).toISOString()} (every 1 hour).`,
      ],
    });
  });

  it('says who paused a job and why', async () => {
    const { scheduler } = await managing();
    await scheduler.pauseJob('declared', { by: 'anna', reason: 'audit' });
    expect(await scheduler.explain('declared')).toMatchObject({
      runs: false,
      because: [`It was paused by anna at ${NOW}: audit. resumeJob("declared") starts it again.`],
    });
  });

  it('says what runs, and what waits for it', async () => {
    const started = deferred();
    const end = deferred();
    @Injectable()
    class Slow {
      @JobHandler('slow')
      run(): Promise<void> {
        started.resolve();
        return end.promise;
      }
    }
    const clock = new ManualClock(NOW);
    const { scheduler } = await boot({ clock, providers: [Slow], scheduler: { store: new MemoryJobStore({ clock }) } });
    using events = recordEvents(scheduler, ['execution.succeeded']);
    await scheduler.addJob({ id: 'x', handler: 'slow', every: '1h' });
    const first = await scheduler.runJob('x');
    await clock.advance(0);
    await started.promise;
    const second = await scheduler.runJob('x');
    expect(await scheduler.explain('x')).toEqual({
      runs: true,
      because: [
        `Its next run is at ${at(60).toISOString()} (every 1 hour).`,
        expect.stringMatching(new RegExp(`execution ${first.id}\\) runs on node ".*" since ${NOW}\\.`)),
        expect.stringMatching(new RegExp(`execution ${second.id}\\) waits for room .*execution ${first.id} holds it`)),
        "A fire that comes meanwhile is skipped (maxInstances: 1, overlap: 'skip').",
      ],
    });
    end.resolve();
    await clock.advance(2_000);
    await events.waitFor('execution.succeeded', ({ execution }) => execution.id === second.id);
  });

  it('rejects for an unknown id, and for none', async () => {
    const { scheduler } = await managing();
    await expect(scheduler.explain('nowhere')).rejects.toBeInstanceOf(JobNotFoundError);
    await expect(scheduler.explain('')).rejects.toThrow(/explain: the id is ""\. Write a text/);
  });
});
