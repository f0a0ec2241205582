import { decodeCursor, decodeExecutionCursor, encodeCursor, pageSize, type CursorKey } from './cursor.js';
import { declaredKey } from './declared-job.js';
import type {
  ActiveExecutions,
  ExecutionFilter,
  ExecutionWithAttempts,
  JobFilter,
  LiveNode,
  Page,
} from './job-store.js';
import { MOST_SHOWN } from './job-queries.js';
import type { ExecutionRow, JobRow, MemoryData } from './memory-data.js';
import { liveRows } from './memory-nodes.js';
import { isActive, isBackfilled, isQueued } from './waiting.js';

/** In the order of their ids. */
export function queryJobs(data: MemoryData, filter: JobFilter): Page<JobRow> {
  const matches = data.jobs().filter((job) => matchesJob(job, filter));
  const after = filter.cursor === undefined ? null : decodeCursor(filter.cursor, 1);
  return page(matches, { keyOf: (job) => [job.id], order: compareKeys, after, limit: pageSize(filter.limit) });
}

/** The latest scheduled instant first. */
export function queryExecutions(data: MemoryData, filter: ExecutionFilter): Page<ExecutionWithAttempts> {
  const matches = data.executions().filter((row) => matchesExecution(row, filter));
  const { items, nextCursor } = page(matches, {
    keyOf: (row) => [row.scheduledAt.toISOString(), row.id],
    order: (a, b) => -compareKeys(a, b),
    after: filter.cursor === undefined ? null : decodeExecutionCursor(filter.cursor),
    limit: pageSize(filter.limit),
  });
  return { items: items.map((row) => withAttempts(data, row)), nextCursor };
}

export function withAttempts(data: MemoryData, execution: ExecutionRow): ExecutionWithAttempts {
  const attempts = (data.attempts.get(execution.id) ?? []).map(
    ({ attempt, nodeName, startedAt, finishedAt, error }) => ({
      attempt,
      node: nodeName,
      startedAt,
      finishedAt,
      error,
    }),
  );
  return { execution, attempts };
}

/** In the order in which passes take them; what a backfill submitted comes last. */
export function activeExecutions(data: MemoryData, uid: string, now: Date): ActiveExecutions {
  const rank = (row: ExecutionRow): number =>
    row.status === 'running' ? 0 : isActive(row) ? 1 : isBackfilled(row) ? 3 : 2;
  const byTime = (a: ExecutionRow, b: ExecutionRow): number =>
    a.availableAt.getTime() - b.availableAt.getTime() || a.scheduledAt.getTime() - b.scheduledAt.getTime();
  const all = data.active(uid).sort((a, b) => rank(a) - rank(b) || byTime(a, b) || (a.id < b.id ? -1 : 1));
  return {
    now,
    executions: all.slice(0, MOST_SHOWN),
    active: all.filter(isActive).length,
    queued: all.filter(isQueued).length,
    backfilled: all.filter(isBackfilled).length,
  };
}

export function liveNodes(data: MemoryData, now: Date): LiveNode[] {
  const nodes = liveRows(data, now).map(({ incarnation, nodeName, capabilities, definitions }) => ({
    incarnation,
    nodeName,
    capabilities,
    declares: Object.keys(definitions),
  }));
  return nodes.sort((a, b) => (a.nodeName + a.incarnation < b.nodeName + b.incarnation ? -1 : 1));
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
  return executions.length + jobs.length + pruneDefinitions(data, retention.otherMs, now);
}

/** Versions of declared jobs that nobody has any more; the one in force is kept as long as its job. */
function pruneDefinitions(data: MemoryData, otherMs: number, now: Date): number {
  const live = liveRows(data, now);
  let gone = 0;
  for (const versions of data.definitions.all()) {
    const kept = versions.filter(({ jobId, hash, firstSeenAt }) => {
      const job = data.job(jobId);
      const isNew = firstSeenAt.getTime() >= now.getTime() - otherMs;
      const isOfJob = job !== undefined && (job.codeHash === hash || isNew);
      return isOfJob || live.some(({ definitions }) => definitions[jobId] === hash);
    });
    const [first] = versions;
    if (first === undefined || kept.length === versions.length) continue;
    gone += versions.length - kept.length;
    if (kept.length > 0) data.definitions.put(first.jobId, kept);
    else data.definitions.delete(first.jobId);
  }
  return gone;
}

function matchesJob(job: JobRow, { state, orphaned, tag, handler, search }: JobFilter): boolean {
  const text = `${job.id}\n${job.description ?? ''}`.toLowerCase();
  return (
    (state === undefined || job.state === state) &&
    (orphaned === undefined || (job.orphanedAt !== null) === orphaned) &&
    (tag === undefined || job.tags.includes(tag)) &&
    (handler === undefined || job.handler === handler || job.handler === declaredKey(handler)) &&
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

interface Paging<T> {
  keyOf(row: T): CursorKey;
  order(a: CursorKey, b: CursorKey): number;
  after: CursorKey | null;
  limit: number;
}

function page<T>(rows: readonly T[], { keyOf, order, after, limit }: Paging<T>): Page<T> {
  const rest = rows
    .map((row) => ({ row, key: keyOf(row) }))
    .filter(({ key }) => after === null || order(key, after) > 0)
    .sort((a, b) => order(a.key, b.key));
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return {
    items: items.map(({ row }) => row),
    nextCursor: last && rest.length > limit ? encodeCursor(last.key) : null,
  };
}

function compareKeys(a: CursorKey, b: CursorKey): number {
  for (const [index, part] of a.entries()) {
    const other = b[index];
    if (other === undefined || part === other) continue;
    return part < other ? -1 : 1;
  }
  return 0;
}
