import { newExecutionRow } from './execution-row.js';
import type { Decisions, JobAdvance, JobSnapshot, PassRequest, PassResult, PassSnapshot, Peek } from './job-store.js';
import type { ExecutionRow, JobRow, MemoryData } from './memory-data.js';

export function peekAt(data: MemoryData, capabilities: readonly string[], blocked: readonly string[], now: Date): Peek {
  const wakes = data
    .jobs()
    .filter((job) => job.state === 'active' && capabilities.includes(job.capability))
    .flatMap((job) => job.wakeAt ?? []);
  const pending = data
    .active()
    .filter((row) => isOffered(data, row) && capabilities.includes(row.capability) && !blocked.includes(row.jobUid));
  const times = [...wakes, ...pending.map((row) => row.availableAt)].map((at) => at.getTime());
  const next = times.reduce((least, at) => Math.min(least, at), Infinity);
  return { now, nextAt: next === Infinity ? null : new Date(next) };
}

export function runPass(
  data: MemoryData,
  request: PassRequest,
  decide: (snapshot: PassSnapshot) => Decisions,
  now: Date,
): PassResult {
  const jobs = lockedJobs(data, request, now).map((job) => snapshotOf(data, job, request.limit, now));
  const decisions = decide(structuredClone({ now, jobs }));
  for (const uid of decisions.cancels) requestCancel(data, uid, now);
  const claimed = decisions.claims.flatMap((id) => claim(data, request, id, now));
  const recorded = record(data, request, decisions, now);
  for (const advance of decisions.advances) advanceJob(data, advance, now);
  const quarantined = decisions.quarantines.filter(({ uid, reason }) => quarantineJob(data, uid, reason, now));
  return { now, recorded, claimed, quarantined };
}

/** The jobs that are due, soonest first, then the ones whose executions wait. */
function lockedJobs(data: MemoryData, request: PassRequest, now: Date): JobRow[] {
  const due = data
    .jobs()
    .filter((job) => isDue(job, now) && request.capabilities.includes(job.capability))
    .sort((a, b) => Number(a.wakeAt) - Number(b.wakeAt))
    .slice(0, request.limit);
  const waiting = data
    .active()
    .filter((row) => isAvailable(data, row, now) && request.capabilities.includes(row.capability))
    .filter((row) => !request.blocked.includes(row.jobUid))
    .sort((a, b) => a.availableAt.getTime() - b.availableAt.getTime())
    .flatMap((row) => data.jobByUid(row.jobUid) ?? []);
  const others = [...new Set(waiting)].filter((job) => !due.includes(job)).slice(0, request.limit);
  return [...due, ...others];
}

function snapshotOf(data: MemoryData, job: JobRow, limit: number, now: Date): JobSnapshot {
  const rows = data.active(job.uid);
  const pending = rows.filter((row) => isAvailable(data, row, now)).sort(byPriorityThenAge);
  return {
    job,
    isDue: isDue(job, now),
    active: rows.filter((row) => row.status === 'running' || row.leaseEpoch > 0).length,
    queued: rows.filter((row) => row.leaseEpoch === 0 && row.kind !== 'backfill').length,
    pending: pending.slice(0, limit).map((row) => ({ id: row.id, isReoffered: row.leaseEpoch > 0 })),
  };
}

function isDue(job: JobRow, now: Date): boolean {
  return job.state === 'active' && job.wakeAt !== null && job.wakeAt <= now;
}

/** What a schedule made waits while its job is paused or quarantined; what a person asked for does not. */
function isOffered(data: MemoryData, row: ExecutionRow): boolean {
  const job = data.jobByUid(row.jobUid);
  if (row.status !== 'pending' || !job) return false;
  return row.kind === 'manual' || job.state === 'active' || job.state === 'finished';
}

function isAvailable(data: MemoryData, row: ExecutionRow, now: Date): boolean {
  return row.availableAt <= now && isOffered(data, row);
}

function byPriorityThenAge(a: ExecutionRow, b: ExecutionRow): number {
  return (
    Number(b.leaseEpoch > 0) - Number(a.leaseEpoch > 0) ||
    b.priority - a.priority ||
    a.availableAt.getTime() - b.availableAt.getTime() ||
    a.scheduledAt.getTime() - b.scheduledAt.getTime()
  );
}

function requestCancel(data: MemoryData, jobUid: string, now: Date): void {
  for (const row of data.active(jobUid)) {
    if (row.status === 'running' && !row.cancelRequestedAt) data.putExecution({ ...row, cancelRequestedAt: now });
  }
}

function record(data: MemoryData, request: PassRequest, decisions: Decisions, now: Date): ExecutionRow[] {
  return decisions.records.flatMap((execution) => {
    const job = data.jobByUid(execution.jobUid);
    if (!job) throw new Error(`There is no job with the uid "${execution.jobUid}". Record only jobs of the snapshot.`);
    if (execution.status === 'running') assertRegistered(data, request.incarnation);
    return data.insertExecution(newExecutionRow(job, execution, request, now)) ?? [];
  });
}

function claim(data: MemoryData, request: PassRequest, id: string, now: Date): ExecutionRow[] {
  const row = data.execution(id);
  if (row?.status !== 'pending') return [];
  assertRegistered(data, request.incarnation);
  const running = data.putExecution({
    ...row,
    status: 'running',
    owner: request.incarnation,
    nodeName: request.nodeName,
    attempt: row.attempt + 1,
    leaseEpoch: row.leaseEpoch + 1,
    startedAt: row.startedAt ?? now,
    claimedAt: now,
  });
  return [running];
}

/** A node that was judged dead has no row any more, and must not own anything. */
function assertRegistered(data: MemoryData, incarnation: string): void {
  if (data.nodes.get(incarnation)) return;
  throw new Error(`The incarnation "${incarnation}" is not registered and can claim nothing. Call registerNode first.`);
}

function advanceJob(data: MemoryData, advance: JobAdvance, now: Date): void {
  const job = data.jobByUid(advance.uid);
  // A job that was paused or quarantined keeps its place, whatever was decided.
  if (job?.state !== 'active') return;
  const isOver = advance.nextRunAt === null;
  data.putJob({
    ...job,
    ...(isOver ? { state: 'finished', stateReason: null, stateBy: null, stateAt: now } : {}),
    nextRunAt: advance.nextRunAt,
    wakeAt: advance.wakeAt,
    lastInstant: later(job.lastInstant, advance.lastInstant),
    runCount: job.runCount + advance.runs,
  });
}

/** false: it is out of the schedule already. */
function quarantineJob(data: MemoryData, uid: string, stateReason: string, now: Date): boolean {
  const job = data.jobByUid(uid);
  if (job?.state !== 'active') return false;
  data.putJob({ ...job, state: 'quarantined', stateReason, stateBy: null, stateAt: now });
  return true;
}

export function later(a: Date | null, b: Date | null): Date | null {
  if (!a || !b) return a ?? b;
  return a > b ? a : b;
}
