// The only public door, grouped by floor.

// triggers
export { cron } from './triggers/cron.trigger.js';
export { every } from './triggers/interval.trigger.js';
export { at } from './triggers/date.trigger.js';
export { parseTrigger } from './triggers/trigger-spec.js';
export { InvalidTriggerError, type DstRule, type Duration, type Trigger } from './triggers/trigger.js';

// clock
export { systemClock, type Clock } from './clock/clock.js';

// store
export type * from './store/job-store.js';
export * from './store/errors.js';
export { MemoryJobStore } from './store/memory-job.store.js';

// engine
export * from './engine/job-context.js';
export { InvalidJobError, type JobPolicies, type JobSettings } from './engine/job-settings.js';
export type { ExecutionInfo, JobInfo } from './engine/info.js';
export type { SchedulerEvents, SchedulerState } from './engine/engine-events.js';
export type { SchedulerHealth } from './engine/scheduler-engine.js';
