import type { ExecutionKind, JobExecutionEntity } from './job-execution.entity.js';
import type { JobState } from './job.entity.js';

/** What is pending or running. The same rules in SQL: `statements/offered`. */
type Some = Pick<JobExecutionEntity, 'status' | 'leaseEpoch' | 'kind'>;

/** It runs, or waits after a first claim: it has a place under `maxInstances`. */
export function isActive({ status, leaseEpoch }: Some): boolean {
  return status === 'running' || leaseEpoch > 0;
}

/** It waits for its first claim, and whoever comes later comes after it. */
export function isQueued(execution: Some): boolean {
  return !isActive(execution) && execution.kind !== 'backfill';
}

/** A backfill submitted it, and nobody has claimed it: it takes what place the others leave. */
export function isBackfilled(execution: Some): boolean {
  return !isActive(execution) && execution.kind === 'backfill';
}

/** What a schedule made waits while its job is paused or quarantined; what a person asked for does not. */
export function isHeld(kind: ExecutionKind, state: JobState): boolean {
  return kind === 'schedule' && state !== 'active' && state !== 'finished';
}
