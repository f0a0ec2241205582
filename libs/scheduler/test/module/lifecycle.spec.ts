import { Global, Injectable, Module, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  JobContext,
  JobHandler,
  JobStoreConfigurationError,
  JobStoreUnavailableError,
  MemoryJobStore,
  ScheduledJob,
  SchedulerModule,
  SchedulerNotStartedError,
  SchedulerService,
} from 'nestjs-vigil';
import { ManualClock, recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, it, onTestFinished } from 'vitest';

import { SchedulerLifecycle } from '../../src/module/scheduler.lifecycle.js';
import { boot, deferred, initialise, LogRecorder } from './support.js';

const NEVER = '0 0 0 1 1 *';

/** A handler that runs until it is told to end. */
function blockingJob() {
  const started = deferred();
  const end = deferred();
  @Injectable()
  class Blocking {
    @JobHandler('block')
    async run(): Promise<string> {
      started.resolve();
      await end.promise;
      return 'done';
    }
  }
  return { Blocking, started: started.promise, end: end.resolve };
}

describe('Closing the application', () => {
  it('lets a run in flight end, and records its outcome', async () => {
    const { Blocking, started, end } = blockingJob();
    const store = new MemoryJobStore();
    const { app, scheduler } = await boot({ scheduler: { store }, providers: [Blocking] });
    using events = recordEvents(scheduler, ['scheduler.state']);
    await scheduler.addJob({ id: 'x', handler: 'block' });
    await started;
    const closing = app.close();
    await events.waitFor('scheduler.state', ({ to }) => to === 'draining');
    end();
    await closing;

    expect(scheduler.state).toBe('stopped');
    const { items } = await store.getExecutions({ jobId: 'x' });
    expect(items.map(({ execution }) => [execution.status, execution.result])).toEqual([['succeeded', 'done']]);
  });

  it('lets runs end before imported and global modules are destroyed', async () => {
    const { Blocking, started, end } = blockingJob();
    const order: string[] = [];
    @Injectable()
    class Resource implements OnModuleDestroy {
      onModuleDestroy(): void {
        order.push('resource destroyed');
      }
    }
    @Global()
    @Module({ providers: [Resource] })
    class GlobalModule {}
    @Module({ providers: [Resource, Blocking] })
    class Deep {}
    @Module({ imports: [Deep] })
    class Feature {}
    const { app, scheduler } = await boot({ imports: [GlobalModule, Feature] });
    scheduler.on('execution.succeeded', () => order.push('run ended'));
    scheduler.on('scheduler.state', ({ to }) => to === 'draining' && end());
    await scheduler.addJob({ handler: 'block' });
    await started;
    await app.close();

    expect(order).toEqual(['run ended', 'resource destroyed', 'resource destroyed']);
  });

  it('tells handlers to stop when their time is over, and offers what they did not end to others', async () => {
    const started = deferred();
    @Injectable()
    class Long {
      @JobHandler('long')
      async run({ signal }: JobContext): Promise<void> {
        started.resolve();
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      }
    }
    const store = new MemoryJobStore();
    const { app, scheduler } = await boot({ scheduler: { store, shutdownTimeoutMs: 0 }, providers: [Long] });
    await scheduler.addJob({ id: 'x', handler: 'long' });
    await started.promise;
    await app.close();

    const { items } = await store.getExecutions({ jobId: 'x' });
    expect(items.map(({ execution }) => [execution.status, execution.attempt])).toEqual([['pending', 0]]);
  });
});

describe('Closing while the application still boots', () => {
  it('leaves nothing running when a factory ends after it', async () => {
    const asked = deferred();
    const answer = deferred<{ cron: string }>();
    @Injectable()
    class Jobs {
      @ScheduledJob({
        inject: [],
        useFactory: () => {
          asked.resolve();
          return answer.promise;
        },
      })
      run(): void {}
    }
    const store = new MemoryJobStore();
    const module = await Test.createTestingModule({
      imports: [SchedulerModule.forRoot({ store })],
      providers: [Jobs],
    })
      .setLogger(new LogRecorder())
      .compile();
    const scheduler = module.get(SchedulerService, { strict: false });
    const booting = module.init();
    await asked.promise;
    // Nest's own close() may wait for init()
    await module.get(SchedulerLifecycle, { strict: false }).close();
    answer.resolve({ cron: NEVER });
    await booting;
    onTestFinished(() => module.close());
    expect(scheduler.state).toBe('stopped');
    expect(await store.getJobs({})).toMatchObject({ items: [] });
  });
});

describe('Booting', () => {
  it('starts when every module is initialised, with what factories know by then', async () => {
    const order: string[] = [];
    @Injectable()
    class Config implements OnModuleInit {
      cron = 'not known yet';
      onModuleInit(): void {
        order.push('initialised');
        this.cron = NEVER;
      }
    }
    @Injectable()
    class Jobs {
      @ScheduledJob({ inject: [Config], useFactory: ({ cron }) => ({ cron }) })
      run(): void {}
    }
    @Injectable()
    class Watcher {
      constructor(scheduler: SchedulerService) {
        scheduler.on('scheduler.state', ({ to }) => order.push(to));
      }
    }
    const { scheduler } = await boot({ providers: [Config, Jobs, Watcher] });

    expect(order.slice(0, 2)).toEqual(['initialised', 'starting']);
    expect(await scheduler.getJob('Jobs.run')).toMatchObject({ state: 'active' });
  });

  it('takes calls in onModuleInit, and refuses them in constructors', async () => {
    const refused = deferred<unknown>();
    @Injectable()
    class Early implements OnModuleInit {
      constructor(private readonly scheduler: SchedulerService) {
        scheduler.getJobs().catch(refused.resolve);
      }
      async onModuleInit(): Promise<void> {
        await this.scheduler.addJob({ id: 'early', handler: [Early, 'run'], every: '1h' });
      }
      @JobHandler()
      run(): void {}
    }
    const { scheduler } = await boot({ providers: [Early] });

    expect(await refused.promise).toBeInstanceOf(SchedulerNotStartedError);
    expect(await scheduler.getJob('early')).not.toBeNull();
  });

  it('fails for what waiting does not cure, and leaves nothing running', async () => {
    const store = new MemoryJobStore();
    const services: SchedulerService[] = [];
    @Injectable()
    class Spy {
      constructor(scheduler: SchedulerService) {
        services.push(scheduler);
      }
    }
    const twin = SchedulerModule.forRoot({ name: 'twin', store });
    const booting = boot({ scheduler: { store }, imports: [twin], providers: [Spy] });

    await expect(booting).rejects.toBeInstanceOf(JobStoreConfigurationError);
    expect(services.map(({ state }) => state)).toEqual(['stopped']);
  });

  it('goes on with the database away; calls reject soon, and the log says it once, without the password', async () => {
    const logger = new LogRecorder();
    const app = await initialise({
      scheduler: { connection: { url: 'postgres://vigil:s3cret@127.0.0.1:1/jobs' }, callTimeoutMs: 500 },
      logger,
    });
    const scheduler = app.get(SchedulerService, { strict: false });

    expect(scheduler.health()).toMatchObject({ alive: true, ready: false });
    await expect(scheduler.getJobs()).rejects.toBeInstanceOf(JobStoreUnavailableError);
    await expect(scheduler.runJob('x')).rejects.toMatchObject({ outcome: 'not-written' });
    await app.close();
    expect(logger.messages('error')).toEqual([
      expect.stringMatching(/^The database cannot be reached: .*127\.0\.0\.1:1/),
    ]);
    expect(JSON.stringify(logger.lines)).not.toContain('s3cret');
  });
});

describe('autoStart: false', () => {
  it('opens nothing, and calls say what to do', async () => {
    const connection = { url: 'postgres://nobody@127.0.0.1:1/nowhere' };
    const { scheduler } = await boot({ scheduler: { connection, autoStart: false } });

    expect(scheduler.state).toBe('stopped');
    expect(scheduler.health()).toMatchObject({ alive: false, ready: false });
    await expect(scheduler.getJobs()).rejects.toThrow(/autoStart: false and was not started\. Call start\(\) first/);
  });

  it('leaves nothing to open with a memory store, which takes calls before the start', async () => {
    const { Blocking, started, end } = blockingJob();
    const { scheduler } = await boot({
      scheduler: { store: new MemoryJobStore(), autoStart: false },
      providers: [Blocking],
    });
    await scheduler.addJob({ id: 'x', handler: 'block' });
    await expect(scheduler.getJob('x')).resolves.toMatchObject({ state: 'active', runCount: 0 });
    expect(scheduler.state).toBe('stopped');
    end();
    await scheduler.start();
    await started;
  });

  it('fails the boot for wrong decorators all the same', async () => {
    @Injectable()
    class Wrong {
      @ScheduledJob('* * *')
      run(): void {}
    }
    const scheduler = { store: new MemoryJobStore(), autoStart: false };
    await expect(boot({ scheduler, providers: [Wrong] })).rejects.toThrow(/is not a cron expression/);
  });

  it('runs between start() and shutdown(), as often as they are called', async () => {
    const runs: string[] = [];
    @Injectable()
    class Jobs {
      @ScheduledJob(NEVER)
      run({ executionId }: JobContext): void {
        runs.push(executionId);
      }
    }
    const { scheduler } = await boot({
      scheduler: { store: new MemoryJobStore(), autoStart: false },
      providers: [Jobs],
    });
    using events = recordEvents(scheduler, ['execution.succeeded']);
    for (const round of [0, 1]) {
      await scheduler.start();
      await scheduler.runJob('Jobs.run');
      await events.waitFor('execution.succeeded', undefined, { from: round });
      await scheduler.shutdown();
      await expect(scheduler.getJobs()).rejects.toThrow(/was shut down\. Call start\(\) first/);
    }
    expect(runs).toHaveLength(2);
  });
});

describe('start()', () => {
  it('while the scheduler still shuts down has the last word', async () => {
    const { Blocking, started, end } = blockingJob();
    const { scheduler } = await boot({ providers: [Blocking] });
    await scheduler.addJob({ handler: 'block' });
    await started;
    const stopping = scheduler.shutdown();
    const starting = scheduler.start();
    end();
    await Promise.all([stopping, starting]);
    await expect(scheduler.getJobs()).resolves.toMatchObject({ nextCursor: null });
  });
});

describe('Shutdown hooks', () => {
  async function warningsAfter(ms: number): Promise<string[]> {
    const clock = new ManualClock();
    const { logs } = await boot({ clock, scheduler: { store: new MemoryJobStore({ clock }) } });
    await clock.advance(ms);
    return logs.messages('warn').filter((message) => message.includes('SIGTERM'));
  }
  function withoutListeners(): void {
    const listeners = process.listeners('SIGTERM');
    process.removeAllListeners('SIGTERM');
    onTestFinished(() => {
      process.removeAllListeners('SIGTERM');
      for (const listener of listeners) process.on('SIGTERM', listener);
    });
  }

  it('are asked for when nothing listens to SIGTERM soon after the boot', async () => {
    withoutListeners();
    expect(await warningsAfter(4_999)).toEqual([]);
    expect(await warningsAfter(5_000)).toEqual([expect.stringMatching(/app\.enableShutdownHooks\(\)/)]);
  });

  it('are not asked for when they are there', async () => {
    withoutListeners();
    process.on('SIGTERM', () => {});
    expect(await warningsAfter(60_000)).toEqual([]);
  });
});
