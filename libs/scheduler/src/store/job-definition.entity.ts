import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A version of a declared job and when the cluster first saw it. */
@Entity({ name: 'job_definition' })
export class JobDefinitionEntity {
  @PrimaryColumn({ name: 'job_id', type: 'text' })
  jobId!: string;

  @PrimaryColumn({ type: 'text' })
  hash!: string;

  @Column({ type: 'jsonb' })
  definition!: object;

  @Column({ name: 'first_seen_at', type: 'timestamptz', precision: 3 })
  firstSeenAt!: Date;
}
