import { Check, Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

export const JOB_STATES = ['active', 'paused', 'finished', 'quarantined'] as const;
export type JobState = (typeof JOB_STATES)[number];
export type MisfirePolicy = 'coalesce' | 'skip' | 'all';
export type OverlapPolicy = 'skip' | 'queue-one' | 'queue-all' | 'cancel-running';
export type NodeLossPolicy = 'rerun' | 'abandon';

/** How long after a failed attempt the next one may start; never longer than a year. */
export interface Backoff {
  /** After attempt n: `delayMs` × 2ⁿ⁻¹, `delayMs` × n, `delayMs`. */
  kind: 'exponential' | 'linear' | 'fixed';
  delayMs: number;
  /** @default 3_600_000 (an hour), or `delayMs` if that is longer */
  maxDelayMs?: number;
  /** A random delay between half of it and all of it. @default true */
  jitter?: boolean;
}
export interface RetryPolicy {
  /** How often it is run at most, the first time included. */
  maxAttempts: number;
  /** @default exponential from a second, with jitter */
  backoff?: Backoff;
}

/** One job: how it is scheduled, how its runs behave, and the first instant that is not decided yet. */
@Entity({ name: 'job' })
@Unique('job_uid_key', ['uid'])
@Check('job_state', `state IN ('active', 'paused', 'finished', 'quarantined')`)
@Check('job_misfire', `misfire IN ('coalesce', 'skip', 'all')`)
@Check('job_overlap', `overlap IN ('skip', 'queue-one', 'queue-all', 'cancel-running')`)
@Check('job_on_node_loss', `on_node_loss IN ('rerun', 'abandon')`)
@Check('job_source', `source IN ('code', 'dynamic')`)
@Index('job_due', ['capability', 'wakeAt'], { where: `state = 'active'` })
@Index('job_urgent', ['capability', 'priority', 'wakeAt'], { where: `state = 'active'` })
export class JobEntity {
  @PrimaryColumn({ type: 'text' })
  id!: string;

  /** New at each creation: a re-created id does not meet the history of the old one. */
  @Column({ type: 'uuid' })
  uid!: string;

  /** What the handler registry of a node knows the handler by: of a declared job `job:` and its id, else the key of a method. */
  @Column({ type: 'text' })
  handler!: string;

  /** `handler@executor`: what a node must have to run this job. */
  @Column({ type: 'text' })
  capability!: string;

  @Column({ type: 'text', nullable: true })
  description!: string | null;

  /** What `Trigger.toJSON()` gave; null for a job that only runs when it is asked to. */
  @Column({ type: 'jsonb', nullable: true })
  trigger!: object | null;

  /** The schedule in words, for people who read the table. */
  @Column({ type: 'text' })
  schedule!: string;

  /** Where an interval counts from. Set once, so that a deploy does not shift it. */
  @Column({ type: 'timestamptz', precision: 3 })
  anchor!: Date;

  @Column({ type: 'jsonb', nullable: true })
  data!: unknown;

  @Column({ type: 'text' })
  state!: JobState;

  @Column({ name: 'state_reason', type: 'text', nullable: true })
  stateReason!: string | null;

  @Column({ name: 'state_by', type: 'text', nullable: true })
  stateBy!: string | null;

  @Column({ name: 'state_at', type: 'timestamptz', precision: 3 })
  stateAt!: Date;

  @Column({ name: 'orphaned_at', type: 'timestamptz', precision: 3, nullable: true })
  orphanedAt!: Date | null;

  /** The first instant that is not decided yet. */
  @Column({ name: 'next_run_at', type: 'timestamptz', precision: 3, nullable: true })
  nextRunAt!: Date | null;

  /** When a node has to look at the job: `nextRunAt` plus jitter, or later under back-pressure. */
  @Column({ name: 'wake_at', type: 'timestamptz', precision: 3, nullable: true })
  wakeAt!: Date | null;

  /** The last instant that was decided. It only grows, whatever the clock does. */
  @Column({ name: 'last_instant', type: 'timestamptz', precision: 3, nullable: true })
  lastInstant!: Date | null;

  @Column({ type: 'text' })
  misfire!: MisfirePolicy;

  /** null: no bound. */
  @Column({ name: 'misfire_grace_ms', type: 'double precision', nullable: true })
  misfireGraceMs!: number | null;

  @Column({ type: 'text' })
  overlap!: OverlapPolicy;

  @Column({ name: 'max_instances', type: 'int' })
  maxInstances!: number;

  /** How many executions may wait (`queue-all`, `misfire: 'all'`) before the job waits instead. */
  @Column({ name: 'max_queue', type: 'int' })
  maxQueue!: number;

  @Column({ name: 'on_node_loss', type: 'text' })
  onNodeLoss!: NodeLossPolicy;

  @Column({ type: 'jsonb' })
  retry!: RetryPolicy;

  @Column({ name: 'timeout_ms', type: 'double precision', nullable: true })
  timeoutMs!: number | null;

  @Column({ name: 'jitter_ms', type: 'int' })
  jitterMs!: number;

  @Column({ type: 'int' })
  priority!: number;

  @Column({ type: 'text', array: true })
  tags!: string[];

  @Column({ name: 'run_count', type: 'int' })
  runCount!: number;

  @Column({ name: 'max_runs', type: 'int', nullable: true })
  maxRuns!: number | null;

  /** Instants recorded as missed, a range as its row says. */
  @Column({ name: 'missed_count', type: 'bigint', default: 0 })
  missedCount!: number;

  @Column({ name: 'skipped_count', type: 'bigint', default: 0 })
  skippedCount!: number;

  /** Fires that had to wait. */
  @Column({ name: 'queued_count', type: 'bigint', default: 0 })
  queuedCount!: number;

  /** Executions that a newer fire cancelled or asked to stop. */
  @Column({ name: 'cancelled_count', type: 'bigint', default: 0 })
  cancelledCount!: number;

  /** Executions in a row that failed or timed out, since the last success or resume. */
  @Column({ name: 'consecutive_failures', type: 'int' })
  consecutiveFailures!: number;

  /** null: it is never paused for that. */
  @Column({ name: 'pause_after_failures', type: 'int', nullable: true })
  pauseAfterFailures!: number | null;

  @Column({ type: 'text' })
  source!: 'code' | 'dynamic';

  /** Hash of the resolved options in the code that declares the job; null for a job added at run time, and while its trigger throws. */
  @Column({ name: 'code_hash', type: 'text', nullable: true })
  codeHash!: string | null;

  /** Options that an operator changed on a declared job. */
  @Column({ type: 'text', array: true })
  overridden!: string[];

  /** Counts edits, not runs. */
  @Column({ type: 'int' })
  version!: number;

  @Column({ name: 'tz_version', type: 'text', nullable: true })
  tzVersion!: string | null;

  @Column({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}
