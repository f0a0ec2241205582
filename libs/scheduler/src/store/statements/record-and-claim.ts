import { columnNames, decodeRow, encodeRow, encodeValue, selectList } from '../entity-rows.js';
import { JobExecutionEntity } from '../job-execution.entity.js';
import type { JobAdvance, JobQuarantine } from '../job-store.js';
import type { Query } from '../lease.js';
import type { Tables } from '../tables.js';

/** `cancelled`: how many executions of the job were cancelled or asked to stop for a newer fire. */
export type CountedAdvance = JobAdvance & { cancelled: number };

export interface PassWrites {
  rows: readonly JobExecutionEntity[];
  advances: readonly CountedAdvance[];
  quarantines: readonly JobQuarantine[];
  claims: readonly string[];
  claim: { incarnation: string; nodeName: string };
  now: Date;
}

/**
 * Records, advances and claims in one round trip. The three parts touch different rows, so their common snapshot does no
 * harm. Claims are by id: a join with the choice of what to claim falls into a bad plan.
 */
export async function recordAndClaim(
  query: Query,
  tables: Tables,
  writes: PassWrites,
): Promise<{ recorded: JobExecutionEntity[]; claimed: JobExecutionEntity[] }> {
  const columns = columnNames(JobExecutionEntity);
  const returned = selectList(JobExecutionEntity, 'e');
  const { rows } = await query(
    `WITH recorded AS (
       INSERT INTO ${tables.execution} AS e (${columns})
       SELECT ${columns} FROM jsonb_populate_recordset(NULL::${tables.execution}, $1::jsonb)
       ON CONFLICT (job_uid, scheduled_at) WHERE kind = 'schedule' DO NOTHING RETURNING ${returned}
     ), ${advanced(tables)}, claimed AS (
       UPDATE ${tables.execution} e SET status = 'running', owner = $4, node_name = $5, attempt = e.attempt + 1,
         lease_epoch = e.lease_epoch + 1, started_at = coalesce(e.started_at, $6), claimed_at = $6
       WHERE e.id = ANY($3::uuid[]) AND e.status = 'pending' RETURNING ${returned}
     ) SELECT 'recorded' AS part, recorded.* FROM recorded UNION ALL SELECT 'claimed', claimed.* FROM claimed`,
    [
      JSON.stringify(writes.rows.map((row) => encodeRow(JobExecutionEntity, row))),
      JSON.stringify([...writes.advances.map(encodeAdvance), ...writes.quarantines.map(encodeQuarantine)]),
      writes.claims,
      writes.claim.incarnation,
      writes.claim.nodeName,
      writes.now.toISOString(),
    ],
  );
  const part = (name: string, order: readonly string[]): JobExecutionEntity[] =>
    inOrder(
      rows.filter((row) => row.part === name).map((row) => decodeRow(JobExecutionEntity, row)),
      order,
    );
  return {
    recorded: part(
      'recorded',
      writes.rows.map(({ id }) => id),
    ),
    claimed: part('claimed', writes.claims),
  };
}

/** A job that was paused or quarantined keeps its place, whatever was decided. */
function advanced({ job }: Tables): string {
  const state = `CASE WHEN a.reason IS NOT NULL THEN 'quarantined' WHEN a.next_run_at IS NULL THEN 'finished' ELSE j.state END`;
  const unlessQuarantined = (column: string): string =>
    `${column} = CASE WHEN a.reason IS NULL THEN a.${column} ELSE j.${column} END`;
  return `advanced AS (
    UPDATE ${job} j SET ${unlessQuarantined('next_run_at')}, ${unlessQuarantined('wake_at')},
      ${unlessQuarantined('tz_version')},
      run_count = j.run_count + coalesce(a.runs, 0), missed_count = j.missed_count + coalesce(a.missed, 0),
      skipped_count = j.skipped_count + coalesce(a.skipped, 0), queued_count = j.queued_count + coalesce(a.queued, 0),
      cancelled_count = j.cancelled_count + coalesce(a.cancelled, 0),
      last_instant = greatest(j.last_instant, a.last_instant), state = ${state},
      state_at = CASE WHEN ${state} = j.state THEN j.state_at ELSE $6::timestamptz END,
      state_by = CASE WHEN ${state} = j.state THEN j.state_by END,
      state_reason = CASE WHEN a.reason IS NOT NULL THEN a.reason WHEN ${state} = j.state THEN j.state_reason END
    FROM jsonb_to_recordset($2::jsonb) a(uid uuid, next_run_at timestamptz, wake_at timestamptz,
      last_instant timestamptz, tz_version text, runs int, missed int, skipped int, queued int, cancelled int, reason text)
    WHERE j.uid = a.uid AND j.state = 'active')`;
}

function encodeAdvance({ nextRunAt, wakeAt, lastInstant, tzVersion, ...counts }: CountedAdvance): object {
  return {
    ...counts,
    next_run_at: encodeValue(nextRunAt),
    wake_at: encodeValue(wakeAt),
    last_instant: encodeValue(lastInstant),
    tz_version: tzVersion,
  };
}

function encodeQuarantine({ uid, reason }: JobQuarantine): object {
  return { uid, reason: reason.replaceAll('\u0000', '') };
}

function inOrder(rows: JobExecutionEntity[], ids: readonly string[]): JobExecutionEntity[] {
  const places = new Map(ids.map((id, place) => [id, place]));
  return rows.sort((a, b) => (places.get(a.id) ?? 0) - (places.get(b.id) ?? 0));
}
