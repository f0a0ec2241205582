import type { QueryRunner } from 'typeorm';

/**
 * Takes both tables from older code that is at work. A pass has `job` first and an outcome has `job_execution` first, so one
 * of them always meets this half way: it lets go before the server calls that a deadlock (a second by default) and ends
 * either, and tries again until the deadline of its transaction.
 */
export async function takeTables(queryRunner: QueryRunner, schema: string): Promise<void> {
  await queryRunner.query(`DO $$ DECLARE given text := current_setting('lock_timeout'); BEGIN LOOP
    BEGIN
      LOCK TABLE ${schema}."job" IN ACCESS EXCLUSIVE MODE;
      PERFORM set_config('lock_timeout', '200ms', true);
      LOCK TABLE ${schema}."job_execution" IN ACCESS EXCLUSIVE MODE;
      PERFORM set_config('lock_timeout', given, true);
      EXIT;
    EXCEPTION WHEN lock_not_available THEN
      PERFORM pg_sleep(0.01);
    END;
  END LOOP; END $$`);
}
