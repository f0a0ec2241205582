import { inTurns } from '../clock/turns.js';
import { columnNames, columnsOf, decodeInstant, decodeRow, encodeRow, instant, selectList } from './entity-rows.js';
import { JobConflictError, JobNotFoundError } from './errors.js';
import { CANCELLED_WITH_JOB, newExecutionRow } from './execution-row.js';
import { JobExecutionEntity } from './job-execution.entity.js';
import type { ChangeJob, ConflictRule, JobChange, NewExecution, PlanJobs } from './job-store.js';
import { JobEntity } from './job.entity.js';
import type { Query } from './lease.js';
import { notify, notifyIfSoon } from './notifications.js';
import { isStorable } from './storable.js';
import type { Tables } from './tables.js';

export async function databaseNow(query: Query): Promise<Date> {
  const { rows } = await query(`SELECT ${instant(`date_trunc('milliseconds', clock_timestamp())`)} AS now`);
  return decodeInstant(rows[0]?.now);
}

export async function addJobs(
  query: Query,
  tables: Tables,
  plan: PlanJobs,
  onConflict: ConflictRule,
): Promise<JobEntity[]> {
  const now = await databaseNow(query);
  const planned = await plan(now);
  const jobs = withoutDuplicates(planned, onConflict);
  const written =
    onConflict === 'replace' ? await upsertJobs(query, tables, jobs) : await insertJobs(query, tables, jobs);
  const byId = new Map(written.map((job) => [job.id, job]));
  const missing = jobs.filter(({ id }) => !byId.has(id)).map(({ id }) => id);
  if (missing[0] !== undefined && onConflict === 'error') throw new JobConflictError(missing[0]);
  await notifyIfSoon(query, tables, written, now);
  for (const kept of await readJobs(query, tables, missing)) byId.set(kept.id, kept);
  return planned.flatMap(({ id }) => byId.get(id) ?? []);
}

/** Two of one id in one call are a conflict like any other. */
function withoutDuplicates(jobs: readonly JobEntity[], onConflict: ConflictRule): JobEntity[] {
  const byId = new Map<string, JobEntity>();
  for (const job of jobs) {
    const isTaken = byId.has(job.id);
    if (isTaken && onConflict === 'error') throw new JobConflictError(job.id);
    if (!isTaken || onConflict === 'replace') byId.set(job.id, job);
  }
  return [...byId.values()];
}

async function insertJobs(query: Query, tables: Tables, jobs: readonly JobEntity[]): Promise<JobEntity[]> {
  return await writeJobs(query, tables, jobs, 'ON CONFLICT (id) DO NOTHING');
}

const COUNTERS = ['missed_count', 'skipped_count', 'queued_count', 'cancelled_count'];

/**
 * The new row in place of the old. It is still the same job: its instants, what is counted and what is active of it stay
 * its own; the last decided instant and the count of missed ones never go back.
 */
export async function upsertJobs(query: Query, tables: Tables, jobs: readonly JobEntity[]): Promise<JobEntity[]> {
  const own = new Set(['id', 'uid', 'created_at', 'last_instant', 'version', ...COUNTERS]);
  const growing = ['last_instant', 'missed_count'].map((name) => `${name} = greatest(j.${name}, excluded.${name})`);
  const set = columnsOf(JobEntity)
    .filter(({ name }) => !own.has(name))
    .map(({ name }) => `"${name}" = excluded."${name}"`)
    .join(', ');
  const conflict = `ON CONFLICT (id) DO UPDATE SET ${set}, ${growing.join(', ')}, version = j.version + 1`;
  const written = await writeJobs(query, tables, jobs, conflict);
  await moveWaiting(query, tables, written);
  return written;
}

/**
 * What waits goes with its job to the nodes that can run it now, and what runs will, should it wait once more. The job is
 * locked before its executions.
 */
async function moveWaiting(query: Query, tables: Tables, jobs: readonly JobEntity[]): Promise<void> {
  if (jobs.length === 0) return;
  const { rows } = await query(
    `WITH moved AS (
       UPDATE ${tables.execution} e SET capability = j.capability FROM ${tables.job} j
       WHERE j.uid = ANY($1::uuid[]) AND e.job_uid = j.uid AND e.status IN ('pending', 'running')
         AND e.capability <> j.capability
       RETURNING e.status) SELECT count(*) AS moved FROM moved WHERE status = 'pending'`,
    [jobs.map(({ uid }) => uid)],
  );
  if (Number(rows[0]?.moved ?? 0) > 0) await notify(query, tables);
}

async function writeJobs(
  query: Query,
  { job }: Tables,
  jobs: readonly JobEntity[],
  conflict: string,
): Promise<JobEntity[]> {
  if (jobs.length === 0) return [];
  const columns = columnNames(JobEntity);
  const encoded = await inTurns(jobs, (each) => JSON.stringify(encodeRow(JobEntity, each)));
  const { rows } = await query(
    `INSERT INTO ${job} AS j (${columns}) SELECT ${columns} FROM jsonb_populate_recordset(NULL::${job}, $1::jsonb)
     ${conflict} RETURNING ${selectList(JobEntity, 'j')}`,
    [`[${encoded.join(',')}]`],
  );
  return await inTurns(rows, (row) => decodeRow(JobEntity, row));
}

export async function readJobs(query: Query, { job }: Tables, ids: readonly string[]): Promise<JobEntity[]> {
  const known = ids.filter(isStorable);
  if (known.length === 0) return [];
  const { rows } = await query(
    `SELECT ${selectList(JobEntity, 'j')} FROM ${job} j WHERE j.id = ANY($1::text[]) ORDER BY j.id`,
    [known],
  );
  return rows.map((row) => decodeRow(JobEntity, row));
}

export async function changeJob(query: Query, tables: Tables, id: string, change: ChangeJob): Promise<JobEntity> {
  const { job, now, definition } = await lockJob(query, tables, id);
  const { capability } = job;
  const wanted = change(job, now, definition);
  if (!wanted) return await readLocked(query, tables, id);
  const changed = await updateJob(query, tables, id, wanted.set);
  if (changed.capability !== capability) await moveWaiting(query, tables, [changed]);
  const records = wanted.records ?? [];
  await insertUnclaimed(query, tables, [{ job: changed, records }], now);
  if (records.some(({ status }) => status === 'pending')) await notify(query, tables);
  else await notifyIfSoon(query, tables, [changed], now);
  return changed;
}

/** The clock is read after the wait for the lock. */
async function lockJob(
  query: Query,
  tables: Tables,
  id: string,
): Promise<{ job: JobEntity; now: Date; definition: object | null }> {
  if (!isStorable(id)) throw new JobNotFoundError(id);
  const { rows } = await query(
    `SELECT ${selectList(JobEntity, 'j')}, ${instant(`date_trunc('milliseconds', clock_timestamp())`)} AS vigil_now,
       ${definitionInRow(tables)} AS vigil_definition
     FROM ${tables.job} j WHERE j.id = $1 FOR NO KEY UPDATE OF j`,
    [id],
  );
  const [row] = rows;
  if (!row) throw new JobNotFoundError(id);
  const definition = decodeDefinition(row.vigil_definition);
  return { job: decodeRow(JobEntity, row), now: decodeInstant(row.vigil_now), definition };
}

/** Of a job `j`: what the version says that its row was made by. As text, whatever parsers the connection has. */
export function definitionInRow({ definition }: Tables): string {
  return `(SELECT d.definition::text FROM ${definition} d WHERE d.job_id = j.id AND d.hash = j.code_hash)`;
}

export function decodeDefinition(text: unknown): object | null {
  return typeof text === 'string' ? (JSON.parse(text) as object | null) : null;
}

/** `change` may have scribbled on the row it was shown. */
async function readLocked(query: Query, tables: Tables, id: string): Promise<JobEntity> {
  const [job] = await readJobs(query, tables, [id]);
  if (!job) throw new JobNotFoundError(id);
  return job;
}

async function updateJob(query: Query, { job }: Tables, id: string, set: JobChange['set']): Promise<JobEntity> {
  const row = encodeRow(JobEntity, set as Partial<JobEntity>);
  for (const own of ['id', 'uid', 'version']) delete row[own];
  const assignments = Object.keys(row).map((name) => `"${name}" = r."${name}"`);
  const { rows } = await query(
    `UPDATE ${job} j SET ${['version = j.version + 1', ...assignments].join(', ')}
     FROM jsonb_populate_record(NULL::${job}, $1::jsonb) r WHERE j.id = $2 RETURNING ${selectList(JobEntity, 'j')}`,
    [JSON.stringify(row), id],
  );
  if (!rows[0]) throw new JobNotFoundError(id);
  return decodeRow(JobEntity, rows[0]);
}

/** @returns the rows that were new */
export async function insertUnclaimed(
  query: Query,
  tables: Tables,
  changes: readonly { job: JobEntity; records: readonly NewExecution[] }[],
  now: Date,
): Promise<JobExecutionEntity[]> {
  if (changes.some(({ records }) => records.some(({ status }) => status === 'running')))
    throw new Error('A change of a job cannot claim an execution. Record it as pending.');
  const rows = changes.flatMap(({ job, records }) =>
    records.map((record) => newExecutionRow(job, { ...record, jobUid: job.uid }, null, now)),
  );
  if (rows.length === 0) return [];
  const conflict = `ON CONFLICT (job_uid, scheduled_at) WHERE kind = 'schedule' DO NOTHING`;
  return await insertExecutions(query, tables, rows, conflict);
}

/** @returns the rows that were new */
export async function insertExecutions(
  query: Query,
  { execution }: Tables,
  rows: readonly JobExecutionEntity[],
  conflict: string,
): Promise<JobExecutionEntity[]> {
  const columns = columnNames(JobExecutionEntity);
  const answer = await query(
    `INSERT INTO ${execution} AS e (${columns})
     SELECT ${columns} FROM jsonb_populate_recordset(NULL::${execution}, $1::jsonb)
     ${conflict} RETURNING ${selectList(JobExecutionEntity, 'e')}`,
    [JSON.stringify(rows.map((row) => encodeRow(JobExecutionEntity, row)))],
  );
  return answer.rows.map((row) => decodeRow(JobExecutionEntity, row));
}

/**
 * The row goes first: a pass that has the job may be claiming what is cancelled here, and a manual run that keeps it may
 * be adding to that.
 */
export async function removeJob(query: Query, tables: Tables, id: string): Promise<JobEntity> {
  const { job } = await lockJob(query, tables, id);
  await query(`DELETE FROM ${tables.job} WHERE uid = $1`, [job.uid]);
  await query(
    `UPDATE ${tables.execution} SET status = 'cancelled', finished_at = now(), reason = '${CANCELLED_WITH_JOB}'
     WHERE job_uid = $1 AND status = 'pending'`,
    [job.uid],
  );
  return job;
}
