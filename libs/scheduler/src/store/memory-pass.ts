import { copyOf } from './copy.js';
import { newExecutionRow } from './execution-row.js';
import type {
  Decisions,
  JobAdvance,
  JobCancel,
  JobSnapshot,
  PassRequest,
  PassResult,
  PassSnapshot,
  Peek,
} from './job-store.js';
import type { ExecutionRow, JobRow, MemoryData } from './memory-data.js';
import { cancelPending } from './memory-outcomes.js';
import { urgentSince } from './urgency.js';
import { isActive, isBackfilled, isHeld, isQueued } from './waiting.js';

interface PeekRequest {
  capabilities: readonly string[];
  blocked: readonly string[];
  incarnation: string | undefined;
}

export function peekAt(data: MemoryData, { capabilities, blocked, incarnation }: PeekRequest, now: Date): Peek {
  const wakes = data
    .jobs()
    .filter((job) => job.state === 'active' && capabilities.includes(job.capability))
    .flatMap((job) => job.wakeAt ?? []);
  const pending = data
    .active()
    .filter((row) => isOffered(data, row) && capabilities.includes(row.capability) && !blocked.includes(row.jobUid));
  const times = [...wakes, ...pending.map((row) => row.availableAt)].map((at) => at.getTime());
  const next = times.reduce((least, at) => Math.min(least, at), Infinity);
  const mine = incarnation === undefined ? [] : data.ownedBy(incarnation);
  const asked = mine.filter((row) => row.cancelRequestedAt !== null);
  const stopping = asked.map(({ id, reason }) => ({ executionId: id, reason }));
  const nextAt = next === Infinity ? null : new Date(next);
  return { now, nextAt, stopping, ...data.pauses };
}

/** `isHeardElsewhere`: something of another node was asked to stop. */
export function runPass(
  data: MemoryData,
  request: PassRequest,
  decide: (snapshot: PassSnapshot) => Decisions,
  now: Date,
): PassResult & { isHeardElsewhere: boolean } {
  const { due, others } = lockedJobs(data, request, now);
  const jobs = [
    ...due.map((job) => ({ job, isDue: true, ...activeOf(data, job, request.limit, now) })),
    ...others.map((job) => ({ job, isDue: false, ...activeOf(data, job, request.limit, now) })),
  ];
  const decisions = decide(copyOf({ now, missedUntil: data.pauses.missedUntil, jobs }));
  const stopped = decisions.cancels.flatMap((cancel) => makeRoom(data, cancel, now));
  const cancelled = stopped.filter(({ status }) => status === 'cancelled');
  const asked = stopped.filter(({ status }) => status === 'running');
  const claimed = decisions.claims.flatMap((id) => claim(data, request, id, now));
  const recorded = record(data, request, decisions, now);
  for (const advance of decisions.advances) {
    const count = stopped.filter(({ jobUid }) => jobUid === advance.uid).length;
    advanceJob(data, advance, count, now);
  }
  const quarantined = decisions.quarantines.filter(({ uid, reason }) => quarantineJob(data, uid, reason, now));
  const isHeardElsewhere = asked.some(({ owner }) => owner !== request.incarnation);
  return { now, recorded, claimed, cancelled, quarantined, paused: [], isHeardElsewhere };
}

/** The jobs that are due, then the ones whose executions wait, both the most urgent first; then those that have only a backfill. */
function lockedJobs(data: MemoryData, request: PassRequest, now: Date): { due: JobRow[]; others: JobRow[] } {
  if (data.pauses.pause !== null) return { due: [], others: [] };
  const due = data
    .jobs()
    .filter((job) => isDue(job, now) && request.capabilities.includes(job.capability))
    .filter(({ uid }) => !request.undecided.includes(uid))
    .sort((a, b) => +wakeSince(a) - +wakeSince(b))
    .slice(0, request.limit);
  const waiting = data
    .active()
    .filter((row) => isAvailable(data, row, now) && request.capabilities.includes(row.capability))
    .filter((row) => !request.blocked.includes(row.jobUid))
    .sort((a, b) => lastIfBackfill(a, b) || +sinceOf(a) - +sinceOf(b))
    .flatMap((row) => data.jobByUid(row.jobUid) ?? []);
  const others = [...new Set(waiting)].filter((job) => !due.includes(job)).slice(0, request.limit);
  return { due, others };
}

function activeOf(data: MemoryData, job: JobRow, limit: number, now: Date): Omit<JobSnapshot, 'job' | 'isDue'> {
  const rows = data.active(job.uid);
  const pending = rows.filter((row) => isAvailable(data, row, now)).sort(byUrgency);
  return {
    active: rows.filter(isActive).length,
    stopping: rows.filter((row) => row.status === 'running' && row.cancelRequestedAt !== null).length,
    queued: rows.filter(isQueued).length,
    queuedFires: rows.filter(isQueuedFire).length,
    pending: pending.slice(0, limit).map((row) => ({
      id: row.id,
      kind: row.kind,
      isReoffered: row.leaseEpoch > 0,
      urgentSince: sinceOf(row),
    })),
  };
}

function isDue(job: JobRow, now: Date): boolean {
  return job.state === 'active' && job.wakeAt !== null && job.wakeAt <= now;
}

function isQueuedFire(row: ExecutionRow): boolean {
  return isQueued(row) && row.kind === 'schedule';
}

/** Nothing of a job that is gone runs. */
function isOffered(data: MemoryData, row: ExecutionRow): boolean {
  const job = data.jobByUid(row.jobUid);
  return row.status === 'pending' && job !== undefined && !isHeld(row.kind, job.state);
}

function isAvailable(data: MemoryData, row: ExecutionRow, now: Date): boolean {
  return row.availableAt <= now && isOffered(data, row);
}

function wakeSince({ wakeAt, priority }: JobRow): Date {
  return urgentSince(wakeAt ?? new Date(8.64e15), priority);
}

function sinceOf(row: ExecutionRow): Date {
  return isBackfilled(row) ? row.scheduledAt : urgentSince(row.availableAt, row.priority);
}

function byUrgency(a: ExecutionRow, b: ExecutionRow): number {
  return (
    Number(b.leaseEpoch > 0) - Number(a.leaseEpoch > 0) ||
    lastIfBackfill(a, b) ||
    +sinceOf(a) - +sinceOf(b) ||
    a.scheduledAt.getTime() - b.scheduledAt.getTime()
  );
}

function lastIfBackfill(a: ExecutionRow, b: ExecutionRow): number {
  return Number(isBackfilled(a)) - Number(isBackfilled(b));
}

/** Returns what was cancelled, and what was asked to stop. */
function makeRoom(data: MemoryData, { uid, active, reason }: JobCancel, now: Date): ExecutionRow[] {
  const rows = data.active(uid);
  const waiting = rows.filter(isQueuedFire);
  const oldest = rows.filter((row) => isActive(row) && row.cancelRequestedAt === null).sort(byAge);
  return [...waiting, ...oldest.slice(0, active)].map((row) =>
    row.status === 'pending'
      ? cancelPending(data, row, reason, now)
      : data.putExecution({ ...row, cancelRequestedAt: now, reason }),
  );
}

function byAge(a: ExecutionRow, b: ExecutionRow): number {
  const startOf = (row: ExecutionRow): number => row.startedAt?.getTime() ?? 0;
  return startOf(a) - startOf(b) || a.scheduledAt.getTime() - b.scheduledAt.getTime() || (a.id < b.id ? -1 : 1);
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

function advanceJob(data: MemoryData, advance: JobAdvance, cancelled: number, now: Date): void {
  const job = data.jobByUid(advance.uid);
  // A job that was paused or quarantined keeps its place, whatever was decided.
  if (job?.state !== 'active') return;
  const isOver = advance.nextRunAt === null;
  data.putJob({
    ...job,
    ...(isOver ? { state: 'finished', stateReason: null, stateBy: null, stateAt: now } : {}),
    nextRunAt: advance.nextRunAt,
    wakeAt: advance.wakeAt,
    tzVersion: advance.tzVersion,
    lastInstant: later(job.lastInstant, advance.lastInstant),
    runCount: job.runCount + advance.runs,
    missedCount: job.missedCount + advance.missed,
    skippedCount: job.skippedCount + advance.skipped,
    queuedCount: job.queuedCount + advance.queued,
    cancelledCount: job.cancelledCount + cancelled,
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
