import type { ExecutionFilter, ExecutionWithAttempts, JobFilter, Page } from './job-store.js';
import type { ExecutionRow, JobRow, MemoryData } from './memory-data.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/** In the order of their ids. */
export function queryJobs(data: MemoryData, filter: JobFilter): Page<JobRow> {
  const matches = data.jobs().filter((job) => matchesJob(job, filter));
  return page(matches, (job) => [job.id], filter);
}

/** The latest scheduled instant first. */
export function queryExecutions(data: MemoryData, filter: ExecutionFilter): Page<ExecutionWithAttempts> {
  const matches = data.executions().filter((row) => matchesExecution(row, filter));
  const { items, nextCursor } = page(matches, (row) => [-row.scheduledAt.getTime(), row.id], filter);
  return { items: items.map((row) => withAttempts(data, row)), nextCursor };
}

export function withAttempts(data: MemoryData, execution: ExecutionRow): ExecutionWithAttempts {
  const attempts = (data.attempts.get(execution.id) ?? []).map(({ attempt, startedAt, finishedAt, error }) => ({
    attempt,
    startedAt,
    finishedAt,
    error,
  }));
  return { execution, attempts };
}

export function prune(data: MemoryData, retention: { succeededMs: number; otherMs: number }, now: Date): number {
  const isOver = (at: Date, keptMs: number): boolean => at.getTime() < now.getTime() - keptMs;
  const executions = data.executions().filter(({ finishedAt, status }) => {
    return (
      finishedAt !== null && isOver(finishedAt, status === 'succeeded' ? retention.succeededMs : retention.otherMs)
    );
  });
  for (const row of executions) data.deleteExecution(row.id);
  const jobs = data.jobs().filter((job) => {
    const isDone = job.source === 'dynamic' && job.state === 'finished' && data.active(job.uid).length === 0;
    return isDone && isOver(job.stateAt, retention.otherMs);
  });
  for (const job of jobs) data.deleteJob(job.id);
  return executions.length + jobs.length;
}

function matchesJob(job: JobRow, { state, tag, handler, search }: JobFilter): boolean {
  const text = `${job.id}\n${job.description ?? ''}`.toLowerCase();
  return (
    (state === undefined || job.state === state) &&
    (tag === undefined || job.tags.includes(tag)) &&
    (handler === undefined || job.handler === handler) &&
    (search === undefined || text.includes(search.toLowerCase()))
  );
}

/** From `from` on, and before `to`. */
function matchesExecution(row: ExecutionRow, { jobId, status, from, to }: ExecutionFilter): boolean {
  return (
    (jobId === undefined || row.jobId === jobId) &&
    (status === undefined || row.status === status) &&
    (from === undefined || row.scheduledAt >= from) &&
    (to === undefined || row.scheduledAt < to)
  );
}

type Key = readonly (string | number)[];

/** The cursor is the key of the last row handed out: rows that come and go meanwhile neither repeat nor hide others. */
function page<T>(rows: readonly T[], keyOf: (row: T) => Key, filter: { limit?: number; cursor?: string }): Page<T> {
  const limit = Math.min(Math.max(1, filter.limit ?? DEFAULT_LIMIT), MAX_LIMIT);
  const after = filter.cursor === undefined ? null : decodeCursor(filter.cursor);
  const rest = rows
    .filter((row) => after === null || compareKeys(keyOf(row), after) > 0)
    .sort((a, b) => compareKeys(keyOf(a), keyOf(b)));
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: last && rest.length > limit ? encodeCursor(keyOf(last)) : null };
}

function compareKeys(a: Key, b: Key): number {
  for (const [index, part] of a.entries()) {
    const other = b[index];
    if (other === undefined || part === other) continue;
    return part < other ? -1 : 1;
  }
  return 0;
}

const encodeCursor = (key: Key): string => Buffer.from(JSON.stringify(key)).toString('base64url');

function decodeCursor(cursor: string): Key {
  return JSON.parse(Buffer.from(cursor, 'base64url').toString()) as Key;
}
