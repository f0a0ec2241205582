import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { Inject, Injectable, Module, Scope, type Type } from '@nestjs/common';
import { ContextIdFactory, REQUEST, type ContextId, type HostComponentInfo } from '@nestjs/core';
import { JobContext, ScheduledJob } from 'nestjs-vigil';
import { recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, it, onTestFinished } from 'vitest';

import { SchedulerExplorer } from '../../src/module/scheduler.explorer.js';
import { boot, deferred, resultOf } from './support.js';

const NEVER = '0 0 0 1 1 *';

describe('Scopes', () => {
  let made: string[] = [];

  @Injectable({ scope: Scope.REQUEST })
  class PerRun {
    constructor(@Inject(REQUEST) private readonly context: JobContext) {
      made.push(this.context.executionId);
    }
    @ScheduledJob(NEVER)
    run(context: JobContext): boolean {
      return context === this.context;
    }
  }

  it('makes a new instance of a request-scoped provider for each run, with the JobContext as its REQUEST', async () => {
    made = [];
    const booted = await boot({ providers: [PerRun] });

    expect(await resultOf(booted, 'PerRun.run')).toBe(true);
    expect(await resultOf(booted, 'PerRun.run')).toBe(true);
    expect(new Set(made).size).toBe(2);
  });

  it('does the same for a provider that only depends on a request-scoped one', async () => {
    made = [];
    @Injectable()
    class Dependent {
      constructor(@Inject(PerRun) private readonly perRun: PerRun) {}
      @ScheduledJob(NEVER)
      run(context: JobContext): boolean {
        return this.perRun.run(context);
      }
    }
    expect(await resultOf(await boot({ providers: [PerRun, Dependent] }), 'Dependent.run')).toBe(true);
  });

  it('asks the module of the provider, whatever another module knows by the same token', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Tenant {
      constructor(@Inject('TENANT') private readonly tenant: string) {}
      @ScheduledJob(NEVER)
      run(): string {
        return this.tenant;
      }
    }
    const moduleWith = (useValue: string, providers: Type[]): Type => {
      @Module({ providers: [{ provide: 'TENANT', useValue }, ...providers] })
      class TenantModule {}
      return TenantModule;
    };
    @Injectable({ scope: Scope.REQUEST })
    class Other {}
    const other = { provide: Tenant, useClass: Other };
    @Module({ providers: [other] })
    class OtherModule {}
    const booted = await boot({ imports: [moduleWith('mine', [Tenant]), OtherModule] });

    expect(await resultOf(booted, 'Tenant.run')).toBe('mine');
  });

  it('makes a new instance of a transient provider for each run', async () => {
    let instances = 0;
    @Injectable({ scope: Scope.TRANSIENT })
    class Fleeting {
      readonly number = (instances += 1);
      @ScheduledJob(NEVER)
      run(): number {
        return this.number;
      }
    }
    const booted = await boot({ providers: [Fleeting] });

    const first = await resultOf(booted, 'Fleeting.run');
    expect(await resultOf(booted, 'Fleeting.run')).toBe(Number(first) + 1);
  });

  it('fails the run, and nothing else, when the instance cannot be made', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Broken {
      constructor() {
        throw new Error('no instance today');
      }
      @ScheduledJob(NEVER)
      run(): void {}
    }
    const { scheduler } = await boot({ providers: [Broken] });
    using events = recordEvents(scheduler, ['execution.failed']);
    await scheduler.runJob('Broken.run');

    const { execution } = await events.waitFor('execution.failed');
    expect(execution.error?.message).toBe('no instance today');
    expect(scheduler.state).toBe('running');
  });

  it('does not begin a run that was cancelled while its instance was made', async () => {
    const made = deferred<string>();
    const asked = deferred();
    const pool = {
      provide: 'POOL',
      scope: Scope.REQUEST,
      useFactory: async () => (asked.resolve(), await made.promise),
    };
    let runs = 0;
    @Injectable({ scope: Scope.REQUEST })
    class Slow {
      constructor(@Inject('POOL') readonly pool: string) {}
      @ScheduledJob(NEVER)
      run(): void {
        runs += 1;
      }
    }
    const { scheduler } = await boot({ providers: [pool, Slow] });
    using events = recordEvents(scheduler, ['execution.cancelled']);
    const { id } = await scheduler.runJob('Slow.run');
    await asked.promise;
    await scheduler.cancelExecution(id);
    made.resolve('made');
    await events.waitFor('execution.cancelled');
    expect(runs).toBe(0);
  });

  it('gives everything that one run makes the same REQUEST', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Unit {
      constructor(@Inject(REQUEST) readonly context: JobContext) {}
    }
    @Injectable()
    class Repository {
      constructor(@Inject(Unit) readonly unit: Unit) {}
    }
    @Injectable()
    class Nested {
      constructor(
        @Inject(Unit) private readonly unit: Unit,
        @Inject(Repository) private readonly repository: Repository,
      ) {}
      @ScheduledJob(NEVER)
      run(context: JobContext): boolean {
        return this.unit === this.repository.unit && this.unit.context === context;
      }
    }
    expect(await resultOf(await boot({ providers: [Unit, Repository, Nested] }), 'Nested.run')).toBe(true);
  });

  it('keeps nothing of a run that is over', async () => {
    const instances: WeakRef<object>[] = [];
    @Injectable({ scope: Scope.REQUEST })
    class Unit {
      readonly load = Array.from({ length: 1_000 }, () => 0);
      constructor(@Inject(REQUEST) readonly context: JobContext) {
        instances.push(new WeakRef(this));
      }
    }
    @Injectable()
    class Heavy {
      constructor(@Inject(Unit) private readonly unit: Unit) {}
      @ScheduledJob(NEVER)
      run(): number {
        return this.unit.load.length;
      }
    }
    const { app } = await boot({ providers: [Unit, Heavy] });
    const [method] = app.get(SchedulerExplorer, { strict: false }).explore();
    for (let run = 0; run < 1_000; run += 1) await method!.call({ executionId: String(run) });
    expect(instances).toHaveLength(1_000);
    // a WeakRef keeps its target until the event loop turns
    await new Promise(setImmediate);
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    expect(instances.filter((each) => each.deref() !== undefined).length).toBeLessThan(50);
  });
});

describe('Durable providers', () => {
  /** One sub-tree for each tenant, as the documentation of NestJS has it. */
  function byTenant(tenantOf: (request: unknown) => string): void {
    const tenants = new Map<string, ContextId>();
    ContextIdFactory.apply({
      attach(contextId: ContextId, request: unknown) {
        const tenant = tenantOf(request);
        const subTree = tenants.get(tenant) ?? ContextIdFactory.create();
        tenants.set(tenant, subTree);
        return {
          resolve: (info: HostComponentInfo) => (info.isTreeDurable ? subTree : contextId),
          payload: { tenant },
        };
      },
    });
    onTestFinished(() => ContextIdFactory.apply(undefined as never));
  }
  const tenantOf = (request: unknown): string =>
    request instanceof JobContext ? (request as JobContext<{ tenant: string }>).data.tenant : 'http';

  let made: string[] = [];
  @Injectable({ scope: Scope.REQUEST, durable: true })
  class Connection {
    readonly tenant: string;
    constructor(@Inject(REQUEST) payload: { tenant: string }) {
      this.tenant = payload.tenant;
      made.push(this.tenant);
    }
  }
  @Injectable()
  class Durable {
    runs = 0;
    constructor(@Inject(Connection) private readonly connection: Connection) {}
    @ScheduledJob({ id: 'a', cron: NEVER, data: { tenant: 'a' } })
    @ScheduledJob({ id: 'b', cron: NEVER, data: { tenant: 'b' } })
    run(context: JobContext<{ tenant: 'a' | 'b' }>): string {
      this.runs += 1;
      return `${context.data.tenant} on ${this.connection.tenant}, run ${this.runs}`;
    }
  }
  @Injectable({ scope: Scope.REQUEST })
  class Mixed {
    constructor(
      @Inject(Connection) private readonly connection: Connection,
      @Inject(REQUEST) private readonly request: unknown,
    ) {}
    @ScheduledJob({ id: 'mixed', cron: NEVER, data: { tenant: 'a' } })
    run(context: JobContext<{ tenant: string }>): unknown[] {
      return [this.connection.tenant, this.request === context];
    }
  }

  it('are made once for each tenant that the strategy finds in the job, with its payload as their REQUEST', async () => {
    made = [];
    byTenant(tenantOf);
    const booted = await boot({ providers: [Connection, Durable, Mixed] });
    expect(await resultOf(booted, 'a')).toBe('a on a, run 1');
    expect(await resultOf(booted, 'b')).toBe('b on b, run 1');
    expect(await resultOf(booted, 'a')).toBe('a on a, run 2');
    expect(await resultOf(booted, 'mixed')).toEqual(['a', true]);
    expect(made).toEqual(['a', 'b']);
  });

  it('are as request-scoped ones without a strategy: one for each run, with the job as its REQUEST', async () => {
    @Injectable({ scope: Scope.REQUEST, durable: true })
    class Own {
      constructor(@Inject(REQUEST) private readonly request: unknown) {}
      @ScheduledJob(NEVER)
      run(context: JobContext): boolean {
        return this.request === context;
      }
    }
    const booted = await boot({ providers: [Own] });
    expect(await resultOf(booted, 'Own.run')).toBe(true);
    expect(await resultOf(booted, 'Own.run')).toBe(true);
  });

  it('fail the run, and say what to change, when the strategy knows nothing but requests over HTTP', async () => {
    byTenant((request) => (request as { headers: Record<string, string> }).headers['x-tenant']!);
    const { scheduler } = await boot({ providers: [Connection, Durable] });
    using events = recordEvents(scheduler, ['execution.failed']);
    await scheduler.runJob('a');
    const { execution } = await events.waitFor('execution.failed');
    expect(execution.error?.message).toMatch(
      /ContextIdStrategy failed for a job: Cannot read .*x-tenant.*request instanceof JobContext/,
    );
  });
});
