import { randomUUID } from 'node:crypto';

import { copyOf } from './copy.js';
import { decodeRow, selectList } from './entity-rows.js';
import { ExecutionNotFoundError, JobNotFoundError } from './errors.js';
import { checkOwn, newBackfillRow, newManualRow, newRetryRow, submittedOf } from './execution-row.js';
import { JobExecutionEntity } from './job-execution.entity.js';
import type { NewBackfill, NewManualExecution, NewRetry } from './job-store.js';
import { databaseNow, insertExecutions } from './job-writes.js';
import { JobEntity } from './job.entity.js';
import type { Query } from './lease.js';
import { notify } from './notifications.js';
import { insertBackfill, readBatch } from './statements/insert-backfill.js';
import { isStorable, isUuid } from './storable.js';
import type { Tables } from './tables.js';

/** A manual run must not wait for a pass, nor hold one up; only the removal of its job waits for it. */
export async function addManualExecution(
  query: Query,
  tables: Tables,
  jobId: string,
  execution: NewManualExecution,
): Promise<JobExecutionEntity> {
  const own = { jobId, retryOf: null };
  const existing = await readExecution(query, tables, execution.id);
  if (existing) return checkOwn(existing, own);
  const job = await readKept(query, tables, jobId);
  return await insertOwn(query, tables, newManualRow(job, execution, await databaseNow(query)), own);
}

/** What has ended stays as it is, so that its row needs no lock. */
export async function retryExecution(
  query: Query,
  tables: Tables,
  executionId: string,
  retry: NewRetry,
): Promise<JobExecutionEntity> {
  const retried = await readExecution(query, tables, executionId);
  if (!retried) throw new ExecutionNotFoundError(executionId);
  const own = { jobId: retried.jobId, retryOf: retried.id };
  const existing = await readExecution(query, tables, retry.id);
  if (existing) return checkOwn(existing, own);
  const planned = { ...retry, ...retry.plan(structuredClone(retried)) };
  const job = await readKept(query, tables, retried.jobId);
  return await insertOwn(query, tables, newRetryRow(job, retried, planned, await databaseNow(query)), own);
}

/** Another call with the same id may come first. */
async function insertOwn(
  query: Query,
  tables: Tables,
  row: JobExecutionEntity,
  own: Parameters<typeof checkOwn>[1],
): Promise<JobExecutionEntity> {
  const [inserted] = await insertExecutions(query, tables, [row], 'ON CONFLICT (id) DO NOTHING');
  if (inserted) await notify(query, tables);
  const found = inserted ?? (await readExecution(query, tables, row.id));
  if (!found) throw new ExecutionNotFoundError(row.id);
  return checkOwn(found, own);
}

/** Like a manual run: it keeps the job, and passes go on. The first undecided instant only moves on meanwhile. */
export async function addBackfill(
  query: Query,
  tables: Tables,
  jobId: string,
  { batchId, reason, plan }: NewBackfill,
): Promise<number> {
  const existing = await readBatch(query, tables, batchId, jobId);
  if (existing) return submittedOf(existing, batchId, jobId);
  const job = await readKept(query, tables, jobId);
  const now = await databaseNow(query);
  const instants = plan(copyOf(job), now);
  const [first] = instants;
  if (first === undefined) return 0;
  const ids = instants.map(() => randomUUID());
  const row = newBackfillRow(job, { id: ids[0] ?? '', batchId, scheduledAt: first, reason }, now);
  const inserted = await insertBackfill(query, tables, row, { ids, instants });
  if (inserted > 0) await notify(query, tables);
  const batch = await readBatch(query, tables, batchId, jobId);
  return batch ? submittedOf(batch, batchId, jobId) : inserted;
}

/** A job that stays until this transaction is over. A pass takes a lock that does not mind this one. */
async function readKept(query: Query, { job }: Tables, id: string): Promise<JobEntity> {
  if (!isStorable(id)) throw new JobNotFoundError(id);
  const { rows } = await query(`SELECT ${selectList(JobEntity, 'j')} FROM ${job} j WHERE j.id = $1 FOR KEY SHARE`, [
    id,
  ]);
  if (!rows[0]) throw new JobNotFoundError(id);
  return decodeRow(JobEntity, rows[0]);
}

export async function cancelExecution(
  query: Query,
  tables: Tables,
  id: string,
  reason: string | null,
): Promise<JobExecutionEntity> {
  if (!isUuid(id)) throw new ExecutionNotFoundError(id);
  const { rows } = await query(
    `WITH cancelled AS (
       UPDATE ${tables.execution} e SET
         status = CASE WHEN e.status = 'pending' THEN 'cancelled' ELSE e.status END,
         finished_at = CASE WHEN e.status = 'pending' THEN now() END,
         cancel_requested_at = CASE WHEN e.status = 'running' THEN now() ELSE e.cancel_requested_at END,
         reason = coalesce($2, e.reason)
       WHERE e.id = $1 AND (e.status = 'pending' OR e.status = 'running' AND e.cancel_requested_at IS NULL)
       RETURNING ${selectList(JobExecutionEntity, 'e')}) SELECT * FROM cancelled`,
    [id, reason],
  );
  const changed = rows[0] && decodeRow(JobExecutionEntity, rows[0]);
  if (changed?.status === 'running') await notify(query, tables);
  const found = changed ?? (await readExecution(query, tables, id));
  if (!found) throw new ExecutionNotFoundError(id);
  return found;
}

export async function readExecution(query: Query, tables: Tables, id: string): Promise<JobExecutionEntity | null> {
  if (!isUuid(id)) return null;
  const { rows } = await query(
    `SELECT ${selectList(JobExecutionEntity, 'e')} FROM ${tables.execution} e WHERE e.id = $1`,
    [id],
  );
  return rows[0] ? decodeRow(JobExecutionEntity, rows[0]) : null;
}
