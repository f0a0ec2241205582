import type { Query } from '../lease.js';
import type { Tables } from '../tables.js';

/** Flags what runs of these jobs. What is locked is just ending by itself, and waiting for it could be a deadlock. */
export async function requestCancels(
  query: Query,
  { execution }: Tables,
  jobs: readonly string[],
  now: Date,
): Promise<number> {
  const { rowCount } = await query(
    `UPDATE ${execution} SET cancel_requested_at = $2 WHERE id IN (
       SELECT id FROM ${execution}
       WHERE job_uid = ANY($1::uuid[]) AND status IN ('pending', 'running') AND status = 'running'
         AND cancel_requested_at IS NULL
       FOR NO KEY UPDATE SKIP LOCKED)`,
    [jobs, now.toISOString()],
  );
  return rowCount;
}
