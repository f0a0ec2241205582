import type { JobExecutionEntity } from './job-execution.entity.js';

/** A node whose lease is not over. */
export interface LiveNode {
  incarnation: string;
  nodeName: string;
  /** What it can run: `handler@executor`. Of a process that runs no jobs, nothing. */
  capabilities: readonly string[];
  /** Ids of the jobs that its code declares. */
  declares: readonly string[];
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
/** How many executions are shown. */
export const MOST_SHOWN = 100;
