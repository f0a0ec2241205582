import type { MigrationInterface, QueryRunner } from 'typeorm';

import { schemaOf } from './schema-of.js';
import { takeTables } from './take-tables.js';

/**
 * What lets people steer what runs: what ends is counted once, what is urgent is found beside what has waited, and a pause
 * of the cluster leaves one instant. Older code writes and reads rows without it.
 */
export class RunControl1764100000000 implements MigrationInterface {
  readonly name = 'RunControl1764100000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    const schema = schemaOf(queryRunner);
    const job = `${schema}."job"`;
    const execution = `${schema}."job_execution"`;
    await takeTables(queryRunner, schema);
    for (const statement of [
      // failures in a row are counted from the ledger, whoever held the job's row when the run ended
      `ALTER TABLE ${execution} ADD COLUMN "uncounted" boolean NOT NULL DEFAULT false`,
      // the few that wait to be counted
      `CREATE INDEX "job_execution_uncounted" ON ${execution} ("job_uid") WHERE uncounted`,
      // the longest due of each priority
      `CREATE INDEX "job_urgent" ON ${job} ("capability", "priority", "wake_at") WHERE state = 'active'`,
      // the longest waiting of each priority
      `CREATE INDEX "job_execution_urgent" ON ${execution} ("capability", "priority", "available_at")
        WHERE status = 'pending' AND (kind <> 'backfill' OR lease_epoch > 0)`,
      // what fell into a pause of the cluster that is over: one instant, however many jobs there are
      `ALTER TABLE ${schema}."scheduler" ADD COLUMN "missed_until" timestamptz(3)`,
      `UPDATE ${schema}."scheduler" SET "schema_version" = 3`,
    ])
      await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const schema = schemaOf(queryRunner);
    for (const index of ['job_execution_uncounted', 'job_urgent', 'job_execution_urgent'])
      await queryRunner.query(`DROP INDEX ${schema}."${index}"`);
    await queryRunner.query(`ALTER TABLE ${schema}."job_execution" DROP COLUMN "uncounted"`);
    await queryRunner.query(`ALTER TABLE ${schema}."scheduler" DROP COLUMN "missed_until"`);
    await queryRunner.query(`UPDATE ${schema}."scheduler" SET "schema_version" = 2`);
  }
}
