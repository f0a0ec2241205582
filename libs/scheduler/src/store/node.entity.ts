import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One incarnation of one process. A restarted process is another incarnation and inherits no lease. */
@Entity({ name: 'node' })
export class NodeEntity {
  @PrimaryColumn({ type: 'uuid' })
  incarnation!: string;

  @Column({ name: 'node_name', type: 'text' })
  nodeName!: string;

  @Column({ type: 'text' })
  host!: string;

  @Column({ type: 'int' })
  pid!: number;

  @Column({ type: 'text' })
  version!: string;

  @Column({ name: 'tz_version', type: 'text', nullable: true })
  tzVersion!: string | null;

  @Column({ name: 'started_at', type: 'timestamptz', precision: 3 })
  startedAt!: Date;

  /** Moves with every beat; text because it is a 64-bit number. */
  @Column({ type: 'bigint' })
  beat!: string;

  @Column({ name: 'lease_until', type: 'timestamptz', precision: 3 })
  leaseUntil!: Date;

  @Column({ type: 'text', array: true })
  capabilities!: string[];

  /** job id → hash of the definition this node declares. */
  @Column({ type: 'jsonb' })
  definitions!: Record<string, string>;
}
