import { Inject, Module, type DynamicModule, type OnModuleInit, type Provider } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';

import { systemClock } from '../clock/clock.js';
import { ApplicationDataSource } from './application-data-source.js';
import { SCHEDULER_CLOCK } from './scheduler.clock.js';
import { SchedulerExplorer } from './scheduler.explorer.js';
import { SchedulerLifecycle } from './scheduler.lifecycle.js';
import { SCHEDULER_OPTIONS, type SchedulerModuleOptions } from './scheduler.options.js';
import { SCHEDULER_OVERRIDES } from './scheduler.overrides.js';
import { Schedulers } from './scheduler.registry.js';
import { getSchedulerToken } from './scheduler.token.js';

/** What all schedulers of an application share. Nest makes one of it. */
@Module({
  imports: [DiscoveryModule],
  providers: [
    Schedulers,
    SchedulerExplorer,
    ApplicationDataSource,
    SchedulerLifecycle,
    { provide: SCHEDULER_CLOCK, useValue: systemClock },
    { provide: SCHEDULER_OVERRIDES, useValue: {} },
  ],
  exports: [Schedulers, SchedulerLifecycle, SCHEDULER_CLOCK],
})
export class SchedulersModule {}

/** One scheduler, for every module of the application. Global, so that its `onModuleInit` comes before all others. */
@Module({})
export class SchedulerCoreModule implements OnModuleInit {
  constructor(@Inject(SchedulerLifecycle) private readonly lifecycle: SchedulerLifecycle) {}

  static of(name: string, providers: Provider[], imports: DynamicModule['imports'] = []): DynamicModule {
    const service: Provider = {
      provide: getSchedulerToken(name),
      useFactory: (schedulers: Schedulers, options: SchedulerModuleOptions) => schedulers.serviceOf(name, options),
      inject: [Schedulers, SCHEDULER_OPTIONS],
    };
    return {
      module: SchedulerCoreModule,
      global: true,
      imports: [...imports, SchedulersModule],
      providers: [...providers, service],
      exports: [service.provide, SchedulersModule],
    };
  }

  onModuleInit(): void {
    this.lifecycle.prepare();
  }
}
