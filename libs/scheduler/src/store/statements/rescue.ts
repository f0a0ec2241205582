import { asText } from '../entity-rows.js';
import { ABANDONED_REASON, NODE_LOST } from '../execution-row.js';
import type { Rescued } from '../job-store.js';
import type { Query } from '../lease.js';
import type { Tables } from '../tables.js';

const BATCH = 500;

/** False: the node moved since, its lease runs, or another rescuer has it. */
export async function lockDeadNode(
  query: Query,
  { node }: Tables,
  incarnation: string,
  beat: string,
): Promise<boolean> {
  const { rows } = await query(
    `SELECT 1 FROM ${node} WHERE incarnation = $1 AND beat = $2 AND lease_until < now() FOR UPDATE SKIP LOCKED`,
    [incarnation, beat],
  );
  return rows.length > 0;
}

/**
 * One batch of what the dead node owns, by `job_execution_owner`. A job whose run took down too many processes says so,
 * unless somebody has its row locked. An execution that is locked belongs to a handler whose transaction is still open;
 * it is left for the next time.
 */
export async function takeOver(query: Query, tables: Tables, incarnation: string): Promise<Rescued[]> {
  return await takeOverWhere(query, tables, 'e.owner = $3', [incarnation]);
}

/** @param where about the execution `e`; its parameters begin with $3 */
export async function takeOverWhere(
  query: Query,
  { execution, attempt, job }: Tables,
  where: string,
  parameters: readonly unknown[],
): Promise<Rescued[]> {
  const { rows } = await query(
    `WITH lost AS (
       SELECT e.id, e.job_uid, e.scheduled_at, e.lease_epoch, e.attempt, e.node_name, e.claimed_at,
         e.crashes + 1 AS crashes, e.on_node_loss <> 'abandon' AS is_poison,
         CASE WHEN e.cancel_requested_at IS NOT NULL OR NOT EXISTS (SELECT 1 FROM ${job} g WHERE g.uid = e.job_uid)
             THEN 'cancelled'
           WHEN e.on_node_loss = 'abandon' OR e.crashes + 1 >= e.max_crashes THEN 'abandoned'
           ELSE 'pending' END AS becomes
       FROM ${execution} e WHERE ${where} LIMIT ${BATCH} FOR NO KEY UPDATE SKIP LOCKED
     ), kept AS (
       INSERT INTO ${attempt} (execution_id, lease_epoch, attempt, node_name, started_at, finished_at, error)
       SELECT id, lease_epoch, attempt, node_name, coalesce(claimed_at, now()), now(), $1::jsonb FROM lost
       WHERE becomes = 'pending' ON CONFLICT DO NOTHING
     ), poison AS (
       SELECT * FROM lost WHERE becomes = 'abandoned' AND is_poison
     ), free AS (
       SELECT uid FROM ${job} WHERE uid IN (SELECT job_uid FROM poison) FOR NO KEY UPDATE SKIP LOCKED
     ), told AS (
       UPDATE ${job} j SET state_reason = format('its run of %s (execution %s) took down %s processes and was abandoned',
         to_char(poison.scheduled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), poison.id, poison.crashes)
       FROM poison JOIN free ON free.uid = poison.job_uid WHERE j.uid = poison.job_uid AND j.state IN ('active', 'finished')
     ) UPDATE ${execution} e SET status = lost.becomes, owner = NULL, lease_epoch = e.lease_epoch + 1,
         crashes = e.crashes + 1, attempt = e.attempt - CASE WHEN lost.becomes = 'pending' THEN 1 ELSE 0 END,
         reason = CASE WHEN lost.becomes <> 'abandoned' THEN e.reason
           WHEN lost.is_poison THEN format('it took down %s processes', lost.crashes) ELSE $2 END,
         available_at = now(), finished_at = CASE WHEN lost.becomes <> 'pending' THEN now() END
       FROM lost WHERE e.id = lost.id RETURNING e.id, e.job_id, e.node_name, e.status, e.reason`,
    [JSON.stringify(NODE_LOST), ABANDONED_REASON, ...parameters],
  );
  return rows.map((row) => ({
    executionId: String(row.id),
    jobId: String(row.job_id),
    node: row.node_name === null ? null : asText(row.node_name),
    status: row.status as Rescued['status'],
    reason: row.reason === null ? null : asText(row.reason),
  }));
}

/** A node without a row is not alive and can claim nothing: `owner` references it. */
export async function removeNode(query: Query, { node, execution }: Tables, incarnation: string): Promise<void> {
  await query(
    `DELETE FROM ${node} WHERE incarnation = $1 AND NOT EXISTS (SELECT 1 FROM ${execution} WHERE owner = $1)`,
    [incarnation],
  );
}
