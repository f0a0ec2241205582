import { BackfillConflictError, ExecutionConflictError } from './errors.js';
import { type ErrorRecord, JobExecutionEntity } from './job-execution.entity.js';
import type { JobEntity } from './job.entity.js';
import type { NewExecution, NewManualExecution, NewRetry } from './job-store.js';

/** Whoever claims what a pass records as running. */
export interface ExecutionClaim {
  incarnation: string;
  nodeName: string;
}

/** A run that took down this many processes is given up, whatever its retry policy says. */
export const MAX_CRASHES = 3;

/** The error of an attempt that was taken over. It tells such an attempt from one whose owner wrote its outcome. */
export const NODE_LOST: ErrorRecord = {
  name: 'NodeLostError',
  message: 'The lease of the node that ran this attempt was over and its beat stood still.',
};

/** Why a run is not offered again. */
export const JOB_REMOVED = 'its job was removed';

/** Why what waited is cancelled: by the removal of its job, and by the audit where nobody removed it. */
export const CANCELLED_WITH_JOB = 'the job was removed';
export const JOB_GONE = 'its job is gone';

/** Why what waited has ended by itself. */
export const EXPIRED = 'it could not be started before its expires_at';

/** Why a run is abandoned whose job does not want it to run again. */
export const ABANDONED_REASON = "its node died while it ran (onNodeLoss: 'abandon')";

/** The whole row of a new execution. What the record does not say is its job's at this moment. */
export function newExecutionRow(
  job: JobEntity,
  record: NewExecution,
  claim: ExecutionClaim | null,
  now: Date,
): JobExecutionEntity {
  const isClaimed = record.status === 'running';
  const isOver = record.status === 'missed' || record.status === 'skipped';
  return Object.assign(new JobExecutionEntity(), {
    id: record.id,
    jobId: job.id,
    jobUid: job.uid,
    capability: job.capability,
    kind: record.kind,
    batchId: null,
    retryOf: null,
    scheduledAt: record.scheduledAt,
    untilAt: record.untilAt,
    instantCount: record.instantCount,
    isCatchUp: record.isCatchUp,
    status: record.status,
    reason: record.reason,
    attempt: isClaimed ? 1 : 0,
    maxAttempts: job.retry.maxAttempts,
    crashes: 0,
    maxCrashes: MAX_CRASHES,
    onNodeLoss: job.onNodeLoss,
    leaseEpoch: isClaimed ? 1 : 0,
    owner: isClaimed ? (claim?.incarnation ?? null) : null,
    nodeName: isClaimed ? (claim?.nodeName ?? null) : null,
    priority: job.priority,
    availableAt: now,
    expiresAt: null,
    cancelRequestedAt: null,
    startedAt: isClaimed ? now : null,
    claimedAt: isClaimed ? now : null,
    finishedAt: isOver ? now : null,
    durationMs: null,
    error: null,
    result: null,
    progress: null,
    logs: [],
    data: job.data ?? null,
    uncounted: false,
  } satisfies { [K in keyof Required<JobExecutionEntity>]: JobExecutionEntity[K] });
}

/** What a person asked to be run now. */
export function newManualRow(job: JobEntity, { id, data, reason }: NewManualExecution, now: Date): JobExecutionEntity {
  const record = { id, jobUid: job.uid, reason, untilAt: null, instantCount: 1 } as const;
  const given = { ...record, kind: 'manual', status: 'pending', scheduledAt: now, isCatchUp: false } as const;
  const row = newExecutionRow(job, given, null, now);
  return Object.assign(row, data ? { data: data.value ?? null } : {});
}

/** What a person asked to be run again, as the plan said. */
export function newRetryRow(
  job: JobEntity,
  retried: JobExecutionEntity,
  { id, reason, scheduledAt, isCatchUp }: Pick<NewRetry, 'id' | 'reason'> & ReturnType<NewRetry['plan']>,
  now: Date,
): JobExecutionEntity {
  const row = newManualRow(job, { id, reason, data: { value: retried.data } }, now);
  return Object.assign(row, { retryOf: retried.id, scheduledAt, isCatchUp });
}

/** What a person asked to be run for an instant that has passed. */
export function newBackfillRow(
  job: JobEntity,
  { batchId, ...given }: Pick<NewExecution, 'id' | 'scheduledAt' | 'reason'> & { batchId: string },
  now: Date,
): JobExecutionEntity {
  const record = { ...given, jobUid: job.uid, untilAt: null, instantCount: 1, isCatchUp: true } as const;
  const row = newExecutionRow(job, { ...record, kind: 'backfill', status: 'pending' }, null, now);
  return Object.assign(row, { batchId });
}

/** The same batch again is the same call again, unless it is another job's. */
export function submittedOf(batch: { jobId: string; submitted: number }, batchId: string, jobId: string): number {
  if (batch.jobId === jobId) return batch.submitted;
  throw new BackfillConflictError(batchId, batch.jobId);
}

/** The same id again is the same call again, unless it is an execution of something else. */
export function checkOwn<T extends Pick<JobExecutionEntity, 'id' | 'jobId' | 'kind' | 'retryOf'>>(
  row: T,
  { jobId, retryOf }: Pick<JobExecutionEntity, 'jobId' | 'retryOf'>,
): T {
  if (row.jobId === jobId && row.kind === 'manual' && row.retryOf === retryOf) return row;
  throw new ExecutionConflictError(row.id, row.jobId);
}
