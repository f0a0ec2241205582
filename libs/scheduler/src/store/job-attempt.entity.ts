import { Column, Entity, PrimaryColumn } from 'typeorm';

import type { ErrorRecord } from './job-execution.entity.js';

/** An attempt that did not end its execution. The last one is the execution's own row. */
@Entity({ name: 'job_attempt' })
export class JobAttemptEntity {
  @PrimaryColumn({ name: 'execution_id', type: 'uuid' })
  executionId!: string;

  @PrimaryColumn({ name: 'lease_epoch', type: 'int' })
  leaseEpoch!: number;

  @Column({ type: 'int' })
  attempt!: number;

  @Column({ name: 'node_name', type: 'text', nullable: true })
  nodeName!: string | null;

  @Column({ name: 'started_at', type: 'timestamptz', precision: 3 })
  startedAt!: Date;

  @Column({ name: 'finished_at', type: 'timestamptz', precision: 3 })
  finishedAt!: Date;

  @Column({ type: 'jsonb', nullable: true })
  error!: ErrorRecord | null;
}
