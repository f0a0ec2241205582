import type { Random } from '../clock/backoff.js';
import type { SchedulerModuleOptions } from './scheduler.options.js';
import type { SchedulerService } from './scheduler.service.js';

/** What a test lays over every scheduler of an application, whatever `forRoot` and `forRootAsync` said. */
export interface SchedulerOverrides {
  /** Has the last word about the options of the scheduler of that name. @default what the module said */
  options?(name: string, said: SchedulerModuleOptions): SchedulerModuleOptions;
  /** Called with each scheduler when it is made, before the application is initialised. @default nothing */
  created?(scheduler: SchedulerService): void;
  /** In [0, 1): what jitter is drawn from. @default Math.random */
  random?: Random;
  /** The loop looks at least this often, in milliseconds, also when nothing says that something is due. @default 60_000 */
  peekEveryMs?: number;
}

/**
 * Injection token of the `SchedulerOverrides`; `quietScheduler` of `nestjs-vigil-testing` overrides it. To replace the
 * options as a whole, override `SCHEDULER_OPTIONS`.
 */
export const SCHEDULER_OVERRIDES: unique symbol = Symbol('SCHEDULER_OVERRIDES');
