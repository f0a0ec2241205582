import { copyOf } from './copy.js';
import { JOB_REMOVED, NODE_LOST } from './execution-row.js';
import { failuresInARow, isFailure, pausedBecause, PAUSED_BY } from './failures.js';
import type { ErrorRecord } from './job-execution.entity.js';
import type { OutcomeRecord, OutcomeVerdict, ProgressUpdate } from './job-store.js';
import { MOST_LOG_LINES, type LogLines } from './log-lines.js';
import type { ExecutionRow, JobRow, MemoryData } from './memory-data.js';

export function completeOne(data: MemoryData, outcome: OutcomeRecord, now: Date): OutcomeVerdict {
  const row = data.execution(outcome.executionId);
  if (!row || !isRunningUnder(row, outcome.leaseEpoch)) {
    const before = row ? writtenBefore(data, row, outcome.leaseEpoch) : null;
    return row && before ? written(before, row) : { kind: 'fenced' };
  }
  const status = fateOf(data, row, outcome);
  const attempt = outcome.spendsAttempt ? row.attempt : row.attempt - 1;
  if (status === 'pending') keepAttempt(data, row, outcome.error, now);
  const after = data.putExecution({
    ...(status === 'pending' ? offered(row, outcome, now) : ended(row, status, outcome, now)),
    attempt,
    logs: withLines(row, outcome.logs).slice(-MOST_LOG_LINES),
  });
  const paused = countFailures(data, after, now);
  return { ...written(status, after), ...(paused && { paused }) };
}

function written(status: OutcomeRecord['status'], { reason }: ExecutionRow): OutcomeVerdict {
  return { kind: 'written', status, ...(status === 'cancelled' ? { reason } : {}) };
}

export function saveProgress(data: MemoryData, { executionId, leaseEpoch, progress, logs }: ProgressUpdate): void {
  const row = data.execution(executionId);
  if (!row || !isRunningUnder(row, leaseEpoch)) return;
  const isInPlace = logs !== null && row.logs.length >= logs.from && row.logs.length <= logs.from + logs.lines.length;
  const lines = isInPlace ? withLines(row, logs) : row.logs;
  data.putExecution({ ...row, progress: progress ?? row.progress, logs: lines });
}

function withLines({ logs: before }: ExecutionRow, logs: LogLines | null): string[] {
  return logs === null ? before : [...before.slice(0, logs.from), ...logs.lines];
}

/** What waits ends before it has run. */
export function cancelPending(data: MemoryData, row: ExecutionRow, reason: string | null, now: Date): ExecutionRow {
  return data.putExecution({ ...row, status: 'cancelled', finishedAt: now, reason: reason ?? row.reason });
}

/** Keeps an attempt that did not end its execution. */
export function keepAttempt(data: MemoryData, row: ExecutionRow, error: ErrorRecord | null, now: Date): void {
  const attempt = {
    executionId: row.id,
    leaseEpoch: row.leaseEpoch,
    attempt: row.attempt,
    nodeName: row.nodeName,
    startedAt: row.claimedAt ?? now,
    finishedAt: now,
    error: copyOf(error),
  };
  data.attempts.put(row.id, [...(data.attempts.get(row.id) ?? []), attempt]);
}

function isRunningUnder(row: ExecutionRow, leaseEpoch: number): boolean {
  return row.status === 'running' && row.leaseEpoch === leaseEpoch;
}

/** A takeover changes the epoch, so an execution that stopped running under this epoch was written by its owner. */
function writtenBefore(data: MemoryData, row: ExecutionRow, leaseEpoch: number): OutcomeRecord['status'] | null {
  const kept = data.attempts.get(row.id)?.find((attempt) => attempt.leaseEpoch === leaseEpoch);
  if (kept !== undefined && kept.error?.name !== NODE_LOST.name) return 'pending';
  const isEnded = row.leaseEpoch === leaseEpoch && row.status !== 'running';
  return isEnded ? (row.status as OutcomeRecord['status']) : null;
}

/** A retry of what was asked to stop, or of a job that is gone, ends here: nobody would ever offer it again. */
function fateOf(data: MemoryData, row: ExecutionRow, { status }: OutcomeRecord): OutcomeRecord['status'] {
  if (status !== 'pending') return status;
  return row.cancelRequestedAt || !data.jobByUid(row.jobUid) ? 'cancelled' : 'pending';
}

function offered(row: ExecutionRow, outcome: OutcomeRecord, now: Date): ExecutionRow {
  return {
    ...row,
    status: 'pending',
    owner: null,
    availableAt: new Date(now.getTime() + outcome.delayMs),
    reason: outcome.reason,
    error: outcome.error,
    progress: outcome.progress ?? row.progress,
  };
}

function ended(row: ExecutionRow, status: OutcomeRecord['status'], outcome: OutcomeRecord, now: Date): ExecutionRow {
  return {
    ...row,
    status,
    owner: null,
    finishedAt: now,
    durationMs: Math.round(outcome.durationMs),
    reason: status === 'cancelled' ? cancelReason(row, outcome) : outcome.reason,
    error: outcome.error,
    result: outcome.result === null ? null : (JSON.parse(outcome.result) as unknown),
    progress: outcome.progress ?? row.progress,
  };
}

/** Why a person cancelled it was written when they did. */
function cancelReason(row: ExecutionRow, outcome: OutcomeRecord): string | null {
  if (row.cancelRequestedAt !== null) return row.reason ?? outcome.reason;
  return outcome.status === 'pending' ? JOB_REMOVED : (outcome.reason ?? row.reason);
}

/** Counts what failed for good, in a row; the job, when that pauses it. */
function countFailures(data: MemoryData, { jobUid, status, error }: ExecutionRow, now: Date): JobRow | null {
  const job = data.jobByUid(jobUid);
  if (!job || (!isFailure(status) && status !== 'succeeded')) return null;
  const { isReset, failures } = failuresInARow([{ status, error }]);
  const consecutiveFailures = (isReset ? 0 : job.consecutiveFailures) + failures;
  const { pauseAfterFailures, state } = job;
  const isEnough = state === 'active' && pauseAfterFailures !== null && consecutiveFailures >= pauseAfterFailures;
  if (!isEnough) {
    if (consecutiveFailures !== job.consecutiveFailures) data.putJob({ ...job, consecutiveFailures });
    return null;
  }
  const stateReason = pausedBecause(consecutiveFailures, error);
  return data.putJob({ ...job, consecutiveFailures, state: 'paused', stateAt: now, stateBy: PAUSED_BY, stateReason });
}
