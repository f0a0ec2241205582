import type { MigrationInterface, QueryRunner } from 'typeorm';

import { schemaOf } from './schema-of.js';
import { takeTables } from './take-tables.js';

const COUNTERS = ['missed_count', 'skipped_count', 'queued_count', 'cancelled_count'] as const;

/**
 * What a job's policies have decided, counted; and what waits in two parts, so that nobody walks along a backfill to find
 * what else waits. Older code writes rows without the counters, and goes on using `job_execution_pending`.
 */
export class AddCounters1763900000000 implements MigrationInterface {
  readonly name = 'AddCounters1763900000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    const schema = schemaOf(queryRunner);
    await takeTables(queryRunner, schema);
    const columns = COUNTERS.map((name) => `ADD COLUMN "${name}" bigint NOT NULL DEFAULT 0`);
    await queryRunner.query(`ALTER TABLE ${schema}."job" ${columns.join(', ')}`);
    await queryRunner.query(`CREATE INDEX "job_execution_waiting" ON ${schema}."job_execution" ("capability", "available_at")
      WHERE status = 'pending' AND (kind <> 'backfill' OR lease_epoch > 0)`);
    await queryRunner.query(`CREATE INDEX "job_execution_backfill" ON ${schema}."job_execution" ("job_uid", "scheduled_at")
      WHERE status = 'pending' AND kind = 'backfill' AND lease_epoch = 0`);
    await queryRunner.query(`UPDATE ${schema}."scheduler" SET "schema_version" = 2`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const schema = schemaOf(queryRunner);
    for (const index of ['job_execution_waiting', 'job_execution_backfill'])
      await queryRunner.query(`DROP INDEX ${schema}."${index}"`);
    await queryRunner.query(
      `ALTER TABLE ${schema}."job" ${COUNTERS.map((name) => `DROP COLUMN "${name}"`).join(', ')}`,
    );
    await queryRunner.query(`UPDATE ${schema}."scheduler" SET "schema_version" = 1`);
  }
}
