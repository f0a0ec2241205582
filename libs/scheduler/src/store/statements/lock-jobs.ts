import { decodeMissedUntil, missedUntil } from '../cluster-pause.js';
import { decodeRow, selectList } from '../entity-rows.js';
import { JobEntity } from '../job.entity.js';
import type { PassRequest } from '../job-store.js';
import type { Query } from '../lease.js';
import type { Tables } from '../tables.js';
import { urgentSinceSql } from '../urgency.js';
import { backfilledJobs, IS_WAITING, isForUs, isOffered, isWaiting } from './offered.js';

/** How many executions are looked at for one priority of a capability: enough for their jobs, and no scan of a long queue. */
const WAITING_LOOKED_AT = 100;
/** How many priorities of a capability are told apart; what has a lower one is found by its age. */
const LEVELS_LOOKED_AT = 20;
/** So many more than are wanted are looked at, as other nodes have the first of them locked. */
const FOR_OTHERS = 100;

/** While the cluster is paused no job is there to be locked. Plan: looked up once, before anything else. */
const unlessPaused = ({ scheduler }: Tables): string => `NOT (SELECT paused FROM ${scheduler} LIMIT 1)`;

/** The priorities there are, highest first, as `level`: a step along an index for each, however many rows have it. */
function levels(table: string, where: string): string {
  const highest = (capability: string, below: string): string =>
    `SELECT x.priority FROM ${table} x WHERE ${where} AND x.capability = ${capability}${below}
       ORDER BY x.priority DESC LIMIT 1`;
  return `level AS ((SELECT c.capability, h.priority, 1 AS n FROM unnest($1::text[]) c(capability)
       CROSS JOIN LATERAL (${highest('c.capability', '')}) h)
     UNION ALL (SELECT l.capability, h.priority, l.n + 1 FROM level l
       CROSS JOIN LATERAL (${highest('l.capability', ' AND x.priority < l.priority')}) h
       WHERE l.n < ${LEVELS_LOOKED_AT}))`;
}

/**
 * The most urgent of what is due, see `urgentSince`. Plan: of each priority the longest due from `job_urgent`, then by
 * `job_uid_key` in their order, past what another node has locked; IS TRUE keeps it from reading all that is due from an index
 * instead, which it prefers while the statistics say that little is. If that leaves room, because others have the urgent ones or
 * there are very many priorities, the longest due from `job_due`: the lock is inside, so that a node skips what another has and
 * finds the next. No row beyond the limit is locked.
 */
export async function lockDueJobs(
  query: Query,
  tables: Tables,
  request: PassRequest,
): Promise<{ jobs: JobEntity[]; missedUntil: Date | null }> {
  const { job } = tables;
  const isDue = `d.state = 'active' AND d.wake_at <= now() AND d.uid <> ALL($3::uuid[]) AND ${unlessPaused(tables)}`;
  const { rows } = await query(
    `WITH RECURSIVE ${levels(job, `x.state = 'active'`)}, wanted AS (
       SELECT w.uid FROM level l CROSS JOIN LATERAL (
         SELECT d.uid FROM ${job} d WHERE ${isDue} AND d.capability = l.capability AND d.priority = l.priority
         ORDER BY d.wake_at LIMIT $2 + ${FOR_OTHERS}) w
     ), urgent AS MATERIALIZED (
       SELECT * FROM ${job} d WHERE d.uid = ANY(ARRAY(SELECT uid FROM wanted))
         AND (${isDue} AND d.capability = ANY($1::text[])) IS TRUE
       ORDER BY ${urgentSinceSql('d.wake_at', 'd.priority')}, d.wake_at LIMIT $2 FOR NO KEY UPDATE OF d SKIP LOCKED
     ), others AS MATERIALIZED (
       SELECT o.* FROM unnest($1::text[]) c(capability) CROSS JOIN LATERAL (
         SELECT * FROM ${job} d WHERE ${isDue} AND d.capability = c.capability
           AND d.uid <> ALL(ARRAY(SELECT uid FROM urgent))
         ORDER BY d.wake_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED) o
       LIMIT $2 - (SELECT count(*) FROM urgent)
     ) SELECT ${selectList(JobEntity, 'j')}, ${missedUntil(tables)} AS vigil_missed_until
       FROM (SELECT * FROM urgent UNION ALL SELECT * FROM others) j`,
    [request.capabilities, request.limit, request.undecided],
  );
  const jobs = rows.map((row) => decodeRow(JobEntity, row));
  return { jobs, missedUntil: decodeMissedUntil(rows[0]?.vigil_missed_until) };
}

/**
 * Jobs that are not due, of executions that are: those of the most urgent first, and those that have only a backfill last.
 * Plan: the uids first, of each priority from `job_execution_urgent`, and from `job_execution_backfill`, as an array; then the
 * jobs by `job_uid_key`. As a join the whole falls into a scan.
 */
export async function lockJobsOfWaiting(
  query: Query,
  tables: Tables,
  request: PassRequest,
  locked: readonly string[],
): Promise<JobEntity[]> {
  const oldest = (of: string): string =>
    `SELECT e.job_uid, ${urgentSinceSql('e.available_at', 'e.priority')} AS since FROM ${tables.execution} e
         WHERE e.status = 'pending' AND ${IS_WAITING} AND e.capability = l.capability${of} AND e.available_at <= now()
           AND e.job_uid <> ALL($3::uuid[]) AND ${isOffered(tables)}
         ORDER BY e.available_at LIMIT ${WAITING_LOOKED_AT}`;
  const priorities = levels(tables.execution, `x.status = 'pending' AND ${isWaiting('x')}`);
  const { rows } = await query(
    `WITH RECURSIVE ${backfilledJobs(tables)}, ${priorities}, waiting AS (
       SELECT w.* FROM level l CROSS JOIN LATERAL (${oldest(' AND e.priority = l.priority')}) w
       UNION ALL
       SELECT w.* FROM level l CROSS JOIN LATERAL (${oldest('')}) w WHERE l.n = ${LEVELS_LOOKED_AT}
     ), wanted AS MATERIALIZED (
       SELECT ARRAY(
         SELECT job_uid FROM waiting GROUP BY job_uid ORDER BY min(since) LIMIT $2 + ${FOR_OTHERS}) || ARRAY(
         SELECT b.job_uid FROM backfilled b
         WHERE b.available_at <= now() AND b.job_uid <> ALL($3::uuid[]) AND ${isForUs(tables)}
         ORDER BY b.available_at LIMIT $2 + ${FOR_OTHERS}) AS uids)
     SELECT ${selectList(JobEntity, 'j')} FROM ${tables.job} j
     WHERE ${unlessPaused(tables)} AND j.uid = ANY((SELECT uids FROM wanted)::uuid[])
     ORDER BY array_position((SELECT uids FROM wanted), j.uid)
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
