import { decodeRow, selectList } from '../entity-rows.js';
import { JobExecutionEntity } from '../job-execution.entity.js';
import type { JobCancel } from '../job-store.js';
import type { Query } from '../lease.js';
import type { Tables } from '../tables.js';

export interface Cancels {
  /** What waited and is cancelled. */
  cancelled: JobExecutionEntity[];
  /** What runs and was asked to stop. */
  asked: JobExecutionEntity[];
}

/**
 * Makes room for newer fires, of jobs that are locked. What is chosen and locked by somebody is just ending by itself:
 * waiting for it could be a deadlock, and another one in its place would be one too many.
 *
 * Plan: for each job its few entries in `job_execution_active`; then by primary key.
 */
export async function requestCancels(
  query: Query,
  { execution }: Tables,
  cancels: readonly JobCancel[],
  now: Date,
): Promise<Cancels> {
  const active = `e.job_uid = w.uid AND e.status IN ('pending', 'running')`;
  const { rows } = await query(
    `WITH wanted AS (SELECT * FROM jsonb_to_recordset($1::jsonb) w(uid uuid, active int, reason text)
     ), chosen AS (
       SELECT e.id FROM wanted w JOIN ${execution} e ON ${active} AND e.kind = 'schedule' AND e.lease_epoch = 0
       UNION ALL
       SELECT e.id FROM wanted w CROSS JOIN LATERAL (
         SELECT e.id FROM ${execution} e WHERE ${active} AND e.lease_epoch > 0 AND e.cancel_requested_at IS NULL
         ORDER BY e.started_at, e.scheduled_at, e.id LIMIT w.active) e
     ), free AS (
       SELECT e.id FROM ${execution} e WHERE e.id = ANY(ARRAY(SELECT id FROM chosen))
         AND e.status IN ('pending', 'running') FOR NO KEY UPDATE SKIP LOCKED
     ), done AS (
       UPDATE ${execution} e SET reason = w.reason,
         status = CASE WHEN e.status = 'pending' THEN 'cancelled' ELSE e.status END,
         finished_at = CASE WHEN e.status = 'pending' THEN $2::timestamptz END,
         cancel_requested_at = CASE WHEN e.status = 'running' THEN $2::timestamptz ELSE e.cancel_requested_at END
       FROM wanted w WHERE w.uid = e.job_uid AND e.id = ANY(ARRAY(SELECT id FROM free))
         AND e.status IN ('pending', 'running')
       RETURNING ${selectList(JobExecutionEntity, 'e')}
     ) SELECT * FROM done ORDER BY scheduled_at, id`,
    [JSON.stringify(cancels), now.toISOString()],
  );
  const done = rows.map((row) => decodeRow(JobExecutionEntity, row));
  return {
    cancelled: done.filter(({ status }) => status === 'cancelled'),
    asked: done.filter(({ status }) => status === 'running'),
  };
}
