import { setTimeout as realSleep } from 'node:timers/promises';

import { Inject, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import {
  getSchedulerToken,
  InjectScheduler,
  JobContext,
  JobHandler,
  ScheduledJob,
  SCHEDULER_CLOCK,
  SchedulerModule,
  SchedulerService,
  type Clock,
  type SchedulerModuleOptions,
} from 'nestjs-vigil';
import { DataSource } from 'typeorm';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { ManualClock, quietScheduler, recordEvents } from '../src/index.js';

const NOWHERE = { url: 'postgres://nobody@127.0.0.1:1/nowhere' };

interface Booted {
  scheduler: SchedulerService;
  clock: ManualClock;
  get<T>(token: unknown): T;
  close(): Promise<void>;
}

async function boot(
  provider: new (...args: never[]) => unknown,
  said: SchedulerModuleOptions = { connection: NOWHERE },
): Promise<Booted> {
  @Module({ imports: [SchedulerModule.forRoot(said)], providers: [provider as never] })
  class AppModule {}
  const clock = new ManualClock();
  const app = await quietScheduler(Test.createTestingModule({ imports: [AppModule] }), { clock })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile();
  onTestFinished(() => app.close());
  await app.init();
  return {
    scheduler: app.get(SchedulerService),
    clock,
    get: (token) => app.get(token as never, { strict: false }),
    close: () => app.close(),
  };
}

/** What is recorded of a job: what for, how it ended, after how many attempts. */
async function runsOf(scheduler: SchedulerService, jobId: string): Promise<[string, string, number][]> {
  const { items } = await scheduler.getExecutions({ jobId, limit: 1_000 });
  return items
    .map(({ scheduledAt, status, attempt }) => [scheduledAt.toISOString(), status, attempt] as [string, string, number])
    .reverse();
}

describe('A quiet application', () => {
  @Injectable()
  class Reports {
    readonly runs: string[] = [];
    @ScheduledJob('0 7 * * *', { id: 'report' })
    daily({ scheduledAt }: JobContext): void {
      this.runs.push(scheduledAt.toISOString());
    }
    @JobHandler('remind')
    remind(): void {}
  }

  it('starts nothing by itself, however much time goes by, and takes calls', async () => {
    const { scheduler, clock, get } = await boot(Reports);
    await scheduler.addJob({ id: 'soon', handler: 'remind', in: '1h' });
    await clock.advance('3d');
    expect(scheduler.state).toBe('stopped');
    expect(get<Reports>(Reports).runs).toEqual([]);
    await expect(scheduler.getJob('soon')).resolves.toMatchObject({
      state: 'active',
      nextRunAt: new Date('2026-01-01T01:00:00Z'),
    });
  });

  it('that is started runs a daily job seven times in a week, each for its instant', async () => {
    const { scheduler, clock, get } = await boot(Reports);
    await scheduler.start();
    await clock.advance('7d');
    expect(get<Reports>(Reports).runs).toEqual([1, 2, 3, 4, 5, 6, 7].map((day) => `2026-01-0${day}T07:00:00.000Z`));
    expect((await runsOf(scheduler, 'report')).map(([, status]) => status)).toEqual(Array(7).fill('succeeded'));
  });

  it('needs no database for its schedulers, named ones and forRootAsync included', async () => {
    @Injectable()
    class Invoices {
      constructor(@InjectScheduler('billing') readonly billing: SchedulerService) {}
      @ScheduledJob({ every: '1h', id: 'invoices', scheduler: 'billing' })
      hourly(): void {}
    }
    const connection = { url: process.env['NOT_SET'] as string };
    @Module({
      imports: [
        SchedulerModule.forRoot({ connection, waitForDatabase: true }),
        SchedulerModule.forRoot({ connection, waitForDatabase: true }),
        SchedulerModule.forRootAsync({ name: 'billing', useFactory: () => ({ pool: 'shared', runJobs: false }) }),
      ],
      providers: [Reports, Invoices],
    })
    class AppModule {}
    const app = await quietScheduler(Test.createTestingModule({ imports: [AppModule] })).compile();
    onTestFinished(() => app.close());
    await app.init();
    const { billing } = app.get(Invoices);
    expect(billing).toBe(app.get(getSchedulerToken('billing')));
    await billing.start();
    const clock = app.get<ManualClock>(SCHEDULER_CLOCK);
    await clock.advance('3h');
    expect(await runsOf(billing, 'invoices')).toHaveLength(3);
    expect(app.get(SchedulerService).state).toBe('stopped');
  });

  it('leaves what the module says of jobs as it is', async () => {
    const around: string[] = [];
    @Injectable()
    class Jobs {
      @ScheduledJob('0 7 * * *', { id: 'local', executor: 'reports' })
      local(): void {
        throw new Error('out of paper');
      }
    }
    const { scheduler, clock } = await boot(Jobs, {
      timeZone: 'Europe/Paris',
      executors: { reports: { concurrency: 1 } },
      defaults: { retry: { maxAttempts: 3 } },
      aroundJob: (context, run) => {
        around.push(`${context.jobId} ${context.attempt}`);
        return run();
      },
    });
    await scheduler.start();
    await clock.advance('1d');
    expect(await runsOf(scheduler, 'local')).toEqual([['2026-01-01T06:00:00.000Z', 'failed', 3]]);
    expect(around).toEqual(['local 1', 'local 2', 'local 3']);
  });

  it('with a TypeOrmModule of its own boots without a database when its data source is replaced', async () => {
    @Module({
      imports: [TypeOrmModule.forRoot({ type: 'postgres', ...NOWHERE }), SchedulerModule.forRoot()],
      providers: [Reports],
    })
    class AppModule {}
    const app = await quietScheduler(Test.createTestingModule({ imports: [AppModule] }))
      .overrideProvider(getDataSourceToken())
      .useValue(new DataSource({ type: 'postgres' }))
      .compile();
    await app.init();
    await app.get(SchedulerService).start();
    await app.close();
  });

  it('takes a call in a transaction: what it adds is there at once', async () => {
    const { scheduler } = await boot(Reports);
    const manager = new DataSource({ type: 'postgres' }).manager;
    await scheduler.addJob({ id: 'x', handler: 'remind' }, { manager });
    await expect(scheduler.getJob('x')).resolves.toMatchObject({ state: 'active' });
  });

  it('does not see another one that runs beside it', async () => {
    const [one, other] = await Promise.all([boot(Reports), boot(Reports)]);
    await Promise.all([one.scheduler.start(), other.scheduler.start()]);
    await Promise.all([one.clock.advance('2d'), other.clock.advance('5d')]);
    expect(one.get<Reports>(Reports).runs).toHaveLength(2);
    expect(other.get<Reports>(Reports).runs).toHaveLength(5);
  });

  it('keeps its history longer than a retention would', async () => {
    const { scheduler, clock } = await boot(Reports);
    await scheduler.start();
    await clock.advance('9d');
    expect(await runsOf(scheduler, 'report')).toHaveLength(9);
  });
});

describe('Time in a quiet application', () => {
  it('retries with backoff at the same moments in every test run', async () => {
    @Injectable()
    class Flaky {
      readonly attempts: string[] = [];
      constructor(@Inject(SCHEDULER_CLOCK) private readonly clock: Clock) {}
      @ScheduledJob('@daily', { id: 'flaky', retry: { maxAttempts: 3, backoff: { kind: 'fixed', delayMs: 60_000 } } })
      run({ attempt }: JobContext): void {
        this.attempts.push(this.clock.now().toISOString());
        if (attempt < 3) throw new Error('not yet');
      }
    }
    const moments: string[][] = [];
    for (const _ of [1, 2]) {
      const { scheduler, clock, get } = await boot(Flaky);
      await scheduler.start();
      await clock.advance('36h');
      expect(await runsOf(scheduler, 'flaky')).toEqual([['2026-01-02T00:00:00.000Z', 'succeeded', 3]]);
      moments.push(get<Flaky>(Flaky).attempts);
    }
    expect(moments[0]).toHaveLength(3);
    expect(moments[1]).toEqual(moments[0]);
  });

  it('waits for a run that is at work in real time, so that the next fire does not find it running', async () => {
    @Injectable()
    class Slow {
      @ScheduledJob({ every: '1h', id: 'slow' })
      run(): Promise<void> {
        return realSleep(20);
      }
    }
    const { scheduler, clock } = await boot(Slow);
    await scheduler.start();
    await clock.advance('5h');
    expect((await runsOf(scheduler, 'slow')).map(([, status]) => status)).toEqual(Array(5).fill('succeeded'));
  });

  it('goes by for a run that sleeps on the clock, and reaches its fires while it sleeps', async () => {
    @Injectable()
    class Sleepy {
      constructor(@Inject(SCHEDULER_CLOCK) private readonly clock: Clock) {}
      @ScheduledJob({ every: '1h', id: 'sleepy' })
      async run({ signal }: JobContext): Promise<string> {
        await this.clock.sleep(5_400_000, signal);
        return this.clock.now().toISOString();
      }
    }
    const { scheduler, clock } = await boot(Sleepy);
    await scheduler.start();
    await clock.advance('3h');
    expect(await runsOf(scheduler, 'sleepy')).toEqual([
      ['2026-01-01T01:00:00.000Z', 'succeeded', 1],
      ['2026-01-01T02:00:00.000Z', 'skipped', 0],
      ['2026-01-01T03:00:00.000Z', 'running', 1],
    ]);
    const { items } = await scheduler.getExecutions({ status: 'succeeded' });
    expect(items[0]?.result).toBe('2026-01-01T02:30:00.000Z');
  });

  it('reaches the timeout of a run that waits for its signal, and of one that waits for nothing', async () => {
    @Injectable()
    class Hanging {
      @ScheduledJob({ every: '1h', id: 'polite', timeoutMs: 60_000 })
      polite({ signal }: JobContext): Promise<void> {
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      }
      @ScheduledJob({ every: '1h', id: 'deaf', timeoutMs: 60_000 })
      deaf(): Promise<void> {
        return new Promise(() => {});
      }
    }
    const { scheduler, clock } = await boot(Hanging);
    await scheduler.start();
    await clock.advance('90m', { patienceMs: 10 });
    for (const id of ['polite', 'deaf']) {
      expect(await runsOf(scheduler, id)).toEqual([['2026-01-01T01:00:00.000Z', 'timed-out', 1]]);
    }
  });

  it('does not go by for a run that never settles, and says which', async () => {
    @Injectable()
    class Stuck {
      @ScheduledJob({ every: '1h', id: 'stuck' })
      run(): Promise<void> {
        return new Promise(() => {});
      }
    }
    const { scheduler, clock } = await boot(Stuck);
    await scheduler.start();
    await expect(clock.advance('5h', { patienceMs: 10 })).rejects.toThrow(
      /Time stands at 2026-01-01T01:00.*the run of "stuck" for 2026-01-01T01:00:00.000Z \(attempt 1\).*patienceMs/s,
    );
    await clock.advance('5h', { patienceMs: 0 });
    expect((await runsOf(scheduler, 'stuck')).map(([, status]) => status)).toEqual([
      'running',
      ...Array<string>(5).fill('skipped'),
    ]);
  });

  it('is not advanced for ever by a job that is due every second', async () => {
    @Injectable()
    class Busy {
      @ScheduledJob('* * * * * *')
      run(): void {}
    }
    const { scheduler, clock } = await boot(Busy);
    await scheduler.start();
    await expect(clock.advance('365d', { mostWakes: 100 })).rejects.toThrow(
      /to 2027-01-01T00:00:00.000Z the clock has woken 100 sleepers, and it is only 2026-01-01T00:0.*mostWakes/s,
    );
  });

  it('goes by while the application is closed, as long as its shutdown takes', async () => {
    const ends: string[] = [];
    @Injectable()
    class Long {
      constructor(@Inject(SCHEDULER_CLOCK) private readonly clock: Clock) {}
      @ScheduledJob({ every: '1h', id: 'asleep' })
      async asleep({ signal }: JobContext): Promise<void> {
        await this.clock.sleep(86_400_000, signal);
        ends.push(`asleep: ${(signal.reason as Error).cause as string}`);
      }
      @ScheduledJob({ every: '1h', id: 'working' })
      async working(): Promise<void> {
        await realSleep(50);
        ends.push('working: done');
      }
      @ScheduledJob({ every: '1h', id: 'stuck' })
      stuck(): Promise<void> {
        return new Promise(() => {});
      }
    }
    const { scheduler, clock, close } = await boot(Long);
    await scheduler.start();
    await clock.advance('1h', { patienceMs: 0 });
    const before = clock.monotonicMs();
    await close();
    expect(ends.sort()).toEqual(['asleep: shutdown', 'working: done']);
    expect(scheduler.state).toBe('stopped');
    expect(clock.monotonicMs() - before).toBeLessThan(12_000);
  });

  it("goes by under a test's fake timers, too", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    @Injectable()
    class Jobs {
      @ScheduledJob({ every: '1h', id: 'jobs' })
      run(): void {}
    }
    const { scheduler, clock, close } = await boot(Jobs);
    await scheduler.start();
    using events = recordEvents(scheduler, ['execution.succeeded']);
    await clock.advance('3h');
    expect(events.events).toHaveLength(3);
    await close();
  });
});
