import { decodeMissedUntil, missedUntil } from '../cluster-pause.js';
import { decodeRow, selectList } from '../entity-rows.js';
import { JobEntity } from '../job.entity.js';
import type { PassRequest } from '../job-store.js';
import type { Query } from '../lease.js';
import type { Tables } from '../tables.js';
import { backfilledJobs, IS_WAITING, isForUs, isOffered } from './offered.js';

/** How many executions are looked at for one capability: enough for their jobs, and no scan of a long queue. */
const WAITING_LOOKED_AT = 100;
/** Of how many jobs the first that nobody has locked are taken. */
const CANDIDATES = 400;

/** While the cluster is paused no job is there to be locked. Plan: looked up once, before anything else. */
const unlessPaused = ({ scheduler }: Tables): string => `NOT (SELECT paused FROM ${scheduler} LIMIT 1)`;

/**
 * Plan: the first of each capability from `job_due`, sorted; then a nested loop that takes rows from `job_due`, capability
 * by capability in that order, and stops at the limit. So what is due longest comes first, however many capabilities there
 * are and however much is due of another. The lock is inside, so that another node skips what this one has and finds the
 * next, and no row beyond the limit is locked.
 */
export async function lockDueJobs(
  query: Query,
  tables: Tables,
  request: PassRequest,
): Promise<{ jobs: JobEntity[]; missedUntil: Date | null }> {
  const { job } = tables;
  const isDue = `d.state = 'active' AND d.capability = c.capability AND d.wake_at <= now() AND d.uid <> ALL($3::uuid[])`;
  const { rows } = await query(
    `SELECT ${selectList(JobEntity, 'j')}, ${missedUntil(tables)} AS vigil_missed_until
     FROM (SELECT c.capability, f.wake_at FROM unnest($1::text[]) c(capability) CROSS JOIN LATERAL (
             SELECT d.wake_at FROM ${job} d WHERE ${isDue} ORDER BY d.wake_at LIMIT 1) f
           ORDER BY f.wake_at) c
     CROSS JOIN LATERAL (
       SELECT * FROM ${job} d WHERE ${isDue} ORDER BY d.wake_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED) j
     WHERE ${unlessPaused(tables)} LIMIT $2`,
    [request.capabilities, request.limit, request.undecided],
  );
  const jobs = rows.map((row) => decodeRow(JobEntity, row));
  return { jobs, missedUntil: decodeMissedUntil(rows[0]?.vigil_missed_until) };
}

/**
 * Jobs that are not due, of executions that are, those first that wait longest; those that have only a backfill come last.
 * Plan: the uids first, from `job_execution_waiting` and `job_execution_backfill`, as arrays; then the jobs by
 * `job_uid_key`. As a join the whole falls into a scan.
 */
export async function lockJobsOfWaiting(
  query: Query,
  tables: Tables,
  request: PassRequest,
  locked: readonly string[],
): Promise<JobEntity[]> {
  const { rows } = await query(
    `WITH RECURSIVE ${backfilledJobs(tables)}, wanted AS MATERIALIZED (
       SELECT ARRAY(
         SELECT w.job_uid FROM unnest($1::text[]) c(capability) CROSS JOIN LATERAL (
           SELECT e.job_uid, e.available_at FROM ${tables.execution} e
           WHERE e.status = 'pending' AND ${IS_WAITING} AND e.capability = c.capability AND e.available_at <= now()
             AND e.job_uid <> ALL($3::uuid[]) AND ${isOffered(tables)}
           ORDER BY e.available_at LIMIT ${WAITING_LOOKED_AT}) w
         GROUP BY w.job_uid ORDER BY min(w.available_at) LIMIT ${CANDIDATES}) AS uids,
       ARRAY(
         SELECT b.job_uid FROM backfilled b
         WHERE b.available_at <= now() AND b.job_uid <> ALL($3::uuid[]) AND ${isForUs(tables)}
         ORDER BY b.available_at LIMIT ${CANDIDATES}) AS backfilled)
     SELECT ${selectList(JobEntity, 'j')} FROM ${tables.job} j
     WHERE ${unlessPaused(tables)} AND j.uid = ANY((SELECT uids || backfilled FROM wanted)::uuid[])
     ORDER BY array_position((SELECT uids || backfilled FROM wanted)::uuid[], j.uid)
     LIMIT $2 FOR NO KEY UPDATE OF j SKIP LOCKED`,
    [request.capabilities, request.limit, [...request.blocked, ...locked]],
  );
  return rows.map((row) => decodeRow(JobEntity, row));
}

/**
 * Waits for whoever has them, unlike a pass: having them proves that a transaction which had them is over. In one order,
 * so that two that wait do not wait for each other.
 */
export async function lockJobs(query: Query, { job }: Tables, uids: readonly string[]): Promise<void> {
  await query(`SELECT 1 FROM ${job} WHERE uid = ANY($1::uuid[]) ORDER BY uid FOR NO KEY UPDATE`, [uids]);
}
