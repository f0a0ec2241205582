import { AsyncLocalStorage } from 'node:async_hooks';

import { ConfigModule, ConfigService } from '@nestjs/config';
import { forwardRef, Inject, Injectable, Module, Scope, type DynamicModule } from '@nestjs/common';
import { LazyModuleLoader, NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import {
  InjectScheduler,
  JobContext,
  JobHandler,
  MemoryJobStore,
  OnSchedulerEvent,
  ScheduledJob,
  SchedulerModule,
  SchedulerService,
  type AroundJob,
  type SchedulerEvents,
} from 'nestjs-vigil';
import { recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, it, onTestFinished } from 'vitest';

import { boot, deferred, LogRecorder, resultOf } from './support.js';

const NEVER = '0 0 0 1 1 *';

describe('aroundJob', () => {
  interface Store {
    tenant: string;
    spans: string[];
  }
  const storage = new AsyncLocalStorage<Store>();

  /** Sees the store wherever it is called from, as a repository or a logger would. */
  @Injectable()
  class Tenant {
    get current(): string {
      return storage.getStore()?.tenant ?? 'none';
    }
  }
  @Injectable({ scope: Scope.REQUEST })
  class PerRun {
    readonly madeFor: string;
    constructor(@Inject(Tenant) tenant: Tenant) {
      this.madeFor = tenant.current;
    }
  }
  @Injectable()
  class Invoices {
    constructor(
      @Inject(Tenant) private readonly tenant: Tenant,
      @Inject(PerRun) private readonly perRun: PerRun,
    ) {}
    @JobHandler('invoice')
    async send(context: JobContext<{ tenant: string; fails?: boolean }>): Promise<string> {
      await new Promise(setImmediate);
      if (context.data.fails) throw new Error('no paper');
      return `${this.tenant.current}, made for ${this.perRun.madeFor}`;
    }
  }

  it('is the one place for tenant and tracing: handlers, what they call and what a run makes see its store', async () => {
    const spans: string[] = [];
    const aroundJob: AroundJob = (context, run) =>
      storage.run({ tenant: (context.data as { tenant: string }).tenant, spans }, async () => {
        spans.push(`${context.jobId} begins`);
        try {
          return await run();
        } catch (error) {
          spans.push(`${context.jobId} fails: ${(error as Error).message}`);
          throw error;
        } finally {
          spans.push(`${context.jobId} ends`);
        }
      });
    const booted = await boot({
      scheduler: { store: new MemoryJobStore(), aroundJob },
      providers: [Tenant, PerRun, Invoices],
    });
    for (const tenant of ['acme', 'zoo']) {
      await booted.scheduler.addJob({ id: tenant, handler: 'invoice', every: '1h', data: { tenant } });
    }
    const results = await Promise.all(['acme', 'zoo'].map((id) => resultOf(booted, id)));
    expect(results).toEqual(['acme, made for acme', 'zoo, made for zoo']);
    expect(storage.getStore()).toBeUndefined();
    using events = recordEvents(booted.scheduler, ['execution.failed']);
    await booted.scheduler.runJob('acme', { data: { tenant: 'acme', fails: true } });
    const { execution } = await events.waitFor('execution.failed');
    expect(execution.error?.message).toBe('no paper');
    expect(spans.slice(-3)).toEqual(['acme begins', 'acme fails: no paper', 'acme ends']);
  });

  it('may come from providers, by forRootAsync', async () => {
    @Injectable()
    class Tracing {
      readonly seen: string[] = [];
      readonly around: AroundJob = async (context, run) => {
        this.seen.push(context.jobId);
        return await run();
      };
    }
    @Module({ providers: [Tracing], exports: [Tracing] })
    class TracingModule {}
    const imported = SchedulerModule.forRootAsync({
      imports: [TracingModule],
      inject: [Tracing],
      useFactory: (tracing: Tracing) => ({ store: new MemoryJobStore(), aroundJob: tracing.around }),
    });
    @Injectable()
    class Jobs {
      @ScheduledJob(NEVER)
      run(): string {
        return 'ran';
      }
    }
    const booted = await boot({ scheduler: null, imports: [TracingModule, imported], providers: [Jobs] });
    expect(await resultOf(booted, 'Jobs.run')).toBe('ran');
    expect(booted.app.get(Tracing, { strict: false }).seen).toEqual(['Jobs.run']);
  });
});

describe('@OnSchedulerEvent', () => {
  it('hears the scheduler that it names, may be async, and neither what throws nor what hangs holds up the others', async () => {
    const heard: string[] = [];
    const all = deferred();
    const hear = (what: string): void => {
      heard.push(what);
      if (heard.length === 2) all.resolve();
    };
    @Injectable()
    class Alerts {
      @OnSchedulerEvent('execution.failed')
      hangs(): Promise<void> {
        return new Promise(() => {});
      }
      @OnSchedulerEvent('execution.failed')
      async rejects(): Promise<void> {
        await Promise.reject(new Error('no network', { cause: new Error('no such host') }));
      }
      @OnSchedulerEvent('execution.failed')
      async mine({ execution }: SchedulerEvents['execution.failed']): Promise<void> {
        await new Promise(setImmediate);
        hear(`mine: ${execution.jobId}`);
      }
      @OnSchedulerEvent('execution.failed', 'billing')
      theirs({ execution }: SchedulerEvents['execution.failed']): void {
        hear(`billing: ${execution.jobId}`);
      }
    }
    @Injectable()
    class Jobs {
      constructor(
        readonly scheduler: SchedulerService,
        @InjectScheduler('billing') readonly billing: SchedulerService,
      ) {}
      @ScheduledJob(NEVER)
      report(): void {
        throw new Error('empty');
      }
      @ScheduledJob(NEVER, { scheduler: 'billing' })
      charge(): void {
        throw new Error('no money');
      }
    }
    const billing = SchedulerModule.forRoot({ name: 'billing', store: new MemoryJobStore() });
    const { app, scheduler, logs } = await boot({ imports: [billing], providers: [Alerts, Jobs] });
    using events = recordEvents(scheduler, ['execution.failed']);
    const jobs = app.get(Jobs);
    await jobs.scheduler.runJob('Jobs.report');
    await events.waitFor('execution.failed');
    await jobs.billing.runJob('Jobs.charge');
    await all.promise;
    expect(heard.sort()).toEqual(['billing: Jobs.charge', 'mine: Jobs.report']);
    expect(logs.messages('warn').join()).toContain(
      'A listener of "execution.failed" failed: no network (no such host)',
    );
  });

  it('is found on what factories make and on inherited methods', async () => {
    const heard: string[] = [];
    class Base {
      @OnSchedulerEvent('job.paused')
      paused({ job }: SchedulerEvents['job.paused']): void {
        heard.push(`${this.constructor.name} ${job.id}`);
      }
    }
    @Injectable()
    class Heir extends Base {}
    class Made extends Base {}
    @Injectable()
    class Jobs {
      @ScheduledJob(NEVER, { id: 'x' })
      run(): void {}
    }
    const { scheduler } = await boot({
      providers: [Heir, Jobs, { provide: 'MADE', useFactory: () => new Made() }],
    });
    await scheduler.pauseJob('x');
    expect(heard.sort()).toEqual(['Heir x', 'Made x']);
  });
});

describe('Several schedulers of one application', () => {
  it('let the runs of all end when it closes, and each tells its lines under its name', async () => {
    const [started, end] = [[deferred(), deferred()], deferred()];
    const block = async (index: number): Promise<string> => {
      started[index]!.resolve();
      await end.promise;
      return 'done';
    };
    @Injectable()
    class Jobs {
      @ScheduledJob(NEVER)
      one(): Promise<string> {
        return block(0);
      }
      @ScheduledJob(NEVER, { scheduler: 'billing' })
      other(): Promise<string> {
        return block(1);
      }
    }
    const stores = [new MemoryJobStore(), new MemoryJobStore()] as const;
    const billing = SchedulerModule.forRoot({ name: 'billing', store: stores[1] });
    const { app, scheduler, logs } = await boot({
      scheduler: { store: stores[0] },
      imports: [billing],
      providers: [Jobs],
    });
    const other = app.get<SchedulerService>('SchedulerService:billing', { strict: false });
    using events = recordEvents(other, ['scheduler.state']);
    await scheduler.runJob('Jobs.one');
    await other.runJob('Jobs.other');
    await Promise.all(started.map(({ promise }) => promise));
    const closing = app.close();
    await events.waitFor('scheduler.state', ({ to }) => to === 'draining');
    end.resolve();
    await closing;
    for (const store of stores) {
      expect((await store.getExecutions({})).items).toMatchObject([{ execution: { status: 'succeeded' } }]);
    }
    const stopped = logs.lines.filter(({ message }) => message === 'Stopped.').map(({ context }) => context);
    expect(stopped.sort()).toEqual(['Scheduler', 'Scheduler:billing']);
  });
});

describe('Modules', () => {
  @Injectable()
  class Jobs {
    constructor(@Inject('WORD') private readonly word: string) {}
    @ScheduledJob(NEVER)
    run(): string {
      return this.word;
    }
  }
  @Module({})
  class Dynamic {
    static with(word: string): DynamicModule {
      return { module: Dynamic, providers: [Jobs, { provide: 'WORD', useValue: word }] };
    }
  }

  it('that are dynamic are explored, and what a test overrides is what runs', async () => {
    expect(await resultOf(await boot({ imports: [Dynamic.with('dynamic')] }), 'Jobs.run')).toBe('dynamic');
    const module = await Test.createTestingModule({
      imports: [SchedulerModule.forRoot({ store: new MemoryJobStore() }), Dynamic.with('real')],
    })
      .setLogger(new LogRecorder())
      .overrideProvider('WORD')
      .useValue('overridden')
      .compile();
    onTestFinished(() => module.close());
    await module.init();
    const scheduler = module.get(SchedulerService);
    expect(await resultOf({ scheduler }, 'Jobs.run')).toBe('overridden');
  });

  it('that import each other, and providers that need each other, have their jobs', async () => {
    @Injectable()
    class Left {
      constructor(@Inject(forwardRef(() => Right)) readonly right: { name: string }) {}
      @ScheduledJob(NEVER)
      run(): string {
        return this.right.name;
      }
    }
    @Injectable()
    class Right {
      readonly name = 'right';
      constructor(@Inject(forwardRef(() => Left)) readonly left: Left) {}
      @ScheduledJob(NEVER)
      run(): string {
        return this.left.right.name;
      }
    }
    @Module({ imports: [forwardRef(() => RightModule)], providers: [Left], exports: [Left] })
    class LeftModule {}
    @Module({ imports: [forwardRef(() => LeftModule)], providers: [Right], exports: [Right] })
    class RightModule {}
    const booted = await boot({ imports: [LeftModule] });
    expect([await resultOf(booted, 'Left.run'), await resultOf(booted, 'Right.run')]).toEqual(['right', 'right']);
  });

  it('that are loaded lazily are too late: their jobs are not declared, and addJob says why', async () => {
    @Injectable()
    class Late {
      @JobHandler('late')
      run(): void {}
      @ScheduledJob(NEVER)
      scheduled(): void {}
    }
    @Module({ providers: [Late] })
    class LateModule {}
    const { app, scheduler } = await boot({});
    const loaded = await app.get(LazyModuleLoader, { strict: false }).load(() => LateModule);
    expect(loaded.get(Late)).toBeInstanceOf(Late);
    expect((await scheduler.getJobs()).items).toEqual([]);
    await expect(scheduler.addJob({ handler: [Late, 'run'] })).rejects.toThrow(
      /Late\.run is not a handler of a provider that was there at the boot/,
    );
  });
});

describe('An application', () => {
  const options = (store: MemoryJobStore): DynamicModule =>
    SchedulerModule.forRootAsync({
      imports: [
        ConfigModule.forRoot({ ignoreEnvFile: true, ignoreEnvVars: true, load: [() => ({ ZONE: 'Asia/Tokyo' })] }),
      ],
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({ store, timeZone: config.getOrThrow<string>('ZONE') }),
    });

  it('without HTTP runs jobs, and booted again in one process it goes on with the same jobs', async () => {
    const store = new MemoryJobStore();
    const runs: number[] = [];
    const version = (generation: number): new () => object => {
      @Injectable()
      class Jobs {
        @ScheduledJob('0 30 9 * * *')
        run(): void {
          runs.push(generation);
        }
      }
      return Jobs;
    };
    for (const generation of [1, 2, 3]) {
      @Module({ imports: [options(store)], providers: [version(generation)] })
      class App {}
      const app = await NestFactory.createApplicationContext(App, { logger: false });
      const scheduler = app.get(SchedulerService);
      using events = recordEvents(scheduler, ['execution.succeeded']);
      await scheduler.runJob('Jobs.run');
      await events.waitFor('execution.succeeded');
      expect(await scheduler.getJob('Jobs.run')).toMatchObject({ version: 1 });
      expect((await scheduler.getJob('Jobs.run'))!.nextRunAt!.toISOString()).toMatch(/T00:30:00/);
      await app.close();
      expect(scheduler.state).toBe('stopped');
    }
    expect(runs).toEqual([1, 2, 3]);
  });
});
