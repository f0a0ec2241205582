import { handlerName } from '../store/declared-job.js';
import type { ExecutionWithAttempts } from '../store/job-store.js';
import type { ErrorRecord, ExecutionKind, ExecutionStatus, JobExecutionEntity } from '../store/job-execution.entity.js';
import type { JobEntity, JobState } from '../store/job.entity.js';
import { settingsOf, type JobSettings } from './job-settings.js';

/** A job as people and screens see it. */
export interface JobInfo {
  id: string;
  /** Of a declared job its id; else the key of a method, that of `@JobHandler` or 'Class.method'. */
  handler: string;
  source: 'code' | 'dynamic';
  state: JobState;
  /** Why it is in this state, and who said so. */
  reason?: string;
  by?: string;
  /** No live node has declared it for a day. */
  orphanedAt: Date | null;
  /** In words. */
  schedule: string;
  nextRunAt: Date | null;
  /** The last scheduled instant that was decided. */
  lastRunAt: Date | null;
  runCount: number;
  /** Instants recorded as missed. A range counts as its row says, so that above 1,000 in one range this is a lower bound. */
  missedCount: number;
  /** Fires that were skipped by the overlap policy. */
  skippedCount: number;
  /** Fires that had to wait: for room under `maxInstances`, or for a free slot. */
  queuedCount: number;
  /** Executions that `overlap: 'cancel-running'` cancelled or asked to stop. */
  cancelledCount: number;
  data: unknown;
  settings: JobSettings;
  /** Options an operator changed on a declared job. */
  overridden: readonly string[];
  /** Grows with each edit. */
  version: number;
}

/** One line of the ledger as people and screens see it. */
export interface ExecutionInfo {
  id: string;
  jobId: string;
  kind: ExecutionKind;
  /** The id of the execution that this one runs again: see `retryExecution`. */
  retryOf: string | null;
  status: ExecutionStatus;
  scheduledAt: Date;
  /** The last instant of a range of missed ones; null: the row stands for one instant. */
  untilAt: Date | null;
  /** How many instants the row stands for; 1,001 means "more than 1,000". */
  instantCount: number;
  /** It started late: its instant came due during an outage, or stands for others that were missed. */
  isCatchUp: boolean;
  startedAt: Date | null;
  finishedAt: Date | null;
  reason: string | null;
  progress: { fraction: number; message: string | null } | null;
  /**
   * What its handler logged, a line each: `2026-01-01T00:00:00.000Z #1 WARN text`, with the number of the attempt. Of an
   * attempt the first 100 lines, within about a second, and with its end the last 50; of an execution the newest 300.
   */
  logs: readonly string[];
  /**
   * Attempts that did not end the execution, oldest first; given by `getExecution` and `getExecutions`. One without an error
   * was handed over at a shutdown and spent no attempt.
   */
  attempts: readonly {
    attempt: number;
    node: string | null;
    startedAt: Date;
    finishedAt: Date;
    error: string | null;
  }[];
  attempt: number;
  node: string | null;
  /** Why it failed, with its causes. */
  error: ErrorRecord | null;
  /**
   * What the handler returned, as JSON gives it back. Where it was not JSON or had more than 65,536 characters of it,
   * `{ note }`, a text that says why it is not here.
   */
  result: unknown;
}

export function jobInfo(job: JobEntity): JobInfo {
  return {
    id: job.id,
    handler: handlerName(job),
    source: job.source,
    state: job.state,
    ...(job.stateReason === null ? {} : { reason: job.stateReason }),
    ...(job.stateBy === null ? {} : { by: job.stateBy }),
    orphanedAt: job.orphanedAt,
    schedule: job.schedule,
    nextRunAt: job.nextRunAt,
    lastRunAt: job.lastInstant,
    runCount: job.runCount,
    missedCount: job.missedCount,
    skippedCount: job.skippedCount,
    queuedCount: job.queuedCount,
    cancelledCount: job.cancelledCount,
    data: job.data,
    settings: settingsOf(job),
    overridden: job.overridden,
    version: job.version,
  };
}

export function executionInfo(
  execution: JobExecutionEntity,
  attempts: ExecutionWithAttempts['attempts'] = [],
): ExecutionInfo {
  return {
    id: execution.id,
    jobId: execution.jobId,
    kind: execution.kind,
    retryOf: execution.retryOf,
    status: execution.status,
    scheduledAt: execution.scheduledAt,
    untilAt: execution.untilAt,
    instantCount: execution.instantCount,
    isCatchUp: execution.isCatchUp,
    startedAt: execution.startedAt,
    finishedAt: execution.finishedAt,
    reason: execution.reason,
    progress: execution.progress,
    logs: execution.logs,
    attempts: attempts.map(({ error, ...attempt }) => ({ ...attempt, error: error?.message ?? null })),
    attempt: execution.attempt,
    node: execution.nodeName,
    error: execution.error,
    result: execution.result,
  };
}
