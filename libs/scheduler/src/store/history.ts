import { decodeCursor, decodeExecutionCursor, encodeCursor, pageSize } from './cursor.js';
import { declaredKey } from './declared-job.js';
import { decodeRow, type Row, selectList } from './entity-rows.js';
import { readExecution } from './execution-writes.js';
import { JobAttemptEntity } from './job-attempt.entity.js';
import { JobExecutionEntity } from './job-execution.entity.js';
import type { AttemptRecord, ExecutionFilter, ExecutionWithAttempts, JobFilter, Page } from './job-store.js';
import { JobEntity } from './job.entity.js';
import type { Query } from './lease.js';
import { isStorable } from './storable.js';
import type { Tables } from './tables.js';

/** Conditions with their parameters, in the order in which they were added. */
class Conditions {
  readonly parameters: unknown[] = [];
  readonly #texts: string[] = [];

  /** `$` in `text` stands for each of `values` in turn; a condition without its value is left out. */
  add(text: string, ...values: unknown[]): void {
    if (values.some((value) => value === undefined)) return;
    this.#texts.push(text.replaceAll('$', () => `$${this.parameters.push(values.shift())}`));
  }

  get canMatch(): boolean {
    return this.parameters.every((value) => typeof value !== 'string' || isStorable(value));
  }

  get sql(): string {
    return this.#texts.length > 0 ? `WHERE ${this.#texts.join(' AND ')}` : '';
  }
}

/** In the order of their ids. */
export async function readJobPage(query: Query, { job }: Tables, filter: JobFilter): Promise<Page<JobEntity>> {
  const where = new Conditions();
  where.add('j.state = $', filter.state);
  where.add('(j.orphaned_at IS NOT NULL) = $', filter.orphaned);
  where.add('$ = ANY(j.tags)', filter.tag);
  const { handler } = filter;
  where.add('j.handler IN ($, $)', handler, handler === undefined ? undefined : declaredKey(handler));
  const search = filter.search?.toLowerCase();
  where.add(`(strpos(lower(j.id), $) > 0 OR strpos(lower(coalesce(j.description, '')), $) > 0)`, search, search);
  if (filter.cursor !== undefined) where.add('j.id > $', decodeCursor(filter.cursor, 1)[0]);
  const limit = pageSize(filter.limit);
  if (!where.canMatch) return { items: [], nextCursor: null };
  const { rows } = await query(
    `SELECT ${selectList(JobEntity, 'j')} FROM ${job} j ${where.sql} ORDER BY j.id LIMIT ${limit + 1}`,
    where.parameters,
  );
  return page(rows, limit, JobEntity, ({ id }) => [id]);
}

/** The latest scheduled instant first. */
export async function readExecutionPage(
  query: Query,
  tables: Tables,
  filter: ExecutionFilter,
): Promise<Page<ExecutionWithAttempts>> {
  const where = new Conditions();
  where.add('e.job_id = $', filter.jobId);
  where.add('e.status = $', filter.status);
  where.add('e.scheduled_at >= $', filter.from);
  where.add('e.scheduled_at < $', filter.to);
  if (filter.cursor !== undefined)
    where.add('(e.scheduled_at, e.id) < ($::timestamptz, $::uuid)', ...decodeExecutionCursor(filter.cursor));
  const limit = pageSize(filter.limit);
  if (!where.canMatch) return { items: [], nextCursor: null };
  const { rows } = await query(
    `SELECT ${selectList(JobExecutionEntity, 'e')} FROM ${tables.execution} e ${where.sql}
     ORDER BY e.scheduled_at DESC, e.id DESC LIMIT ${limit + 1}`,
    where.parameters,
  );
  const found = page(rows, limit, JobExecutionEntity, ({ scheduledAt, id }) => [scheduledAt.toISOString(), id]);
  return { ...found, items: await withAttempts(query, tables, found.items) };
}

export async function readExecutionWithAttempts(
  query: Query,
  tables: Tables,
  id: string,
): Promise<ExecutionWithAttempts | null> {
  const execution = await readExecution(query, tables, id);
  if (!execution) return null;
  const [found] = await withAttempts(query, tables, [execution]);
  return found ?? null;
}

async function withAttempts(
  query: Query,
  { attempt }: Tables,
  executions: readonly JobExecutionEntity[],
): Promise<ExecutionWithAttempts[]> {
  // Most executions end with their first attempt, and have none here.
  const ids = executions.filter(({ leaseEpoch }) => leaseEpoch > 0).map(({ id }) => id);
  const byExecution = new Map<string, AttemptRecord[]>();
  const { rows } =
    ids.length === 0
      ? { rows: [] }
      : await query(
          `SELECT ${selectList(JobAttemptEntity, 'a')} FROM ${attempt} a
           WHERE a.execution_id = ANY($1::uuid[]) ORDER BY a.execution_id, a.lease_epoch`,
          [ids],
        );
  for (const row of rows) {
    const { executionId, attempt: number, nodeName: node, ...times } = decodeRow(JobAttemptEntity, row);
    const { startedAt, finishedAt, error } = times;
    const record = { attempt: number, node, startedAt, finishedAt, error };
    byExecution.set(executionId, [...(byExecution.get(executionId) ?? []), record]);
  }
  return executions.map((execution) => ({ execution, attempts: byExecution.get(execution.id) ?? [] }));
}

function page<T extends object>(
  rows: Row[],
  limit: number,
  entity: new () => T,
  keyOf: (item: T) => readonly string[],
): Page<T> {
  const items = rows.slice(0, limit).map((row) => decodeRow(entity, row));
  const last = items.at(-1);
  return { items, nextCursor: last && rows.length > limit ? encodeCursor(keyOf(last)) : null };
}
