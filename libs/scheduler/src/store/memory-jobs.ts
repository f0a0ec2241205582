import { randomUUID } from 'node:crypto';

import { copyOf } from './copy.js';
import { ExecutionNotFoundError, JobConflictError } from './errors.js';
import {
  CANCELLED_WITH_JOB,
  checkOwn,
  newBackfillRow,
  newExecutionRow,
  newManualRow,
  newRetryRow,
  submittedOf,
} from './execution-row.js';
import type { JobDefinitionEntity } from './job-definition.entity.js';
import type {
  ChangeJob,
  ConflictRule,
  DeclaredJob,
  JobStore,
  NewBackfill,
  NewExecution,
  NewManualExecution,
  NewRetry,
  SyncResult,
} from './job-store.js';
import { throughJson, type ExecutionRow, type JobRow, type MemoryData } from './memory-data.js';
import { liveRows } from './memory-nodes.js';
import { cancelPending } from './memory-outcomes.js';
import { later } from './memory-pass.js';

type Reconcile = Parameters<JobStore['syncJobs']>[1];

export function syncJobs(
  data: MemoryData,
  declared: readonly DeclaredJob[],
  reconcile: Reconcile,
  now: Date,
): SyncResult {
  const recorded = declared.flatMap((each) => syncJob(data, each, reconcile, now));
  return { jobs: declared.flatMap(({ id }) => data.job(id) ?? []), recorded };
}

function syncJob(data: MemoryData, declared: DeclaredJob, reconcile: Reconcile, now: Date): ExecutionRow[] {
  const existing = data.job(declared.id) ?? null;
  if (existing?.codeHash === declared.hash) return [];
  const inForce = versionInForce(data, declared, now);
  const former = existing && definitionOf(data, existing);
  const wanted = reconcile(copyOf({ declared, inForce, existing, former, now }));
  if (!wanted) return [];
  const job = existing ? edit(data, existing, wanted.row) : data.putJob(wanted.row);
  return (wanted.records ?? []).flatMap((each) => insertUnclaimed(data, job, each, now) ?? []);
}

/** What the version says that the row was made by. */
function definitionOf(data: MemoryData, { id, codeHash }: JobRow): object | null {
  return data.definitions.get(id)?.find(({ hash }) => hash === codeHash)?.definition ?? null;
}

/** What a process declares has a definition; what is added at run time has none. */
export function undeclaredJobs(data: MemoryData, now: Date): JobRow[] {
  const declared = new Set(liveRows(data, now).flatMap(({ definitions }) => Object.keys(definitions)));
  const isLeft = ({ id, source, state, orphanedAt }: JobRow): boolean =>
    source === 'code' && state !== 'finished' && orphanedAt === null && !declared.has(id);
  const left = data.jobs().filter((job) => data.definitions.get(job.id) !== undefined && isLeft(job));
  return left.sort((a, b) => (a.id < b.id ? -1 : 1));
}

export function addJob(data: MemoryData, job: JobRow, onConflict: ConflictRule): JobRow {
  const existing = data.job(job.id);
  if (!existing) return data.putJob(job);
  if (onConflict === 'error') throw new JobConflictError(job.id);
  return onConflict === 'keep' ? existing : edit(data, existing, job);
}

export function changeJob(data: MemoryData, id: string, change: ChangeJob, now: Date): JobRow {
  const job = data.jobOrThrow(id);
  const wanted = change(copyOf(job), new Date(now), copyOf(definitionOf(data, job)));
  if (!wanted) return job;
  const set = Object.fromEntries(Object.entries(wanted.set).filter(([, value]) => value !== undefined));
  const changed = data.putJob({ ...job, ...set, id: job.id, uid: job.uid, version: job.version + 1 });
  moveWaiting(data, changed);
  for (const execution of wanted.records ?? []) insertUnclaimed(data, changed, execution, now);
  return changed;
}

export function removeJob(data: MemoryData, id: string, now: Date): JobRow {
  const job = data.jobOrThrow(id);
  for (const row of data.active(job.uid)) {
    if (row.status === 'pending') cancelPending(data, row, CANCELLED_WITH_JOB, now);
  }
  data.deleteJob(id);
  return job;
}

export function addManualExecution(
  data: MemoryData,
  jobId: string,
  execution: NewManualExecution,
  now: Date,
): ExecutionRow {
  const existing = data.execution(execution.id);
  if (existing) return checkOwn(existing, { jobId, retryOf: null });
  return data.putExecution(newManualRow(data.jobOrThrow(jobId), execution, now));
}

export function retryExecution(data: MemoryData, executionId: string, retry: NewRetry, now: Date): ExecutionRow {
  const retried = data.execution(executionId);
  if (!retried) throw new ExecutionNotFoundError(executionId);
  const existing = data.execution(retry.id);
  if (existing) return checkOwn(existing, { jobId: retried.jobId, retryOf: retried.id });
  const planned = { ...retry, ...retry.plan(copyOf(retried)) };
  return data.putExecution(newRetryRow(data.jobOrThrow(retried.jobId), retried, planned, now));
}

export function addBackfill(
  data: MemoryData,
  jobId: string,
  { batchId, reason, plan }: NewBackfill,
  now: Date,
): number {
  const batch = data.executions().filter((row) => row.batchId === batchId);
  if (batch[0]) return submittedOf({ jobId: batch[0].jobId, submitted: batch.length }, batchId, jobId);
  const job = data.jobOrThrow(jobId);
  const instants = plan(copyOf(job), new Date(now));
  for (const scheduledAt of instants) {
    data.putExecution(newBackfillRow(job, { id: randomUUID(), batchId, scheduledAt, reason }, now));
  }
  return instants.length;
}

export function cancelExecution(data: MemoryData, id: string, reason: string | null, now: Date): ExecutionRow {
  const row = data.execution(id);
  if (!row) throw new ExecutionNotFoundError(id);
  if (row.status === 'pending') return cancelPending(data, row, reason, now);
  if (row.status !== 'running' || row.cancelRequestedAt) return row;
  return data.putExecution({ ...row, cancelRequestedAt: now, reason: reason ?? row.reason });
}

/** The new row in place of the old: still the same job, so its instants, what is counted and what is active stay its own. */
function edit(data: MemoryData, existing: JobRow, row: JobRow): JobRow {
  const { missedCount, skippedCount, queuedCount, cancelledCount } = existing;
  const edited = data.putJob({
    ...row,
    id: existing.id,
    uid: existing.uid,
    createdAt: existing.createdAt,
    missedCount: Math.max(missedCount, row.missedCount),
    skippedCount,
    queuedCount,
    cancelledCount,
    lastInstant: later(existing.lastInstant, row.lastInstant),
    version: existing.version + 1,
  });
  moveWaiting(data, edited);
  return edited;
}

/** What waits goes with its job to the nodes that can run it now, and what runs will, should it wait once more. */
function moveWaiting(data: MemoryData, { uid, capability }: JobRow): void {
  for (const row of data.active(uid)) {
    if (row.capability !== capability) data.putExecution({ ...row, capability });
  }
}

/** null: that instant is already recorded. */
function insertUnclaimed(data: MemoryData, job: JobRow, execution: NewExecution, now: Date): ExecutionRow | null {
  if (execution.status === 'running') {
    throw new Error('A change of a job cannot claim an execution. Record it as pending.');
  }
  return data.insertExecution(newExecutionRow(job, { ...execution, jobUid: job.uid }, null, now));
}

/** The latest first seen among this version and those of the live nodes. */
function versionInForce(data: MemoryData, declared: DeclaredJob, now: Date): string {
  const hashes = new Set([declared.hash, ...liveRows(data, now).map((node) => node.definitions[declared.id])]);
  const versions = definitionsWith(data, declared, now).filter((version) => hashes.has(version.hash));
  return versions.reduce((newest, each) => (each.firstSeenAt > newest.firstSeenAt ? each : newest)).hash;
}

function definitionsWith(data: MemoryData, declared: DeclaredJob, now: Date): readonly JobDefinitionEntity[] {
  const known = data.definitions.get(declared.id) ?? [];
  if (known.some((version) => version.hash === declared.hash)) return known;
  const latest = known.reduce((max, version) => Math.max(max, version.firstSeenAt.getTime()), 0);
  const added = {
    jobId: declared.id,
    hash: declared.hash,
    definition: throughJson(declared.definition),
    // Two versions first seen in one millisecond still have an order.
    firstSeenAt: new Date(Math.max(now.getTime(), latest + 1)),
  };
  return data.definitions.put(declared.id, [...known, added]);
}
