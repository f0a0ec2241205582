import type { ExecutionKind, ExecutionStatus, JobExecutionEntity } from './job-execution.entity.js';
import type { JobEntity } from './job.entity.js';

/** Nothing starts anywhere until somebody resumes the cluster. */
export interface ClusterPause {
  reason: string | null;
  by: string | null;
  /** null: the row was edited by hand. */
  at: Date | null;
}
export interface PassRequest {
  /** Becomes the owner of what is claimed. */
  incarnation: string;
  nodeName: string;
  /** Only jobs with one of these are looked at. */
  capabilities: readonly string[];
  /** At most this many due jobs, and as many whose executions wait, are locked. */
  limit: number;
  /** uids of jobs whose pending executions had no room a moment ago. */
  blocked: readonly string[];
  /** uids of jobs that are due, and that this node could not decide a moment ago: they are not locked as due. */
  undecided: readonly string[];
}
export interface PendingExecution {
  id: string;
  kind: ExecutionKind;
  /** Was claimed before and still counts as active: it needs no room. */
  isReoffered: boolean;
  /** Since when it waits, with the head start of its priority; of what a backfill submitted, its instant. */
  urgentSince: Date;
}
/** A job that this transaction has locked, and what is active of it now. */
export interface JobSnapshot {
  job: JobEntity;
  isDue: boolean;
  /** Running, or waiting after a first claim. */
  active: number;
  /** Of those: running, and asked to stop. */
  stopping: number;
  /** Waiting for a first claim; not what a backfill submitted. */
  queued: number;
  /** Of those: made by the schedule. */
  queuedFires: number;
  /**
   * Pending and available, at most `limit`: what was claimed before, then the others by `urgentSince`, then what a
   * backfill submitted, by its instants.
   */
  pending: readonly PendingExecution[];
}
export interface PassSnapshot {
  /** The database's clock. */
  now: Date;
  /** Instants up to here that a job has not decided fell into a pause of the cluster. @default null: there was none */
  missedUntil?: Date | null;
  jobs: readonly JobSnapshot[];
}
/** A new row of the ledger. What it does not say is copied from its job. */
export interface NewExecution {
  id: string;
  jobUid: string;
  kind: ExecutionKind;
  scheduledAt: Date;
  untilAt: Date | null;
  instantCount: number;
  isCatchUp: boolean;
  /** `running`: claimed by this pass. */
  status: Extract<ExecutionStatus, 'pending' | 'running' | 'missed' | 'skipped'>;
  reason: string | null;
}
/** Moves a job past the instants that were decided. */
export interface JobAdvance {
  uid: string;
  nextRunAt: Date | null;
  wakeAt: Date | null;
  lastInstant: Date | null;
  /** Which zone data `nextRunAt` was computed with, such as '2026b'; null: nobody says. */
  tzVersion: string | null;
  /** How many of the decided instants count as runs. */
  runs: number;
  /** How many instants were recorded as missed; a range as its row says. */
  missed: number;
  skipped: number;
  /** How many were recorded as pending. */
  queued: number;
}
/**
 * Makes room for a newer fire of a job: what its schedule made and nobody has claimed is cancelled, and the `active` oldest
 * of what is active and was not asked to stop: what waits to go on is cancelled too, what runs is asked to stop.
 */
export interface JobCancel {
  uid: string;
  active: number;
  reason: string;
}
/** Takes a job out of the schedule, with its place in it. Nothing else of its row is written: it may be what is wrong. */
export interface JobQuarantine {
  uid: string;
  reason: string;
}
export interface Decisions {
  records: readonly NewExecution[];
  advances: readonly JobAdvance[];
  quarantines: readonly JobQuarantine[];
  /** Ids of pending executions to claim. */
  claims: readonly string[];
  /** Done before anything is claimed. */
  cancels: readonly JobCancel[];
}
export interface PassResult {
  now: Date;
  /** Rows that were written with their present values, in the order of `records`; an instant that was already recorded is not among them. */
  recorded: JobExecutionEntity[];
  /** Pending executions that are now this node's. */
  claimed: JobExecutionEntity[];
  /** What waited and was cancelled for a newer fire; whoever runs what was asked to stop is told by its next `peek`. */
  cancelled: JobExecutionEntity[];
  /** Active jobs that were decided so, or of which the store could not write what was decided. */
  quarantined: JobQuarantine[];
  /** Jobs of which failures came to be counted that somebody had the row of before, and that are paused now: nothing was decided about them. */
  paused: JobEntity[];
}
export interface Peek {
  now: Date;
  /** When the next job or pending execution that this node can run is due; null: nothing in sight. */
  nextAt: Date | null;
  /** What the incarnation that asks runs and has been asked to stop, and why. */
  stopping: readonly { executionId: string; reason: string | null }[];
  /** null: the cluster is not paused. */
  pause: ClusterPause | null;
  /** As in `PassSnapshot`. */
  missedUntil: Date | null;
}
