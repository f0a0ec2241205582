import { copyOf } from './copy.js';
import { ABANDONED_REASON, NODE_LOST } from './execution-row.js';
import type { Beat, NodeRegistration, Rescued } from './job-store.js';
import type { ExecutionRow, MemoryData, NodeRow } from './memory-data.js';
import { keepAttempt } from './memory-outcomes.js';

export function registerNode(data: MemoryData, node: NodeRegistration, now: Date): void {
  const { leaseMs, ...row } = copyOf(node);
  const existing = data.nodes.get(node.incarnation);
  data.nodes.put(node.incarnation, {
    ...row,
    capabilities: [...row.capabilities],
    startedAt: existing?.startedAt ?? now,
    beat: nextBeat(existing?.beat ?? '0'),
    leaseUntil: new Date(now.getTime() + leaseMs),
  });
}

export function beat(data: MemoryData, incarnation: string, leaseMs: number, now: Date): Beat {
  const me = data.nodes.get(incarnation);
  if (me) {
    const leaseUntil = new Date(now.getTime() + leaseMs);
    data.nodes.put(incarnation, { ...me, beat: nextBeat(me.beat), leaseUntil });
  }
  return {
    now,
    alive: me !== undefined,
    mine: data.ownedBy(incarnation).map((row) => ({
      executionId: row.id,
      leaseEpoch: row.leaseEpoch,
      cancelRequested: row.cancelRequestedAt !== null,
      cancelReason: row.cancelRequestedAt === null ? null : row.reason,
    })),
    nodes: data.nodes.all().map((node) => ({
      incarnation: node.incarnation,
      beat: node.beat,
      leaseOver: isLeaseOver(node, now),
    })),
  };
}

export function retireNode(data: MemoryData, incarnation: string, now: Date): void {
  const node = data.nodes.get(incarnation);
  if (!node) return;
  if (data.ownedBy(incarnation).length === 0) data.nodes.delete(incarnation);
  else data.nodes.put(incarnation, { ...node, leaseUntil: now });
}

export function rescue(data: MemoryData, incarnation: string, seenBeat: string, now: Date): Rescued[] {
  const node = data.nodes.get(incarnation);
  if (!node || node.beat !== seenBeat || !isLeaseOver(node, now)) return [];
  const rescued = data.ownedBy(incarnation).map((row) => takeOver(data, row, now));
  data.nodes.delete(incarnation);
  return rescued;
}

function isLeaseOver(node: NodeRow, now: Date): boolean {
  return node.leaseUntil <= now;
}

/** The nodes whose lease is not over. */
export function liveRows(data: MemoryData, now: Date): NodeRow[] {
  return data.nodes.all().filter((node) => !isLeaseOver(node, now));
}

/** What becomes of a run whose node is dead. */
export function takeOver(data: MemoryData, row: ExecutionRow, now: Date): Rescued {
  const status = fateOf(data, row);
  const isPending = status === 'pending';
  const crashes = row.crashes + 1;
  const isPoison = status === 'abandoned' && row.onNodeLoss !== 'abandon';
  if (isPending) keepAttempt(data, row, NODE_LOST, now);
  if (isPoison) tellJob(data, row, crashes);
  const reason = isPoison ? `it took down ${crashes} processes` : ABANDONED_REASON;
  const told = status === 'abandoned' ? reason : row.reason;
  data.putExecution({
    ...row,
    status,
    reason: told,
    owner: null,
    leaseEpoch: row.leaseEpoch + 1,
    crashes,
    attempt: isPending ? row.attempt - 1 : row.attempt,
    availableAt: now,
    finishedAt: isPending ? null : now,
  });
  return { executionId: row.id, jobId: row.jobId, node: row.nodeName, status, reason: told };
}

function tellJob(data: MemoryData, { id, jobUid, scheduledAt }: ExecutionRow, crashes: number): void {
  const job = data.jobByUid(jobUid);
  if (job?.state !== 'active' && job?.state !== 'finished') return;
  const instant = `${scheduledAt.toISOString().slice(0, 19)}Z`;
  const stateReason = `its run of ${instant} (execution ${id}) took down ${crashes} processes and was abandoned`;
  data.putJob({ ...job, stateReason });
}

function fateOf(data: MemoryData, row: ExecutionRow): Rescued['status'] {
  if (row.cancelRequestedAt || !data.jobByUid(row.jobUid)) return 'cancelled';
  return row.onNodeLoss === 'abandon' || row.crashes + 1 >= row.maxCrashes ? 'abandoned' : 'pending';
}

const nextBeat = (beatText: string): string => String(BigInt(beatText) + 1n);
