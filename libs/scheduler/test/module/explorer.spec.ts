import { Controller, Injectable, Module, Scope } from '@nestjs/common';
import { JobHandler, MemoryJobStore, OnSchedulerEvent, ScheduledJob, SchedulerModule } from 'nestjs-vigil';
import { describe, expect, it } from 'vitest';

import { boot, initialise, resultOf, type Booted } from './support.js';

const NEVER = '0 0 0 1 1 *';

async function jobIds({ scheduler }: Booted): Promise<string[]> {
  return (await scheduler.getJobs()).items.map(({ id }) => id);
}

describe('Providers and controllers', () => {
  @Injectable()
  class Report {
    readonly name = 'report';
    @ScheduledJob(NEVER)
    run(): string {
      return this.name;
    }
    @ScheduledJob(NEVER)
    protected hidden(): string {
      return `${this.name}, protected`;
    }
    @ScheduledJob(NEVER)
    // @ts-expect-error nobody calls it but the scheduler
    private secret(): string {
      return `${this.name}, private`;
    }
  }

  it('finds public, protected and private methods, and calls them on the instance', async () => {
    const booted = await boot({ providers: [Report] });

    expect(await jobIds(booted)).toEqual(['Report.hidden', 'Report.run', 'Report.secret']);
    expect(await resultOf(booted, 'Report.run')).toBe('report');
    expect(await resultOf(booted, 'Report.hidden')).toBe('report, protected');
    expect(await resultOf(booted, 'Report.secret')).toBe('report, private');
  });

  it('finds methods of controllers', async () => {
    @Controller()
    class Front {
      @ScheduledJob(NEVER)
      clean(): string {
        return 'cleaned';
      }
    }
    expect(await resultOf(await boot({ controllers: [Front] }), 'Front.clean')).toBe('cleaned');
  });

  it('finds methods of values and of what factories make', async () => {
    @Injectable()
    class Made extends Report {}
    const booted = await boot({
      providers: [
        { provide: 'VALUE', useValue: new Report() },
        { provide: 'MADE', useFactory: () => Promise.resolve(new Made()) },
      ],
    });

    expect(await resultOf(booted, 'Report.run')).toBe('report');
    expect(await resultOf(booted, 'Made.run')).toBe('report');
  });

  it('is not disturbed by values of any kind', async () => {
    const values = [null, 3, 'text', () => {}, Object.create(null), Symbol('s'), new Map(), [1]];
    const providers = values.map((useValue: unknown, index) => ({ provide: `VALUE_${index}`, useValue }));

    expect(await jobIds(await boot({ providers: [...providers, Report] }))).toHaveLength(3);
  });

  it('declares the job of a provider with an alias once', async () => {
    @Injectable({ scope: Scope.TRANSIENT })
    class Fleeting {
      @ScheduledJob(NEVER)
      run(): void {}
    }
    const aliases = [Report, Fleeting].map((useExisting) => ({ provide: `${useExisting.name} alias`, useExisting }));
    const booted = await boot({ providers: [Report, Fleeting, ...aliases] });

    expect(await jobIds(booted)).toHaveLength(4);
    expect(booted.logs.messages('warn')).toEqual([]);
  });

  it('declares jobs once, however often the module is imported', async () => {
    const store = new MemoryJobStore();
    @Module({ imports: [SchedulerModule.forRoot({ store })], providers: [Report] })
    class Feature {}
    const booted = await boot({ scheduler: { store }, imports: [Feature, SchedulerModule.forRoot({ store })] });

    expect(await jobIds(booted)).toHaveLength(3);
    expect(booted.logs.messages('warn')).toEqual([]);
  });

  it('runs a job on the first of two instances of a class, and warns with the names of their modules', async () => {
    let instances = 0;
    @Injectable()
    class Twice {
      readonly number = (instances += 1);
      @ScheduledJob(NEVER)
      run(): number {
        return this.number;
      }
    }
    @Module({ providers: [Twice] })
    class First {}
    @Module({ providers: [Twice] })
    class Second {}
    const booted = await boot({ imports: [First, Second] });

    expect(instances).toBe(2);
    expect(await jobIds(booted)).toEqual(['Twice.run']);
    expect(await resultOf(booted, 'Twice.run')).toBe(booted.app.select(First).get(Twice, { strict: true }).number);
    expect(booted.logs.messages('warn')).toEqual([
      expect.stringMatching(/two instances of Twice: in First and in Second.*run on the one in First/s),
    ]);
  });
});

describe('Inheritance', () => {
  @Injectable()
  class Base {
    @ScheduledJob(NEVER)
    run(): string {
      return `run of ${this.constructor.name}`;
    }
  }

  it('declares an inherited method under the name of the provider, beside that of the base class', async () => {
    @Injectable()
    class Sub extends Base {}
    const booted = await boot({ providers: [Base, Sub] });

    expect(await jobIds(booted)).toEqual(['Base.run', 'Sub.run']);
    expect(await resultOf(booted, 'Sub.run')).toBe('run of Sub');
  });

  it('drops the job of an override that is not decorated again, and warns with its name', async () => {
    @Injectable()
    class Forgetful extends Base {
      override run(): string {
        return 'overridden';
      }
    }
    const booted = await boot({ providers: [Forgetful] });

    expect(await jobIds(booted)).toEqual([]);
    expect(booted.logs.messages('warn')).toEqual([expect.stringMatching(/^Forgetful\.run overrides Base\.run/)]);
  });

  it('takes the decorator of an override in place of the one it overrides', async () => {
    @Injectable()
    class Careful extends Base {
      @ScheduledJob(NEVER, { id: 'careful' })
      override run(): string {
        return 'overridden';
      }
    }
    const booted = await boot({ providers: [Careful] });

    expect(await jobIds(booted)).toEqual(['careful']);
    expect(await resultOf(booted, 'careful')).toBe('overridden');
    expect(booted.logs.messages('warn')).toEqual([]);
  });

  it('keeps a decorator on a method that another decorator has replaced', async () => {
    function Shouting(_: object, __: string, descriptor: TypedPropertyDescriptor<() => string>): void {
      const original = descriptor.value!;
      descriptor.value = function (this: object): string {
        return original.call(this).toUpperCase();
      };
    }
    @Injectable()
    class Wrapped {
      @Shouting
      @ScheduledJob(NEVER)
      run(): string {
        return 'loud';
      }
    }
    expect(await resultOf(await boot({ providers: [Wrapped] }), 'Wrapped.run')).toBe('LOUD');
  });
});

describe('Listeners', () => {
  it('calls @OnSchedulerEvent methods, and goes on when one throws', async () => {
    const heard: string[] = [];
    @Injectable()
    class Listener {
      @OnSchedulerEvent('job.paused')
      first(): void {
        throw new Error('broken listener');
      }
      @OnSchedulerEvent('job.paused')
      @OnSchedulerEvent('job.resumed')
      second({ job }: { job: { id: string; state: string } }): void {
        heard.push(`${job.id} ${job.state}`);
      }
      @JobHandler('noop')
      noop(): void {}
    }
    const { scheduler, logs } = await boot({ providers: [Listener] });
    await scheduler.addJob({ id: 'x', handler: 'noop', every: '1h' });
    await scheduler.pauseJob('x');
    await scheduler.resumeJob('x');

    expect(heard).toEqual(['x paused', 'x active']);
    expect(logs.messages('warn').join()).toMatch(/listener of "job.paused" failed: broken listener/);
  });

  it('fails the boot for a listener on a request-scoped provider', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Scoped {
      @OnSchedulerEvent('job.paused')
      heard(): void {}
    }
    await expect(boot({ providers: [Scoped] })).rejects.toThrow(/Scoped\.heard.*request-scoped or transient/);
  });
});

describe('Several schedulers', () => {
  it('gives each scheduler its own jobs', async () => {
    @Injectable()
    class Jobs {
      @ScheduledJob(NEVER)
      mine(): void {}
      @ScheduledJob(NEVER, { scheduler: 'billing' })
      billing(): void {}
    }
    const billing = SchedulerModule.forRoot({ name: 'billing', store: new MemoryJobStore() });
    const booted = await boot({ imports: [billing], providers: [Jobs] });
    const other = booted.app.get('SchedulerService:billing', { strict: false }) as Booted['scheduler'];

    expect(await jobIds(booted)).toEqual(['Jobs.mine']);
    expect((await other.getJobs()).items.map(({ id }) => id)).toEqual(['Jobs.billing']);
  });

  it('fails the boot for a scheduler that nobody imports', async () => {
    @Injectable()
    class Lost {
      @ScheduledJob(NEVER, { scheduler: 'biling' })
      run(): void {}
    }
    await expect(boot({ providers: [Lost] })).rejects.toThrow(
      /Lost\.run names the scheduler "biling".*Schedulers: default/s,
    );
  });

  it('works without a default scheduler', async () => {
    @Injectable()
    class Named {
      @ScheduledJob(NEVER, { scheduler: 'only' })
      run(): void {}
    }
    const only = SchedulerModule.forRoot({ name: 'only', store: new MemoryJobStore() });
    const app = await initialise({ scheduler: null, imports: [only], providers: [Named] });

    expect(app.get<Booted['scheduler']>('SchedulerService:only').name).toBe('only');
  });
});
