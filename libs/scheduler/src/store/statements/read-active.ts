import { decodeBoolean, decodeInstant, decodeList, instant } from '../entity-rows.js';
import type { JobSnapshot, PendingExecution } from '../job-store.js';
import type { Query } from '../lease.js';
import type { Tables } from '../tables.js';
import { urgentSinceSql } from '../urgency.js';
import { firstOfBackfill, IS_ACTIVE, IS_OFFERED, IS_QUEUED, IS_WAITING } from './offered.js';

export type ActiveOfJob = Omit<JobSnapshot, 'job' | 'isDue'>;
export interface Active {
  /** By uid. */
  jobs: Map<string, ActiveOfJob>;
  /** uids of jobs of which something has ended that is not counted yet. */
  uncounted: string[];
}

const SINCE = instant(urgentSinceSql('e.available_at', 'e.priority'));

/**
 * What is active of jobs that are locked. It has to be a statement of its own after the one that locks: that one may
 * have waited, and would count with the snapshot from before its wait.
 *
 * Plan: for each job its few entries in `job_execution_active`, once; a backfill is among them to be counted, and the first
 * of it is taken from `job_execution_backfill`; what is not counted yet, from `job_execution_uncounted`.
 */
export async function readActive(
  query: Query,
  tables: Tables,
  uids: readonly string[],
  limit: number,
): Promise<Active> {
  const { rows } = await query(
    `SELECT o.uid, a.active, a.stopping, a.queued, a.queued_fires, a.pending::text AS pending,
       b.pending::text AS backfill, c.uncounted
     FROM ${tables.job} o CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE ${IS_ACTIVE}) AS active,
         count(*) FILTER (WHERE e.status = 'running' AND e.cancel_requested_at IS NOT NULL) AS stopping,
         count(*) FILTER (WHERE ${IS_QUEUED}) AS queued,
         count(*) FILTER (WHERE ${IS_QUEUED} AND e.kind = 'schedule') AS queued_fires,
         to_json((array_agg(json_build_array(e.id, e.kind, e.lease_epoch > 0, ${SINCE})
           ORDER BY e.lease_epoch > 0 DESC, ${urgentSinceSql('e.available_at', 'e.priority')}, e.scheduled_at)
           FILTER (WHERE e.status = 'pending' AND ${IS_WAITING} AND e.available_at <= now() AND ${IS_OFFERED}))[1:$2])
           AS pending
       FROM ${tables.execution} e WHERE e.job_uid = o.uid AND e.status IN ('pending', 'running')) a
     CROSS JOIN LATERAL (
       SELECT json_agg(json_build_array(q.id, 'backfill', false, ${instant('q.scheduled_at')}) ORDER BY q.scheduled_at) AS pending
       FROM (${firstOfBackfill(tables, 'o.uid', '$2')}) q) b
     CROSS JOIN LATERAL (
       SELECT EXISTS (SELECT 1 FROM ${tables.execution} u WHERE u.job_uid = o.uid AND u.uncounted) AS uncounted) c
     WHERE o.uid = ANY($1::uuid[]) AND (a.active > 0 OR a.queued > 0 OR b.pending IS NOT NULL OR c.uncounted)`,
    [uids, limit],
  );
  const jobs = new Map(
    rows.map((row): [string, ActiveOfJob] => [
      String(row.uid),
      {
        active: Number(row.active),
        stopping: Number(row.stopping),
        queued: Number(row.queued),
        queuedFires: Number(row.queued_fires),
        pending: [...decodePending(row.pending), ...decodePending(row.backfill)].slice(0, limit),
      },
    ]),
  );
  return { jobs, uncounted: rows.filter((row) => decodeBoolean(row.uncounted)).map((row) => String(row.uid)) };
}

function decodePending(text: unknown): PendingExecution[] {
  return decodeList<[string, PendingExecution['kind'], unknown, number]>(text).map(([id, kind, isReoffered, since]) => {
    return { id, kind, isReoffered: decodeBoolean(isReoffered), urgentSince: decodeInstant(since) };
  });
}
