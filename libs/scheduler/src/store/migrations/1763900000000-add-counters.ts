import type { MigrationInterface, QueryRunner } from 'typeorm';

import { schemaOf } from './schema-of.js';

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

/**
 * Takes both tables from older code that is at work. A pass has `job` first and an outcome has `job_execution` first, so one
 * of them always meets this half way: it lets go before the server calls that a deadlock (a second by default) and ends
 * either, and tries again until the deadline of its transaction.
 */
async function takeTables(queryRunner: QueryRunner, schema: string): Promise<void> {
  await queryRunner.query(`DO $$ DECLARE given text := current_setting('lock_timeout'); BEGIN LOOP
    BEGIN
      LOCK TABLE ${schema}."job" IN ACCESS EXCLUSIVE MODE;
      PERFORM set_config('lock_timeout', '200ms', true);
      LOCK TABLE ${schema}."job_execution" IN SHARE MODE;
      PERFORM set_config('lock_timeout', given, true);
      EXIT;
    EXCEPTION WHEN lock_not_available THEN
      PERFORM pg_sleep(0.01);
    END;
  END LOOP; END $$`);
}
