import type { ErrorRecord, ExecutionStatus, JobExecutionEntity } from './job-execution.entity.js';
import type { JobState } from './job.entity.js';

export interface Page<T> {
  items: T[];
  /** Give it back as `cursor` for the next page; null: this was the last one. */
  nextCursor: string | null;
}
export interface JobFilter {
  state?: JobState;
  /** Whether no live node has declared it, or had its handler, for a day. */
  orphaned?: boolean;
  tag?: string;
  /** As `JobInfo.handler` says: the key of a method, or the id of a declared job. */
  handler?: string;
  /** Part of the id or the description. */
  search?: string;
  /** @default 100, at most 1,000 */
  limit?: number;
  cursor?: string;
}
export interface ExecutionFilter {
  jobId?: string;
  status?: ExecutionStatus;
  from?: Date;
  to?: Date;
  /** @default 100, at most 1,000 */
  limit?: number;
  cursor?: string;
}
/** An attempt that did not end its execution: it failed, or was handed over or taken over (no attempt is spent then). */
export interface AttemptRecord {
  attempt: number;
  /** The name of the node that ran it. */
  node: string | null;
  startedAt: Date;
  finishedAt: Date;
  error: ErrorRecord | null;
}
export interface ExecutionWithAttempts {
  execution: JobExecutionEntity;
  attempts: AttemptRecord[];
}
/** What is active of a job. */
export interface ActiveExecutions {
  now: Date;
  /** The first of them, at most 100: what runs, what was claimed before, what waits, and last what a backfill submitted. */
  executions: JobExecutionEntity[];
  /** Running, or waiting after a first claim. */
  active: number;
  /** Waiting for a first claim; not what a backfill submitted. */
  queued: number;
  /** Submitted by a backfill, and never claimed. */
  backfilled: number;
}
/** How many executions `ActiveExecutions` shows. */
export const MOST_SHOWN = 100;
