import type { HandlerRun } from '../ledger-judge.js';
import { findingOf, grouped, type Finding, type JudgedExecution, type Transition } from './schedule.js';
import { claimsOf } from './states.judge.js';

/** Two clocks of one machine, cut to milliseconds. */
const CLOCKS_AGREE_MS = 2;
/** Only a handler that settled ends like this. */
const SETTLED: readonly string[] = ['succeeded', 'failed'];

/**
 * The ledger held against what the handlers noted: a run without a claim of its own, a run of nothing, a success without a
 * run, and an outcome that was written before the run of its owner had ended, which is another one's outcome.
 */
export function judgeRecordedRuns(
  executions: ReadonlyMap<string, JudgedExecution>,
  runs: readonly HandlerRun[] | undefined,
  transitions: readonly Transition[] | undefined,
  isClockSet: boolean,
): Finding[] {
  if (runs === undefined) return [];
  const findings: Finding[] = [];
  const ends = transitions && grouped(transitions.filter(isEnd), ({ executionId }) => executionId);
  for (const [id, ofExecution] of grouped(runs, ({ executionId }) => executionId)) {
    const execution = executions.get(id);
    const [run] = ofExecution;
    if (execution === undefined) {
      if (run) findings.push(withoutRecord(run));
      continue;
    }
    const claims = claimsOf(execution);
    if (ofExecution.length > claims) {
      findings.push(
        findingOf('doubled', execution, `It ran ${ofExecution.length} times and was claimed ${claims} times.`),
      );
    }
    if (isClockSet) continue;
    findings.push(...judgeEnd(execution, ofExecution, ends?.get(id)?.at(-1)?.at ?? execution.finishedAt));
  }
  return [...findings, ...withoutRun(executions, runs)];
}

/** Only a handler can make its execution succeed. */
function withoutRun(executions: ReadonlyMap<string, JudgedExecution>, runs: readonly HandlerRun[]): Finding[] {
  const ran = new Set(runs.map(({ executionId }) => executionId));
  return [...executions.values()]
    .filter(({ id, status }) => status === 'succeeded' && !ran.has(id))
    .map((execution) => findingOf('impossible', execution, 'It is recorded as succeeded, and no handler noted it.'));
}

function isEnd({ from, to }: Transition): boolean {
  return from?.status === 'running' && to !== null && SETTLED.includes(to.status);
}

function withoutRecord({ executionId, scheduledAt }: HandlerRun): Finding {
  return { kind: 'extra', jobId: '', executionId, scheduledAt, what: 'It ran and has no record.' };
}

function judgeEnd(execution: JudgedExecution, runs: readonly HandlerRun[], endedAt: Date | null): Finding[] {
  const { status, nodeName, claimedAt } = execution;
  if (!SETTLED.includes(status) || endedAt === null) return [];
  const own = runs.filter(
    ({ node, startedAt }) =>
      (node === undefined || node === nodeName) &&
      (claimedAt === null || startedAt.getTime() >= claimedAt.getTime() - CLOCKS_AGREE_MS),
  );
  // one that is transactional and gets no connection fails without its handler
  if (status === 'failed' && own.length === 0) return [];
  const latestMs = endedAt.getTime() + CLOCKS_AGREE_MS;
  const isOwn = own.some(({ finishedAt }) => finishedAt && finishedAt.getTime() <= latestMs);
  if (isOwn) return [];
  const what = `It was written as ${status} at ${endedAt.toISOString()}, and its run on ${nodeName ?? 'its owner'} had not ended by then.`;
  return [findingOf('staleEpoch', execution, what)];
}
