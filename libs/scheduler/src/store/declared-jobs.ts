import type { ConnectionKeeper } from './connection-keeper.js';
import { decodeRow, selectList } from './entity-rows.js';
import type { JobExecutionEntity } from './job-execution.entity.js';
import type { DeclaredJob, JobStore, SyncResult } from './job-store.js';
import { JobEntity } from './job.entity.js';
import { databaseNow, decodeDefinition, definitionInRow, insertUnclaimed, readJobs, upsertJobs } from './job-writes.js';
import type { Query } from './lease.js';
import { notify } from './notifications.js';
import type { Tables } from './tables.js';

type Reconcile = Parameters<JobStore['syncJobs']>[1];

/** Replicas that boot together bring their jobs in one after the other. */
const SYNC_LOCK = 736_122_581;
const MOST_UNDECLARED = 1_000;

/** One read when the rows have these versions already, as at most boots: passes go on meanwhile. */
export async function syncJobs(
  keeper: ConnectionKeeper,
  tables: Tables,
  declared: readonly DeclaredJob[],
  reconcile: Reconcile,
): Promise<SyncResult> {
  if (declared.length === 0) return { jobs: [], recorded: [] };
  const ids = declared.map(({ id }) => id);
  const read = async (query: Query) => byId(await readJobs(query, tables, ids));
  const known = await keeper.run(read, { unanswered: 'not-written' });
  const others = declared.filter(({ id, hash }) => known.get(id)?.codeHash !== hash);
  if (others.length === 0) return { jobs: inOrder(ids, known), recorded: [] };
  return await keeper.transaction(async ({ query }) => {
    const recorded = await bringIn(query, tables, others, reconcile);
    return { jobs: inOrder(ids, await read(query)), recorded };
  });
}

/** What a process declares has a definition, what is added at run time has none: few rows, however many jobs there are. */
export async function undeclaredJobs(query: Query, { job, definition, node }: Tables): Promise<JobEntity[]> {
  const { rows } = await query(
    `SELECT ${selectList(JobEntity, 'j')} FROM ${job} j
     WHERE j.id IN (SELECT d.job_id FROM ${definition} d) AND j.source = 'code' AND j.state <> 'finished'
       AND j.orphaned_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM ${node} n WHERE n.lease_until > now() AND n.definitions ? j.id)
     ORDER BY j.id LIMIT ${MOST_UNDECLARED}`,
  );
  return rows.map((row) => decodeRow(JobEntity, row));
}

async function bringIn(
  query: Query,
  tables: Tables,
  declared: readonly DeclaredJob[],
  reconcile: Reconcile,
): Promise<JobExecutionEntity[]> {
  await query(`SELECT pg_advisory_xact_lock($1, hashtext($2))`, [SYNC_LOCK, tables.schema]);
  const now = await databaseNow(query);
  await rememberDefinitions(query, tables, declared, now);
  const inForce = await definitionsInForce(query, tables, declared);
  const ids = declared.map(({ id }) => id);
  const existing = new Map((await lockByIds(query, tables, ids)).map((each) => [each.existing.id, each]));
  const wanted = declared.flatMap((each) => {
    const found = existing.get(each.id) ?? { existing: null, former: null };
    // somebody else was first
    if (found.existing?.codeHash === each.hash) return [];
    return reconcile({ declared: each, inForce: inForce.get(each.id) ?? each.hash, now, ...found }) ?? [];
  });
  const rows = wanted.map(({ row }) => row);
  const written = await upsertJobs(query, tables, rows);
  // also of what is not due soon: who has another version has to know
  if (written.length > 0) await notify(query, tables);
  const records = new Map(wanted.map((sync) => [sync.row.id, sync.records ?? []]));
  const changes = written.map((job) => ({ job, records: records.get(job.id) ?? [] }));
  return await insertUnclaimed(query, tables, changes, now);
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

async function lockByIds(
  query: Query,
  tables: Tables,
  ids: readonly string[],
): Promise<{ existing: JobEntity; former: object | null }[]> {
  const { rows } = await query(
    `SELECT ${selectList(JobEntity, 'j')}, ${definitionInRow(tables)} AS vigil_definition
     FROM ${tables.job} j WHERE j.id = ANY($1::text[]) ORDER BY j.uid FOR NO KEY UPDATE OF j`,
    [ids],
  );
  return rows.map((row) => ({
    existing: decodeRow(JobEntity, row),
    former: decodeDefinition(row.vigil_definition),
  }));
}

function byId(jobs: readonly JobEntity[]): Map<string, JobEntity> {
  return new Map(jobs.map((job) => [job.id, job]));
}

function inOrder(ids: readonly string[], jobs: ReadonlyMap<string, JobEntity>): JobEntity[] {
  return ids.flatMap((id) => jobs.get(id) ?? []);
}
