import { Inject, Injectable, Module, Scope, type Type } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { JobContext, ScheduledJob } from 'nestjs-vigil';
import { recordEvents } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import { boot, resultOf } from './support.js';

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
});
