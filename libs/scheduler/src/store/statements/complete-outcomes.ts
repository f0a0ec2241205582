import { asText, decodeBoolean } from '../entity-rows.js';
import { JOB_REMOVED, NODE_LOST } from '../execution-row.js';
import type { OutcomeRecord } from '../job-store.js';
import type { Query } from '../lease.js';
import { logsJson, MOST_LOG_LINES } from '../log-lines.js';
import type { Tables } from '../tables.js';

export interface WrittenOutcome {
  /** Which of the outcomes given. */
  index: number;
  jobUid: string;
  status: OutcomeRecord['status'];
  /** What the row says now. */
  reason: string | null;
  /** It has to be counted for its job. */
  isUncounted: boolean;
}

/**
 * Plan: a nested loop over the outcomes, each by primary key. Fenced by id, epoch and status, hence repeatable. A retry
 * of what was asked to stop, or of a job that is gone, ends here instead: nobody would ever offer it again. A row that
 * somebody else has locked is left out: it must not hold up the others.
 */
export async function completeOutcomes(
  query: Query,
  tables: Tables,
  outcomes: readonly OutcomeRecord[],
): Promise<WrittenOutcome[]> {
  const { rows } = await query(completeStatement(tables), [
    outcomes.map((_, index) => index),
    outcomes.map((outcome) => outcome.executionId),
    outcomes.map((outcome) => outcome.leaseEpoch),
    outcomes.map((outcome) => outcome.status),
    outcomes.map((outcome) => outcome.delayMs),
    outcomes.map((outcome) => outcome.spendsAttempt),
    outcomes.map((outcome) => outcome.reason),
    outcomes.map((outcome) => json(outcome.error)),
    outcomes.map((outcome) => outcome.result),
    outcomes.map((outcome) => json(outcome.progress)),
    outcomes.map((outcome) => Math.round(outcome.durationMs)),
    outcomes.map((outcome) => outcome.logs?.from ?? null),
    outcomes.map((outcome) => logsJson(outcome.logs)),
  ]);
  return rows.map((row) => ({
    index: Number(row.n),
    jobUid: String(row.job_uid),
    status: row.status as OutcomeRecord['status'],
    reason: row.reason === null ? null : asText(row.reason),
    isUncounted: decodeBoolean(row.uncounted),
  }));
}

function completeStatement({ execution, attempt, job }: Tables): string {
  const becomes = `CASE WHEN v.status = 'pending' AND (e.cancel_requested_at IS NOT NULL
    OR NOT EXISTS (SELECT 1 FROM ${job} g WHERE g.uid = e.job_uid)) THEN 'cancelled' ELSE v.status END`;
  // a success is no news, unless there are failures, counted or not
  const endsFailures = `(EXISTS (SELECT 1 FROM ${job} g WHERE g.uid = e.job_uid AND g.consecutive_failures > 0)
    OR EXISTS (SELECT 1 FROM ${execution} u WHERE u.job_uid = e.job_uid AND u.uncounted)
    OR EXISTS (SELECT 1 FROM v f WHERE f.status IN ('failed', 'timed-out')))`;
  return `WITH v AS (SELECT * FROM unnest($1::int[], $2::uuid[], $3::int[], $4::text[], $5::float8[], $6::boolean[],
      $7::text[], $8::text[], $9::text[], $10::text[], $11::int[], $12::int[], $13::text[])
      v(n, id, epoch, status, delay_ms, spends, reason, error, result, progress, duration_ms, logs_from, logs)
    ), free AS (
      SELECT v.*, e.id AS execution_id FROM v JOIN ${execution} e ON e.id = v.id
      WHERE e.lease_epoch = v.epoch AND e.status = 'running' FOR NO KEY UPDATE OF e SKIP LOCKED
    ), done AS (
      UPDATE ${execution} e SET status = ${becomes}, owner = NULL,
        attempt = e.attempt - CASE WHEN v.spends THEN 0 ELSE 1 END,
        finished_at = CASE WHEN ${becomes} <> 'pending' THEN now() END,
        available_at = CASE WHEN v.status = 'pending' THEN now() + v.delay_ms * interval '1 ms' ELSE e.available_at END,
        reason = CASE WHEN ${becomes} <> 'cancelled' THEN v.reason
          WHEN e.cancel_requested_at IS NOT NULL THEN coalesce(e.reason, v.reason)
          WHEN v.status = 'pending' THEN '${JOB_REMOVED}' ELSE coalesce(v.reason, e.reason) END,
        error = v.error::jsonb, result = v.result::jsonb, progress = coalesce(v.progress::jsonb, e.progress),
        duration_ms = CASE WHEN ${becomes} = 'pending' THEN e.duration_ms ELSE v.duration_ms END,
        logs = CASE WHEN v.logs IS NULL THEN e.logs
          ELSE (e.logs[1:v.logs_from] || ARRAY(SELECT jsonb_array_elements_text(v.logs::jsonb)))
            [greatest(1, v.logs_from + jsonb_array_length(v.logs::jsonb) - ${MOST_LOG_LINES} + 1):] END,
        uncounted = v.status IN ('failed', 'timed-out') OR v.status = 'succeeded' AND ${endsFailures}
      FROM free v WHERE e.id = v.execution_id AND e.lease_epoch = v.epoch AND e.status = 'running'
      RETURNING v.n, e.id, e.job_uid, e.lease_epoch, e.status, e.reason, e.uncounted, e.node_name, e.claimed_at, e.error,
        e.attempt + CASE WHEN v.spends THEN 0 ELSE 1 END AS attempt
    ), kept AS (
      INSERT INTO ${attempt} (execution_id, lease_epoch, attempt, node_name, started_at, finished_at, error)
      SELECT id, lease_epoch, attempt, node_name, coalesce(claimed_at, now()), now(), error FROM done
      WHERE status = 'pending' ON CONFLICT DO NOTHING
    ) SELECT n, job_uid, status, reason, uncounted FROM done`;
}

export interface WrittenBefore {
  status: OutcomeRecord['status'] | 'running' | null;
  reason: string | null;
}

/** Waits for whoever has them, such as a cancel, within the transaction's lock timeout: there is no next time for these. */
export async function lockExecutions(
  query: Query,
  { execution }: Tables,
  outcomes: readonly OutcomeRecord[],
): Promise<void> {
  await query(`SELECT 1 FROM ${execution} WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE`, [
    outcomes.map((outcome) => outcome.executionId),
  ]);
}

/**
 * Of outcomes that were not written just now: what had been written; `running`: nothing yet, somebody else had the row;
 * null: nothing, ever. An execution that stopped running under this epoch was ended by its owner, and a retry left its
 * attempt; a takeover changes the epoch and leaves its own mark.
 */
export async function writtenBefore(
  query: Query,
  { execution, attempt }: Tables,
  outcomes: readonly OutcomeRecord[],
): Promise<WrittenBefore[]> {
  const { rows } = await query(
    `SELECT CASE WHEN EXISTS (SELECT 1 FROM ${attempt} a WHERE a.execution_id = v.id AND a.lease_epoch = v.epoch
           AND a.error ->> 'name' IS DISTINCT FROM '${NODE_LOST.name}') THEN 'pending'
         WHEN e.lease_epoch = v.epoch THEN e.status END AS status, e.reason
     FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY v(id, epoch, n)
     LEFT JOIN ${execution} e ON e.id = v.id ORDER BY v.n`,
    [outcomes.map((outcome) => outcome.executionId), outcomes.map((outcome) => outcome.leaseEpoch)],
  );
  return rows.map((row) => ({
    status: row.status as WrittenBefore['status'],
    reason: row.reason === null ? null : asText(row.reason),
  }));
}

function json(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}
