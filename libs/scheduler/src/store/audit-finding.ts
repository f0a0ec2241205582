import type { ExecutionStatus } from './job-execution.entity.js';
import type { JobState } from './job.entity.js';

/** A pending execution that is available only after this long will never be: no retry waits for it. */
export const UNREACHABLE_AFTER_MS = 10 * 365 * 86_400_000;
/** Jitter apart, a job that sleeps this much longer than until its next run has been put to sleep by nobody. */
export const ASLEEP_AFTER_MS = 3_600_000;

/** A run that is this near is not computed again: it may be under way. */
export const ZONES_SETTLED_MS = 24 * 3_600_000;

/** How many findings of one kind an audit reports. */
export const MOST_OF_A_KIND = 100;

export type ExecutionFinding =
  /** Running, and its owner is nobody, or a node that does not exist. */
  | 'running-unowned'
  /** Pending after its `expires_at`. */
  | 'pending-expired'
  /** Pending, and its job is gone. */
  | 'pending-jobless'
  /** Pending, and available never or in ten years. */
  | 'pending-unreachable'
  /** Pending, for nodes with another capability than its job's. */
  | 'pending-elsewhere'
  /** Pending, with an owner or an end. */
  | 'pending-owned'
  /** Ended, with an owner or without an end. */
  | 'ended-open'
  /** Its status means nothing. Nothing repairs it. */
  | 'unknown-status';
export type JobFinding =
  /** Active without a next run. */
  | 'job-without-next-run'
  /** Active, and nobody will look at it until long after its next run is due. */
  | 'job-asleep'
  /** Its state means nothing. */
  | 'job-of-unknown-state'
  /** Active, without the label, and no live node announces its capability. */
  | 'job-orphaned'
  /** Labelled orphaned although a live node announces its capability, or nothing has to run it. */
  | 'job-announced';
export type FindingKind = ExecutionFinding | JobFinding;

/** A state that must not exist, of one row. */
export interface Finding {
  what: FindingKind;
  /** Of the execution or the job. */
  id: string;
  /** Lease epoch of the execution, version of the job: the same again is the same row unchanged. */
  epoch: number;
  capability: string;
}
export interface AuditReport {
  /** At most `MOST_OF_A_KIND` of each kind. */
  findings: readonly Finding[];
  /** Capabilities of active jobs that no live node announces. */
  unannounced: readonly string[];
  /**
   * Ids of active jobs by the wall clock whose next run is more than a day away and was computed with zone data older
   * than this node's. At most `MOST_OF_A_KIND`.
   */
  outdated: readonly string[];
  /** Give it to the next audit, which looks at the jobs that follow; null: this one has seen the last. */
  next: string | null;
}
/** What a row's status or state is after its repair. */
export type Repaired = ExecutionStatus | JobState;
