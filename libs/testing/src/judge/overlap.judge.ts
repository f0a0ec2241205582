import type { HandlerRun } from '../ledger-judge.js';
import { findingOf, type Finding, type JudgedExecution, type JudgedJob, type Transition } from './schedule.js';

/** A claim's time is that of its transaction's beginning: without transitions, ends this much later still count as before. */
const TRANSACTION_MS = 1_000;

interface Edge {
  atMs: number;
  change: 1 | -1;
  executionId: string;
  scheduledAt?: Date;
}

/**
 * More executions of a job active at once than it allows. An execution is active from its first claim to its end, also
 * while it waits for a retry or was taken over, so there is no exception. By the order of the writes where it is known.
 */
export function judgeClaims(
  job: JudgedJob,
  executions: readonly JudgedExecution[],
  transitions: readonly Transition[] | undefined,
): Finding[] {
  return tooMany(job, transitions ? edgesOf(transitions) : edgesOfLedger(executions), 'executions are active');
}

/**
 * More handlers of a job at work at once than it allows. Not counted: what goes on after its execution ended without it,
 * and after another run of the same execution began, because its node was judged dead.
 */
export function judgeHandlers(
  job: JudgedJob,
  executions: ReadonlyMap<string, JudgedExecution>,
  runs: readonly HandlerRun[],
): Finding[] {
  const sorted = [...runs].sort((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
  const nextOf = new Map<string, number>();
  const edges: Edge[] = [];
  for (const { executionId, startedAt, finishedAt, scheduledAt } of sorted.reverse()) {
    const endMs = Math.min(
      finishedAt?.getTime() ?? Infinity,
      executions.get(executionId)?.finishedAt?.getTime() ?? Infinity,
      nextOf.get(executionId) ?? Infinity,
    );
    nextOf.set(executionId, startedAt.getTime());
    if (endMs <= startedAt.getTime()) continue;
    edges.push({ atMs: startedAt.getTime(), change: 1, executionId, scheduledAt });
    edges.push({ atMs: endMs, change: -1, executionId });
  }
  return tooMany(job, inOrder(edges), 'handlers are at work');
}

function tooMany(job: JudgedJob, edges: readonly Edge[], what: string): Finding[] {
  const findings: Finding[] = [];
  let active = 0;
  for (const { change, executionId, scheduledAt, atMs } of edges) {
    active += change;
    if (change < 0 || active <= job.maxInstances) continue;
    const sentence = `${active} ${what} at ${new Date(atMs).toISOString()}, and maxInstances is ${job.maxInstances}.`;
    const row = { id: executionId, jobId: job.id, scheduledAt: scheduledAt ?? new Date(atMs) };
    findings.push(findingOf('overlapping', row, sentence));
  }
  return findings;
}

/** What was active already when the recording began comes first. */
function edgesOf(transitions: readonly Transition[]): Edge[] {
  const firsts = new Map(transitions.toReversed().map((transition) => [transition.executionId, transition]));
  const before = [...firsts.values()].filter(({ from }) => isActive(from));
  const known = before.map(({ executionId, at }): Edge => ({ atMs: at.getTime(), change: 1, executionId }));
  const seen = transitions.flatMap((transition): Edge[] => {
    const change = Number(isActive(transition.to)) - Number(isActive(transition.from));
    if (change === 0) return [];
    const { executionId, at } = transition;
    return [{ atMs: at.getTime(), change: change > 0 ? 1 : -1, executionId }];
  });
  return [...known, ...seen];
}

function isActive(state: Transition['to']): boolean {
  return state !== null && (state.status === 'running' || (state.status === 'pending' && state.leaseEpoch > 0));
}

function edgesOfLedger(executions: readonly JudgedExecution[]): Edge[] {
  const edges = executions.flatMap(({ id, scheduledAt, startedAt, finishedAt }): Edge[] => {
    if (startedAt === null) return [];
    const startMs = startedAt.getTime();
    const endMs = (finishedAt?.getTime() ?? Infinity) - TRANSACTION_MS;
    if (endMs <= startMs) return [];
    return [
      { atMs: startMs, change: 1, executionId: id, scheduledAt },
      { atMs: endMs, change: -1, executionId: id },
    ];
  });
  return inOrder(edges);
}

/** What ends at an instant makes room for what starts then. */
function inOrder(edges: Edge[]): Edge[] {
  return edges.sort((a, b) => a.atMs - b.atMs || a.change - b.change);
}
