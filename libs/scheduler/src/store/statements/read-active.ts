import { decodeBoolean } from '../entity-rows.js';
import type { PendingExecution } from '../job-store.js';
import type { Query } from '../lease.js';
import type { Tables } from '../tables.js';
import { isOffered } from './offered.js';

export interface ActiveOfJob {
  active: number;
  queued: number;
  pending: PendingExecution[];
}

/**
 * What is active of jobs that are locked. It has to be a statement of its own after the one that locks: that one may
 * have waited, and would count with the snapshot from before its wait.
 *
 * Plan: for each job its few entries in `job_execution_active`.
 */
export async function readActive(
  query: Query,
  tables: Tables,
  uids: readonly string[],
  limit: number,
): Promise<Map<string, ActiveOfJob>> {
  const { rows } = await query(
    `SELECT u.uid, a.active, a.queued, p.pending::text AS pending
     FROM unnest($1::uuid[]) u(uid) CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE status = 'running' OR lease_epoch > 0) AS active,
              count(*) FILTER (WHERE lease_epoch = 0 AND kind <> 'backfill') AS queued
       FROM ${tables.execution} WHERE job_uid = u.uid AND status IN ('pending', 'running')) a
     CROSS JOIN LATERAL (
       SELECT json_agg(json_build_array(q.id, q.lease_epoch > 0)) AS pending FROM (
         SELECT e.id, e.lease_epoch FROM ${tables.execution} e
         WHERE e.job_uid = u.uid AND e.status = 'pending' AND e.available_at <= now() AND ${isOffered(tables)}
         ORDER BY e.lease_epoch > 0 DESC, e.priority DESC, e.available_at, e.scheduled_at LIMIT $2) q) p
     WHERE a.active > 0 OR a.queued > 0 OR p.pending IS NOT NULL`,
    [uids, limit],
  );
  return new Map(
    rows.map((row) => [
      String(row.uid),
      { active: Number(row.active), queued: Number(row.queued), pending: decodePending(row.pending) },
    ]),
  );
}

function decodePending(text: unknown): PendingExecution[] {
  if (typeof text !== 'string') return [];
  const pairs = JSON.parse(text) as [string, unknown][];
  return pairs.map(([id, isReoffered]) => ({ id, isReoffered: decodeBoolean(isReoffered) }));
}
