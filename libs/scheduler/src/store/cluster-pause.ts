import { noSchedulerIn } from './database-errors.js';
import { decodeInstant, instant } from './entity-rows.js';
import type { ClusterPause, PauseNote } from './job-store.js';
import type { Query } from './lease.js';
import { notify } from './notifications.js';
import { storable } from './storable.js';
import type { Tables } from './tables.js';

/** The row's pause as JSON, for a statement that reads something else as well; null: there is none. */
export function pauseAsJson({ scheduler }: Tables): string {
  return `(SELECT json_build_array(paused_reason, paused_by, ${instant('paused_at')}) FROM ${scheduler} WHERE paused LIMIT 1)::text`;
}

/** When what fell into the last pause ends. */
export function missedUntil({ scheduler }: Tables): string {
  return instant(`(SELECT missed_until FROM ${scheduler} LIMIT 1)`);
}

export function decodePause(text: unknown): ClusterPause | null {
  if (typeof text !== 'string') return null;
  const [reason, by, at] = JSON.parse(text) as [string | null, string | null, number | null];
  return { reason, by, at: at === null ? null : decodeInstant(at) };
}

export function decodeMissedUntil(value: unknown): Date | null {
  return value === null || value === undefined ? null : decodeInstant(value);
}

export async function readPause(query: Query, tables: Tables): Promise<ClusterPause | null> {
  const { rows } = await query(`SELECT ${pauseAsJson(tables)} AS pause`);
  return decodePause(rows[0]?.pause);
}

/**
 * Passes share a lock until they are over on the server, and this one is had alone: what they claim is there before the
 * pause, and what comes later sees it. An advisory lock, for a row's would be written by every pass, and whoever asks for
 * it alone would wait for ever while others go on sharing it.
 */
export async function pauseCluster(query: Query, tables: Tables, { reason, by }: PauseNote): Promise<ClusterPause> {
  await query(`SELECT pg_advisory_xact_lock($1)`, [tables.pauseLock]);
  const { rowCount } = await query(
    `UPDATE ${tables.scheduler} SET paused = true, paused_reason = $1, paused_by = $2,
       paused_at = date_trunc('milliseconds', clock_timestamp()) WHERE NOT paused`,
    [reason === null ? null : storable(reason), by === null ? null : storable(by)],
  );
  if (rowCount > 0) await notify(query, tables);
  const pause = await readPause(query, tables);
  if (pause !== null) return pause;
  throw noSchedulerIn(tables.schema);
}

/** The row's own lock is enough: a pass that began in the pause has seen it, and one that begins after it sees the span. */
export async function resumeCluster(query: Query, tables: Tables, { catchUp }: { catchUp: boolean }): Promise<boolean> {
  const span = `greatest(missed_until, date_trunc('milliseconds', clock_timestamp()))`;
  const { rowCount } = await query(
    `UPDATE ${tables.scheduler} SET paused = false, paused_reason = NULL, paused_by = NULL, paused_at = NULL,
       missed_until = CASE WHEN $1 THEN missed_until ELSE ${span} END WHERE paused`,
    [catchUp],
  );
  if (rowCount === 0) return false;
  await notify(query, tables);
  return true;
}
