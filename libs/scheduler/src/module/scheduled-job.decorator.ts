import { Inject, type InjectionToken } from '@nestjs/common';

import type { SchedulerEvents } from '../engine/engine-events.js';
import type { JobContext } from '../engine/job-context.js';
import type { JobSettings } from '../engine/job-settings.js';
import { declareMethod, type JobDeclaration } from './declared-methods.js';
import type { JsonSafe, Mutable } from './handler-method.js';
import type { Bounds, CronFields, Recurrence } from './job-timing.js';
import { DEFAULT_SCHEDULER } from './scheduler.options.js';
import { getSchedulerToken } from './scheduler.token.js';
import type { TransactionalJobContext } from './transactional-job-context.js';

interface Declared {
  /**
   * What the job's row is known by. Set it, or renaming the class or the method makes another job.
   * Required from the second `@ScheduledJob` of a method on. @default 'Class.method'
   */
  id?: string;
  /** The `name` of the scheduler that runs it. @default 'default' */
  scheduler?: string;
}
interface Extras<D> {
  /** What every run gets as `context.data`; JSON. @default undefined */
  data?: D & JsonSafe<D>;
  /** This process does not declare the job, hence never claims it. A row that is there already stays. @default false */
  disabled?: boolean;
}
type Definition<D> = Recurrence & JobSettings & Extras<D>;
type Deps<I extends readonly InjectionToken[]> = {
  // oxlint-disable-next-line typescript/no-explicit-any -- nobody knows what a string or a symbol stands for
  -readonly [P in keyof I]: I[P] extends abstract new (...args: never[]) => infer T ? T : any;
};
/** `strictFunctionTypes` does the rest: a method whose context wants other data, or a manager it will not get, does not compile. */
type JobMethod<D, T> = (
  context: T extends true ? TransactionalJobContext<Mutable<D>> : JobContext<Mutable<D>>,
) => unknown;
interface Tx<T> {
  /**
   * The method gets a `TransactionalJobContext`: what it writes with `context.manager` is committed together with the end of
   * the run, so that it is there exactly once. @default false
   */
  transactional?: T;
}
type Decorates<D, T> = <M extends JobMethod<D, T>>(
  prototype: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
) => void;

/**
 * Runs the method on a schedule: each fire once per cluster, and recorded. The job's row is written when the scheduler
 * starts; a deploy that does not change the schedule keeps its next run.
 * The boot fails with `InvalidJobError` or `InvalidTriggerError` when the options cannot work.
 * @param cron 5 or 6 fields (seconds first), or a nickname such as '@daily'
 */
export function ScheduledJob<const D = undefined, const T extends boolean = false>(
  cron: string,
  options?: Declared & Bounds & CronFields & JobSettings & Extras<D> & Tx<T>,
): Decorates<D, T>;
/** The same, from what providers know: `useFactory` is called once, at boot, after every `onModuleInit`. */
export function ScheduledJob<
  const I extends readonly InjectionToken[],
  const D = undefined,
  const T extends boolean = false,
>(
  options: Declared & Tx<T> & { inject: I; useFactory: (...deps: Deps<I>) => Definition<D> | Promise<Definition<D>> },
): Decorates<D, T>;
/** The same, with one of `cron`, `every` and `trigger`. */
export function ScheduledJob<const D = undefined, const T extends boolean = false>(
  options: Declared & Definition<D> & Tx<T>,
): Decorates<D, T>;
export function ScheduledJob(schedule: string | object, options: object = {}): Decorates<never, true> {
  const declaration = typeof schedule === 'string' ? { ...options, cron: schedule } : schedule;
  return (prototype, method) => declareMethod('ScheduledJob', prototype, method, 'jobs', declaration as JobDeclaration);
}

/**
 * Makes the method a handler for jobs that are added at run time: it has no schedule of its own, and no row.
 * `key` is what rows store: set it, or renaming the class strands them. @default 'Class.method'
 * Settings given here are what every job of the handler starts from.
 */
export function JobHandler<const T extends boolean = false>(
  options: string | (JobSettings & Tx<T> & { key?: string; scheduler?: string }) = {},
): Decorates<never, T> {
  const declaration = typeof options === 'string' ? { key: options } : options;
  return (prototype, method) => declareMethod('JobHandler', prototype, method, 'handlers', declaration);
}

/**
 * Calls the method at each such event on this node. What it throws is logged and changes nothing.
 * Its provider must not be request-scoped or transient: the boot fails otherwise.
 * @param scheduler the scheduler's `name`; default 'default'
 */
export function OnSchedulerEvent<E extends keyof SchedulerEvents>(
  event: E,
  scheduler: string = DEFAULT_SCHEDULER,
): <M extends (event: SchedulerEvents[E]) => unknown>(
  prototype: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
) => void {
  return (prototype, method) => declareMethod('OnSchedulerEvent', prototype, method, 'listeners', { event, scheduler });
}

/** Injects the `SchedulerService` of the scheduler with that `name`. @param name default 'default' */
export function InjectScheduler(name: string = DEFAULT_SCHEDULER): ParameterDecorator {
  return Inject(getSchedulerToken(name)) as ParameterDecorator;
}
