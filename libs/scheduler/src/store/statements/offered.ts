import type { Tables } from '../tables.js';

/** What the rules mean: `waiting`. Of a pending or running execution `e`: whether it has a place under `maxInstances`. */
export const IS_ACTIVE = `(e.status = 'running' OR e.lease_epoch > 0)`;
/** And whether it waits for its first claim. */
export const IS_QUEUED = `(e.status = 'pending' AND e.lease_epoch = 0 AND e.kind <> 'backfill')`;

/**
 * Whether a pending execution `e` of the job `o` may be claimed at all: what a schedule made waits while its job is paused
 * or quarantined, what a person asked for does not.
 */
export const IS_OFFERED = `(e.kind <> 'schedule' OR o.state IN ('active', 'finished'))`;

/** The same where the job is not at hand: nothing of a job that is gone runs. */
export function isOffered({ job }: Tables): string {
  return `EXISTS (SELECT 1 FROM ${job} o WHERE o.uid = e.job_uid AND ${IS_OFFERED})`;
}

/** Of a pending execution: whether it is in `job_execution_waiting`, or else in `job_execution_backfill`. */
export function isWaiting(row: string): string {
  return `(${row}.kind <> 'backfill' OR ${row}.lease_epoch > 0)`;
}
export const IS_WAITING = isWaiting('e');
const IS_BACKFILL = `e.status = 'pending' AND e.kind = 'backfill' AND e.lease_epoch = 0`;

/**
 * The jobs of which something of a backfill waits that nobody has claimed, as `backfilled`: a step along
 * `job_execution_backfill` for each job, however long its backfill is.
 */
export function backfilledJobs({ execution }: Tables): string {
  const first = (after: string): string =>
    `SELECT e.job_uid, e.available_at FROM ${execution} e WHERE ${IS_BACKFILL}${after}
       ORDER BY e.job_uid, e.scheduled_at LIMIT 1`;
  return `backfilled AS ((${first('')}) UNION ALL
     SELECT n.* FROM backfilled b CROSS JOIN LATERAL (${first(' AND e.job_uid > b.job_uid')}) n)`;
}

/** Whether a node with the capabilities of $1 can run what is `backfilled` as `b`. */
export function isForUs({ job }: Tables): string {
  return `EXISTS (SELECT 1 FROM ${job} o WHERE o.uid = b.job_uid AND o.capability = ANY($1::text[]))`;
}

/** The first of a job's backfill, by its instants. */
export function firstOfBackfill({ execution }: Tables, uid: string, limit: string): string {
  return `SELECT e.id, e.scheduled_at FROM ${execution} e
    WHERE ${IS_BACKFILL} AND e.job_uid = ${uid} AND e.available_at <= now() ORDER BY e.scheduled_at LIMIT ${limit}`;
}
