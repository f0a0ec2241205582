import { NODE_LOST } from '../execution-row.js';
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
 * One batch of what the dead node owns, by `job_execution_owner`. A row that is locked belongs to a handler whose
 * transaction is still open; it is left for the next time.
 */
export async function takeOver(query: Query, tables: Tables, incarnation: string): Promise<Rescued[]> {
  return await takeOverWhere(query, tables, 'e.owner = $2', [incarnation]);
}

/** @param where about the execution `e`; its parameters begin with $2 */
export async function takeOverWhere(
  query: Query,
  { execution, attempt, job }: Tables,
  where: string,
  parameters: readonly unknown[],
): Promise<Rescued[]> {
  const { rows } = await query(
    `WITH lost AS (
       SELECT e.id, e.lease_epoch, e.attempt, e.node_name, e.claimed_at,
         CASE WHEN e.cancel_requested_at IS NOT NULL OR NOT EXISTS (SELECT 1 FROM ${job} g WHERE g.uid = e.job_uid)
             THEN 'cancelled'
           WHEN e.on_node_loss = 'abandon' OR e.crashes + 1 >= e.max_crashes THEN 'abandoned'
           ELSE 'pending' END AS becomes
       FROM ${execution} e WHERE ${where} LIMIT ${BATCH} FOR NO KEY UPDATE SKIP LOCKED
     ), kept AS (
       INSERT INTO ${attempt} (execution_id, lease_epoch, attempt, node_name, started_at, finished_at, error)
       SELECT id, lease_epoch, attempt, node_name, coalesce(claimed_at, now()), now(), $1::jsonb FROM lost
       WHERE becomes = 'pending' ON CONFLICT DO NOTHING
     ) UPDATE ${execution} e SET status = lost.becomes, owner = NULL, lease_epoch = e.lease_epoch + 1,
         crashes = e.crashes + 1, attempt = e.attempt - CASE WHEN lost.becomes = 'pending' THEN 1 ELSE 0 END,
         available_at = now(), finished_at = CASE WHEN lost.becomes <> 'pending' THEN now() END
       FROM lost WHERE e.id = lost.id RETURNING e.id, e.job_id, e.status`,
    [JSON.stringify(NODE_LOST), ...parameters],
  );
  return rows.map((row) => ({
    executionId: String(row.id),
    jobId: String(row.job_id),
    status: row.status as Rescued['status'],
  }));
}

/** A node without a row is not alive and can claim nothing: `owner` references it. */
export async function removeNode(query: Query, { node, execution }: Tables, incarnation: string): Promise<void> {
  await query(
    `DELETE FROM ${node} WHERE incarnation = $1 AND NOT EXISTS (SELECT 1 FROM ${execution} WHERE owner = $1)`,
    [incarnation],
  );
}
