import { decodeInstant, instant } from '../entity-rows.js';
import type { Peek } from '../job-store.js';
import type { Query } from '../lease.js';
import type { Tables } from '../tables.js';
import { isOffered } from './offered.js';

/**
 * Plan: for each capability the first entry of `job_due`, and a walk along `job_execution_pending` to the first one that
 * is offered. It costs the same with ten jobs as with ten million.
 */
export async function peek(
  query: Query,
  tables: Tables,
  capabilities: readonly string[],
  blocked: readonly string[],
): Promise<Peek> {
  const { rows } = await query(
    `SELECT ${instant(`date_trunc('milliseconds', now())`)} AS now, ${instant('least(due.at, waiting.at)')} AS next_at
     FROM (SELECT min(j.wake_at) AS at FROM unnest($1::text[]) c(capability) CROSS JOIN LATERAL (
             SELECT wake_at FROM ${tables.job} WHERE state = 'active' AND capability = c.capability AND wake_at IS NOT NULL
             ORDER BY wake_at LIMIT 1) j) due,
          (SELECT min(w.available_at) AS at FROM unnest($1::text[]) c(capability) CROSS JOIN LATERAL (
             SELECT e.available_at FROM ${tables.execution} e
             WHERE e.status = 'pending' AND e.capability = c.capability AND e.job_uid <> ALL($2::uuid[])
               AND ${isOffered(tables)}
             ORDER BY e.available_at LIMIT 1) w) waiting`,
    [capabilities, blocked],
  );
  const nextAt = rows[0]?.next_at;
  return { now: decodeInstant(rows[0]?.now), nextAt: nextAt === null ? null : decodeInstant(nextAt) };
}
