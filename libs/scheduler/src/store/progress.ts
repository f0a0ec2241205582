import type { ConnectionKeeper } from './connection-keeper.js';
import { isUnwritable } from './database-errors.js';
import type { ProgressRecord } from './job-execution.entity.js';
import type { ProgressUpdate } from './job-store.js';
import type { Query } from './lease.js';
import { logsJson } from './log-lines.js';
import { storable } from './storable.js';
import type { Tables } from './tables.js';

/**
 * One that cannot be stored is dropped, so that it does not hold up the others; the next one of it may be better.
 *
 * @returns the ids of rows that somebody else has locked
 */
export async function saveProgress(
  keeper: ConnectionKeeper,
  tables: Tables,
  updates: readonly ProgressUpdate[],
): Promise<string[]> {
  if (updates.length === 0) return [];
  try {
    return await keeper.transaction(({ query }) => writeProgress(query, tables, updates));
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    if (updates.length === 1) return [];
    const locked: string[] = [];
    for (const update of updates) locked.push(...(await saveProgress(keeper, tables, [update])));
    return locked;
  }
}

/** Lines take their place only in a row that has those before them and none after: one that comes too late changes nothing. */
async function writeProgress(
  query: Query,
  { execution }: Tables,
  updates: readonly ProgressUpdate[],
): Promise<string[]> {
  const { rows } = await query(
    `WITH v AS (
       SELECT id, epoch, progress::jsonb AS progress, logs_from,
         ARRAY(SELECT jsonb_array_elements_text(logs::jsonb)) AS lines
       FROM unnest($1::uuid[], $2::int[], $3::text[], $4::int[], $5::text[]) u(id, epoch, progress, logs_from, logs)
     ), free AS (
       SELECT e.id AS free_id, v.* FROM v JOIN ${execution} e ON e.id = v.id
       WHERE e.lease_epoch = v.epoch AND e.status = 'running' FOR NO KEY UPDATE OF e SKIP LOCKED
     ), saved AS (
       UPDATE ${execution} e SET progress = coalesce(v.progress, e.progress),
         logs = CASE WHEN cardinality(e.logs) BETWEEN v.logs_from AND v.logs_from + cardinality(v.lines)
           THEN e.logs[1:v.logs_from] || v.lines ELSE e.logs END
       FROM free v WHERE e.id = v.free_id AND e.lease_epoch = v.epoch AND e.status = 'running'
     ) SELECT e.id FROM v JOIN ${execution} e ON e.id = v.id
       WHERE e.lease_epoch = v.epoch AND e.status = 'running' AND e.id NOT IN (SELECT free_id FROM free)`,
    [
      updates.map((each) => each.executionId),
      updates.map((each) => each.leaseEpoch),
      updates.map(({ progress }) => progressJson(progress)),
      updates.map(({ logs }) => logs?.from ?? null),
      updates.map(({ logs }) => logsJson(logs)),
    ],
  );
  return rows.map(({ id }) => String(id));
}

function progressJson(progress: ProgressRecord | null): string | null {
  if (progress === null) return null;
  const { fraction, message } = progress;
  return JSON.stringify({ fraction, message: message === null ? null : storable(message) });
}
