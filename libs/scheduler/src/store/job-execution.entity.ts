import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';

import type { NodeLossPolicy } from './job.entity.js';
import { NodeEntity } from './node.entity.js';

export type ExecutionKind = 'schedule' | 'manual' | 'backfill';
export const ACTIVE_STATUSES = ['pending', 'running'] as const;
export const ENDED_STATUSES = [
  'succeeded',
  'failed',
  'missed',
  'skipped',
  'cancelled',
  'timed-out',
  'abandoned',
] as const;
export type ExecutionStatus = (typeof ACTIVE_STATUSES | typeof ENDED_STATUSES)[number];

/** Text is cut, and passwords of connection strings are taken out. */
export interface ErrorRecord {
  name: string;
  message: string;
  stack?: string;
  cause?: ErrorRecord;
  /** Of an `AggregateError`. */
  errors?: ErrorRecord[];
}
export interface ProgressRecord {
  fraction: number;
  message: string | null;
}

/** One fire of a job, from the moment it is decided; or a range of fires that were missed. */
@Entity({ name: 'job_execution' })
@Index('job_execution_fire', ['jobUid', 'scheduledAt'], { unique: true, where: `kind = 'schedule'` })
@Index('job_execution_batch', ['batchId', 'scheduledAt'], { unique: true, where: `kind = 'backfill'` })
@Index('job_execution_pending', ['capability', 'availableAt'], { where: `status = 'pending'` })
@Index('job_execution_waiting', ['capability', 'availableAt'], {
  where: `status = 'pending' AND (kind <> 'backfill' OR lease_epoch > 0)`,
})
@Index('job_execution_backfill', ['jobUid', 'scheduledAt'], {
  where: `status = 'pending' AND kind = 'backfill' AND lease_epoch = 0`,
})
@Index('job_execution_urgent', ['capability', 'priority', 'availableAt'], {
  where: `status = 'pending' AND (kind <> 'backfill' OR lease_epoch > 0)`,
})
@Index('job_execution_uncounted', ['jobUid'], { where: 'uncounted' })
@Index('job_execution_active', ['jobUid'], { where: `status IN ('pending', 'running')` })
@Index('job_execution_owner', ['owner'], { where: 'owner IS NOT NULL' })
@Index('job_execution_finished', ['status', 'finishedAt'])
@Index('job_execution_history', ['jobId', 'scheduledAt'])
@Check('job_execution_kind', `kind IN ('schedule', 'manual', 'backfill')`)
@Check(
  'job_execution_status',
  `status IN ('pending', 'running', 'succeeded', 'failed', 'missed', 'skipped', 'cancelled', 'timed-out', 'abandoned')`,
)
@Check('job_execution_on_node_loss', `on_node_loss IN ('rerun', 'abandon')`)
@Check('job_execution_lease', `(status = 'running') = (owner IS NOT NULL)`)
@Check('job_execution_end', `(status IN ('pending', 'running')) = (finished_at IS NULL)`)
export class JobExecutionEntity {
  /** Made by the client, so that an unknown outcome can be looked up. */
  @PrimaryColumn({ type: 'uuid' })
  id!: string;

  @Column({ name: 'job_id', type: 'text' })
  jobId!: string;

  /** No foreign key: history outlives the job. */
  @Column({ name: 'job_uid', type: 'uuid' })
  jobUid!: string;

  @Column({ type: 'text' })
  capability!: string;

  @Column({ type: 'text' })
  kind!: ExecutionKind;

  @Column({ name: 'batch_id', type: 'uuid', nullable: true })
  batchId!: string | null;

  @Column({ name: 'retry_of', type: 'uuid', nullable: true })
  retryOf!: string | null;

  /** The instant the execution is for; the first one of a missed range. */
  @Column({ name: 'scheduled_at', type: 'timestamptz', precision: 3 })
  scheduledAt!: Date;

  /** The last instant of a missed range. */
  @Column({ name: 'until_at', type: 'timestamptz', precision: 3, nullable: true })
  untilAt!: Date | null;

  /** How many instants this row stands for; exact up to 1,000, then 1,001 means "more than 1,000". */
  @Column({ name: 'instant_count', type: 'int' })
  instantCount!: number;

  @Column({ name: 'is_catch_up', type: 'boolean' })
  isCatchUp!: boolean;

  @Column({ type: 'text' })
  status!: ExecutionStatus;

  @Column({ type: 'text', nullable: true })
  reason!: string | null;

  /** 0 before the first claim; a release gives its attempt back. */
  @Column({ type: 'int' })
  attempt!: number;

  @Column({ name: 'max_attempts', type: 'int' })
  maxAttempts!: number;

  @Column({ type: 'int' })
  crashes!: number;

  @Column({ name: 'max_crashes', type: 'int' })
  maxCrashes!: number;

  @Column({ name: 'on_node_loss', type: 'text' })
  onNodeLoss!: NodeLossPolicy;

  /** Grows at each claim and takeover and is never reset: the fence of every write about this execution. */
  @Column({ name: 'lease_epoch', type: 'int' })
  leaseEpoch!: number;

  /** The process incarnation that runs it. */
  @Column({ type: 'uuid', nullable: true })
  owner!: string | null;

  @Column({ name: 'node_name', type: 'text', nullable: true })
  nodeName!: string | null;

  @Column({ type: 'int' })
  priority!: number;

  @Column({ name: 'available_at', type: 'timestamptz', precision: 3 })
  availableAt!: Date;

  @Column({ name: 'expires_at', type: 'timestamptz', precision: 3, nullable: true })
  expiresAt!: Date | null;

  @Column({ name: 'cancel_requested_at', type: 'timestamptz', precision: 3, nullable: true })
  cancelRequestedAt!: Date | null;

  /** First claim. */
  @Column({ name: 'started_at', type: 'timestamptz', precision: 3, nullable: true })
  startedAt!: Date | null;

  /** Latest claim. */
  @Column({ name: 'claimed_at', type: 'timestamptz', precision: 3, nullable: true })
  claimedAt!: Date | null;

  @Column({ name: 'finished_at', type: 'timestamptz', precision: 3, nullable: true })
  finishedAt!: Date | null;

  @Column({ name: 'duration_ms', type: 'int', nullable: true })
  durationMs!: number | null;

  @Column({ type: 'jsonb', nullable: true })
  error!: ErrorRecord | null;

  @Column({ type: 'jsonb', nullable: true })
  result!: unknown;

  @Column({ type: 'jsonb', nullable: true })
  progress!: ProgressRecord | null;

  @Column({ type: 'text', array: true })
  logs!: string[];

  @Column({ type: 'jsonb', nullable: true })
  data!: unknown;

  /** It has ended, and its job's failures in a row do not say so yet: somebody had the job's row at that moment. */
  @Column({ type: 'boolean', default: false })
  uncounted!: boolean;
}

/** Applied by hand, so that rows have no property for it: `owner` is all that is ever read. */
const NODE = 'node';
ManyToOne(() => NodeEntity)(JobExecutionEntity.prototype, NODE);
JoinColumn({
  name: 'owner',
  referencedColumnName: 'incarnation',
  foreignKeyConstraintName: 'job_execution_owner_fkey',
})(JobExecutionEntity.prototype, NODE);
