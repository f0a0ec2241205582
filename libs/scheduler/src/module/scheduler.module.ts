import {
  Inject,
  Module,
  type ConfigurableModuleAsyncOptions,
  type ConfigurableModuleOptionsFactory,
  type DynamicModule,
  type FactoryProvider,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type Provider,
} from '@nestjs/common';

import { SchedulerCoreModule } from './scheduler-core.module.js';
import { SchedulerLifecycle } from './scheduler.lifecycle.js';
import {
  DEFAULT_SCHEDULER,
  SCHEDULER_OPTIONS,
  SchedulerOptionsError,
  type SchedulerModuleOptions,
} from './scheduler.options.js';

/** `name`: what the scheduler is injected by, and declared for. @default 'default' */
interface Named {
  name?: string;
}
const FACTORY_METHOD = 'createSchedulerOptions';
type AsyncOptions = ConfigurableModuleAsyncOptions<SchedulerModuleOptions, typeof FACTORY_METHOD>;
type OptionsFactory = ConfigurableModuleOptionsFactory<SchedulerModuleOptions, typeof FACTORY_METHOD>;

/**
 * Scheduled jobs that live in PostgreSQL. It is global: import it once, in the root module, and decorate methods of any
 * provider or controller. Imported several times with the same name and options it is one scheduler; the same name with
 * other options, or two names on the same tables, fail the boot with `SchedulerOptionsError`.
 */
// Not global itself: global modules are destroyed last, and handlers need what the others have. What it exports is.
@Module({})
export class SchedulerModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(@Inject(SchedulerLifecycle) private readonly lifecycle: SchedulerLifecycle) {}

  static forRoot(options: SchedulerModuleOptions & Named = {}): DynamicModule {
    const { name = DEFAULT_SCHEDULER, ...rest } = options;
    const provider = { provide: SCHEDULER_OPTIONS, useValue: rest };
    return { module: SchedulerModule, imports: [SchedulerCoreModule.of(name, [provider])] };
  }

  /** The same, with options from `useFactory`, or from the method `createSchedulerOptions` of `useClass` or `useExisting`. */
  static forRootAsync(options: AsyncOptions & Named): DynamicModule {
    const { name = DEFAULT_SCHEDULER, imports = [], provideInjectionTokensFrom = [] } = options;
    const providers = [...provideInjectionTokensFrom, ...asyncProviders(options)];
    return { module: SchedulerModule, imports: [SchedulerCoreModule.of(name, providers, imports)] };
  }

  onApplicationBootstrap(): Promise<void> {
    return this.lifecycle.boot();
  }

  onModuleDestroy(): Promise<void> {
    return this.lifecycle.close();
  }
}

function asyncProviders({ useFactory, useClass, useExisting, inject = [] }: AsyncOptions): Provider[] {
  if (useFactory !== undefined) return [{ provide: SCHEDULER_OPTIONS, useFactory, inject }];
  const factory = useExisting ?? useClass;
  if (factory === undefined) {
    throw new SchedulerOptionsError(
      'SchedulerModule.forRootAsync: none of useFactory, useClass and useExisting is given. Give one of them.',
    );
  }
  const options: FactoryProvider = {
    provide: SCHEDULER_OPTIONS,
    useFactory: (source: OptionsFactory) => source[FACTORY_METHOD](),
    inject: [factory],
  };
  return useExisting === undefined ? [options, factory] : [options];
}
