import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One row: which scheduler lives in this schema, and whether the cluster is paused. */
@Entity({ name: 'scheduler' })
export class SchedulerEntity {
  /** Proves "the same database" through a caller's manager. */
  @PrimaryColumn({ type: 'uuid' })
  uid!: string;

  /** Null until the first scheduler boots on the schema. */
  @Column({ type: 'text', nullable: true })
  name!: string | null;

  /** Counts the migrations that have run. */
  @Column({ name: 'schema_version', type: 'int' })
  schemaVersion!: number;

  /** The oldest code's schema version that can still run on this schema. */
  @Column({ name: 'compatible_from', type: 'int' })
  compatibleFrom!: number;

  @Column({ type: 'boolean' })
  paused!: boolean;

  @Column({ name: 'paused_reason', type: 'text', nullable: true })
  pausedReason!: string | null;

  @Column({ name: 'paused_by', type: 'text', nullable: true })
  pausedBy!: string | null;

  @Column({ name: 'paused_at', type: 'timestamptz', precision: 3, nullable: true })
  pausedAt!: Date | null;

  /** Of the last resume without `catchUp`: instants up to here that no job has decided fell into the pause. It only grows. */
  @Column({ name: 'missed_until', type: 'timestamptz', precision: 3, nullable: true })
  missedUntil!: Date | null;
}
