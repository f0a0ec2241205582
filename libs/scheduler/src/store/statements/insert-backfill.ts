import { columnsOf, encodeRow } from '../entity-rows.js';
import { JobExecutionEntity } from '../job-execution.entity.js';
import type { Query } from '../lease.js';
import type { Tables } from '../tables.js';

/**
 * Thousands of rows that differ in two columns travel as one and two lists: `data` may be long. Rows that another call
 * with the same batch has written meanwhile are left as they are.
 *
 * @returns how many were new
 */
export async function insertBackfill(
  query: Query,
  { execution }: Tables,
  row: JobExecutionEntity,
  { ids, instants }: { ids: readonly string[]; instants: readonly Date[] },
): Promise<number> {
  const names = columnsOf(JobExecutionEntity).map(({ name }) => name);
  const own = new Set(['id', 'scheduled_at']);
  const { rows } = await query(
    `WITH inserted AS (
       INSERT INTO ${execution} (${names.map((name) => `"${name}"`).join(', ')})
       SELECT ${names.map((name) => (own.has(name) ? `v.${name}` : `r."${name}"`)).join(', ')}
       FROM jsonb_populate_record(NULL::${execution}, $1::jsonb) r,
         unnest($2::uuid[], $3::timestamptz[]) v(id, scheduled_at)
       ON CONFLICT (batch_id, scheduled_at) WHERE kind = 'backfill' DO NOTHING RETURNING 1
     ) SELECT count(*) AS inserted FROM inserted`,
    [JSON.stringify(encodeRow(JobExecutionEntity, row)), ids, instants.map((instant) => instant.toISOString())],
  );
  return Number(rows[0]?.inserted);
}

/** Whose the batch is, another job's than this if there are two; null: there is no such batch. */
export async function readBatch(
  query: Query,
  { execution }: Tables,
  batchId: string,
  jobId: string,
): Promise<{ jobId: string; submitted: number } | null> {
  const { rows } = await query(
    `SELECT job_id, count(*) AS submitted FROM ${execution} WHERE kind = 'backfill' AND batch_id = $1
     GROUP BY job_id ORDER BY job_id <> $2 DESC LIMIT 1`,
    [batchId, jobId],
  );
  const [batch] = rows;
  return batch === undefined ? null : { jobId: String(batch.job_id), submitted: Number(batch.submitted) };
}
