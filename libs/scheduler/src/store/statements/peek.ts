import { decodeMissedUntil, decodePause, missedUntil, pauseAsJson } from '../cluster-pause.js';
import { decodeInstant, decodeList, instant } from '../entity-rows.js';
import type { Peek } from '../job-store.js';
import type { Query } from '../lease.js';
import type { Tables } from '../tables.js';
import { backfilledJobs, IS_WAITING, isForUs, isOffered } from './offered.js';

/**
 * Plan: for each capability the first entry of `job_due`, and a walk along `job_execution_waiting` to the first one that
 * is offered; a step for each job with a backfill; and what this node runs, by `job_execution_owner`. It costs the same
 * with ten jobs as with ten million.
 */
export async function peek(
  query: Query,
  tables: Tables,
  capabilities: readonly string[],
  blocked: readonly string[],
  incarnation: string | null,
): Promise<Peek> {
  const { rows } = await query(
    `WITH RECURSIVE ${backfilledJobs(tables)}
     SELECT ${instant(`date_trunc('milliseconds', now())`)} AS now,
       ${instant('least(due.at, waiting.at, backfill.at)')} AS next_at,
       (SELECT json_agg(json_build_object('executionId', e.id, 'reason', e.reason)) FROM ${tables.execution} e
         WHERE e.owner = $3 AND e.cancel_requested_at IS NOT NULL)::text AS stopping,
       ${pauseAsJson(tables)} AS pause, ${missedUntil(tables)} AS missed_until
     FROM (SELECT min(j.wake_at) AS at FROM unnest($1::text[]) c(capability) CROSS JOIN LATERAL (
             SELECT wake_at FROM ${tables.job} WHERE state = 'active' AND capability = c.capability AND wake_at IS NOT NULL
             ORDER BY wake_at LIMIT 1) j) due,
          (SELECT min(w.available_at) AS at FROM unnest($1::text[]) c(capability) CROSS JOIN LATERAL (
             SELECT e.available_at FROM ${tables.execution} e
             WHERE e.status = 'pending' AND ${IS_WAITING} AND e.capability = c.capability
               AND e.job_uid <> ALL($2::uuid[]) AND ${isOffered(tables)}
             ORDER BY e.available_at LIMIT 1) w) waiting,
          (SELECT min(b.available_at) AS at FROM backfilled b
           WHERE b.job_uid <> ALL($2::uuid[]) AND ${isForUs(tables)}) backfill`,
    [capabilities, blocked, incarnation],
  );
  const { now, next_at: nextAt = null, stopping, pause, missed_until: until } = rows[0] ?? {};
  return {
    now: decodeInstant(now),
    nextAt: nextAt === null ? null : decodeInstant(nextAt),
    stopping: decodeList<Peek['stopping'][number]>(stopping),
    pause: decodePause(pause),
    missedUntil: decodeMissedUntil(until),
  };
}
