import type { Transaction } from './connection-keeper.js';
import { decodeRow, selectList } from './entity-rows.js';
import type { DeclaredJob, JobStore } from './job-store.js';
import { JobEntity } from './job.entity.js';
import { databaseNow, readJobs, upsertJobs } from './job-writes.js';
import type { Query } from './lease.js';
import { notifyIfSoon } from './notifications.js';
import type { Tables } from './tables.js';

type Reconcile = Parameters<JobStore['syncJobs']>[1];

/** Replicas that boot together bring their jobs in one after the other. */
const SYNC_LOCK = 736_122_581;

export async function syncJobs(
  { query, nothingToCommit }: Transaction,
  tables: Tables,
  declared: readonly DeclaredJob[],
  reconcile: Reconcile,
): Promise<JobEntity[]> {
  if (declared.length === 0) {
    nothingToCommit();
    return [];
  }
  await query(`SELECT pg_advisory_xact_lock($1, hashtext($2))`, [SYNC_LOCK, tables.schema]);
  const now = await databaseNow(query);
  await rememberDefinitions(query, tables, declared, now);
  const inForce = await definitionsInForce(query, tables, declared);
  const ids = declared.map(({ id }) => id);
  const existing = new Map((await lockByIds(query, tables, ids)).map((job) => [job.id, job]));
  const rows = declared.flatMap((each) => {
    const input = { declared: each, inForce: inForce.get(each.id) ?? each.hash, now };
    return reconcile({ ...input, existing: existing.get(each.id) ?? null }) ?? [];
  });
  const written = await upsertJobs(query, tables, rows);
  await notifyIfSoon(query, tables, written, now);
  const all = new Map((await readJobs(query, tables, ids)).map((job) => [job.id, job]));
  return ids.flatMap((id) => all.get(id) ?? []);
}

/** Two versions first seen in one millisecond still have an order. */
async function rememberDefinitions(
  query: Query,
  { definition }: Tables,
  declared: readonly DeclaredJob[],
  now: Date,
): Promise<void> {
  const given = declared.map((each) => ({ job_id: each.id, hash: each.hash, definition: each.definition }));
  await query(
    `INSERT INTO ${definition} (job_id, hash, definition, first_seen_at)
     SELECT v.job_id, v.hash, v.definition, greatest($2::timestamptz, (
       SELECT max(first_seen_at) + interval '1 ms' FROM ${definition} d WHERE d.job_id = v.job_id))
     FROM jsonb_to_recordset($1::jsonb) v(job_id text, hash text, definition jsonb) ON CONFLICT DO NOTHING`,
    [JSON.stringify(given), now.toISOString()],
  );
}

/** The latest first seen among this version and those that live nodes announce: new code wins, and a rollback converges. */
async function definitionsInForce(
  query: Query,
  { definition, node }: Tables,
  declared: readonly DeclaredJob[],
): Promise<Map<string, string>> {
  const { rows } = await query(
    `SELECT DISTINCT ON (d.job_id) d.job_id, d.hash FROM unnest($1::text[], $2::text[]) v(id, hash)
     JOIN ${definition} d ON d.job_id = v.id
     WHERE d.hash = v.hash OR EXISTS (
       SELECT 1 FROM ${node} n WHERE n.lease_until > now() AND n.definitions ->> d.job_id = d.hash)
     ORDER BY d.job_id, d.first_seen_at DESC`,
    [declared.map(({ id }) => id), declared.map(({ hash }) => hash)],
  );
  return new Map(rows.map((row) => [String(row.job_id), String(row.hash)]));
}

async function lockByIds(query: Query, { job }: Tables, ids: readonly string[]): Promise<JobEntity[]> {
  const { rows } = await query(
    `SELECT ${selectList(JobEntity, 'j')} FROM ${job} j WHERE j.id = ANY($1::text[]) ORDER BY j.uid FOR NO KEY UPDATE`,
    [ids],
  );
  return rows.map((row) => decodeRow(JobEntity, row));
}
