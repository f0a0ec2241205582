import { asText, decodeBoolean, decodeRow, selectList } from '../entity-rows.js';
import { type EndedRun, failuresInARow, pausedBecause, PAUSED_BY } from '../failures.js';
import { JobEntity } from '../job.entity.js';
import type { Query } from '../lease.js';
import type { Tables } from '../tables.js';

/**
 * Counts what has ended of these jobs and is not counted yet, each row once, under the lock of its job; a job that
 * somebody else has is left, with its rows, for whoever has it next.
 *
 * Plan: the jobs by `job_uid_key`, their few rows by `job_execution_uncounted`. A row is counted by whoever clears it: that
 * looks at its newest version, so that two who count one job after the other never count one row twice.
 *
 * @returns the jobs that are paused by it
 */
export async function countFailures(query: Query, tables: Tables, uids: readonly string[]): Promise<JobEntity[]> {
  const ended = await takeUncounted(query, tables, uids);
  if (ended.size === 0) return [];
  const counts = [...ended].map(([uid, runs]) => ({ uid, ...failuresInARow(runs) }));
  const { rows } = await query(
    `UPDATE ${tables.job} j
     SET consecutive_failures = CASE WHEN v.is_reset THEN 0 ELSE j.consecutive_failures END + v.failures
     FROM unnest($1::uuid[], $2::boolean[], $3::int[]) v(uid, is_reset, failures) WHERE j.uid = v.uid
     RETURNING j.uid, j.consecutive_failures,
       j.state = 'active' AND j.consecutive_failures >= j.pause_after_failures AS is_enough`,
    [counts.map(({ uid }) => uid), counts.map(({ isReset }) => isReset), counts.map(({ failures }) => failures)],
  );
  const enough = rows.filter((row) => decodeBoolean(row.is_enough));
  if (enough.length === 0) return [];
  const errors = new Map(counts.map(({ uid, error }) => [uid, error]));
  const reasons = enough.map(({ uid, consecutive_failures: failures }) =>
    pausedBecause(Number(failures), errors.get(String(uid)) ?? null),
  );
  return await pause(
    query,
    tables,
    enough.map(({ uid }) => String(uid)),
    reasons,
  );
}

/** What ended before the job came into its present state is cleared, and not counted. */
async function takeUncounted(
  query: Query,
  { job, execution }: Tables,
  uids: readonly string[],
): Promise<Map<string, EndedRun[]>> {
  const { rows } = await query(
    `WITH mine AS (SELECT uid, state_at FROM ${job} WHERE uid = ANY($1::uuid[]) FOR NO KEY UPDATE SKIP LOCKED
     ), free AS (
       SELECT e.id, e.finished_at >= mine.state_at AS counts FROM mine JOIN ${execution} e ON e.job_uid = mine.uid
       WHERE e.uncounted FOR NO KEY UPDATE OF e SKIP LOCKED
     ), taken AS (
       UPDATE ${execution} e SET uncounted = false FROM free WHERE e.id = free.id AND e.uncounted
       RETURNING e.job_uid, e.status, e.error, e.finished_at, e.started_at, e.id, free.counts
     ) SELECT job_uid, status, error ->> 'name' AS name, error ->> 'message' AS message FROM taken
       WHERE counts ORDER BY finished_at, started_at, id`,
    [uids],
  );
  const ended = new Map<string, EndedRun[]>();
  for (const { job_uid: uid, status, name, message } of rows) {
    const error = name === null ? null : { name: asText(name), message: asText(message) };
    const run = { status: status as EndedRun['status'], error };
    ended.set(String(uid), [...(ended.get(String(uid)) ?? []), run]);
  }
  return ended;
}

async function pause(
  query: Query,
  { job }: Tables,
  uids: readonly string[],
  reasons: readonly string[],
): Promise<JobEntity[]> {
  const { rows } = await query(
    `UPDATE ${job} j SET state = 'paused', state_at = now(), state_by = $3, state_reason = v.reason
     FROM unnest($1::uuid[], $2::text[]) v(uid, reason) WHERE j.uid = v.uid RETURNING ${selectList(JobEntity, 'j')}`,
    [uids, reasons, PAUSED_BY],
  );
  return rows.map((row) => decodeRow(JobEntity, row));
}
