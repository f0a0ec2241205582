// The only public door, grouped by floor.

// triggers
export { cron, type CronOptions } from './triggers/cron.trigger.js';
export { every, type IntervalOptions } from './triggers/interval.trigger.js';
export { at } from './triggers/date.trigger.js';
export { CronExpression } from './triggers/named-expressions.js';
export { calendar, type CalendarInterval, type CalendarOptions } from './triggers/calendar.trigger.js';
export { days, type DaysOptions, type Weekday } from './triggers/days.trigger.js';
export { allOf, anyOf, except } from './triggers/combined.trigger.js';
export type { NextRun } from './triggers/next-runs.js';
export { parseTrigger } from './triggers/trigger-spec.js';
export { durationMs } from './triggers/duration.js';
export { InvalidTriggerError, type DstRule, type Duration, type Trigger } from './triggers/trigger.js';

// clock
export { systemClock, type Clock } from './clock/clock.js';

// store: what callers see, and the port with all it needs, for a store of your own
export type { Backoff, JobEntity, JobState, MisfirePolicy, NodeLossPolicy } from './store/job.entity.js';
export type { OverlapPolicy, RetryPolicy } from './store/job.entity.js';
export type {
  ErrorRecord,
  ExecutionKind,
  ExecutionStatus,
  JobExecutionEntity,
  ProgressRecord,
} from './store/job-execution.entity.js';
export type * from './store/job-store.js';
export type * from './store/handler-transactions.js';
export * from './store/errors.js';
export { MemoryJobStore } from './store/memory-job.store.js';
export { TypeOrmJobStore } from './store/typeorm-job.store.js';
export type { TypeOrmJobStoreOptions } from './store/store-options.js';

// engine
export * from './engine/job-context.js';
export type { AroundJob } from './engine/around-job.js';
export type { Logger } from './engine/engine-logger.js';
export { InvalidJobError, type JobPolicies, type JobSettings } from './engine/job-settings.js';
export type { Explanation } from './engine/explain-job.js';
export type { ExecutionInfo, JobInfo } from './engine/info.js';
export type { SchedulerEvents, SchedulerState } from './engine/engine-events.js';
export type { SchedulerHealth } from './engine/engine-options.js';

// module
export { SchedulerModule } from './module/scheduler.module.js';
export { SCHEDULER_OPTIONS, SchedulerOptionsError, type SchedulerModuleOptions } from './module/scheduler.options.js';
export { TransactionalJobContext } from './module/transactional-job-context.js';
export { InjectScheduler, JobHandler, OnSchedulerEvent, ScheduledJob } from './module/scheduled-job.decorator.js';
export { SchedulerService } from './module/scheduler.service.js';
export { SchedulerNotStartedError } from './module/scheduler.runtime.js';
export { SCHEDULER_OVERRIDES, type SchedulerOverrides } from './module/scheduler.overrides.js';
export { SCHEDULER_CLOCK } from './module/scheduler.clock.js';
export { getSchedulerToken } from './module/scheduler.token.js';
export type { DataOf, HandlerMethod, JsonSafe } from './module/handler-method.js';
export type { Once, Recurrence } from './module/job-timing.js';
export type { JobToAdd, NewJob } from './module/calls/job-to-add.js';
export type { ExportedJob, JobsExport } from './module/calls/export-jobs.js';
export type { JobChanges } from './module/calls/modify-job.js';
