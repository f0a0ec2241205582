import { isError } from '../store/is-error.js';
import type { ErrorRecord, JobExecutionEntity } from '../store/job-execution.entity.js';
import type { JobEntity } from '../store/job.entity.js';
import type { OutcomeRecord } from '../store/job-store.js';
import { FatalError, RetryableError, type AbortCause } from './job-context.js';
import { describeError, resultJson } from './json.js';
import { DEFAULT_BACKOFF } from './job-settings.js';

/** How a handler came to its end. */
export type Ending =
  | { kind: 'returned'; value: unknown }
  | { kind: 'threw'; error: unknown }
  /** It did not settle within the grace after its signal was aborted. */
  | { kind: 'unsettled' };

export interface EndedRun {
  execution: JobExecutionEntity;
  job: JobEntity;
  ending: Ending;
  /** Why the signal was aborted; null: it was not. */
  abortCause: AbortCause | null;
  logs: OutcomeRecord['logs'];
  durationMs: number;
  leaseMs: number;
  random: () => number;
}

type Verdict = Pick<OutcomeRecord, 'status' | 'delayMs' | 'spendsAttempt' | 'reason' | 'error' | 'result'>;

const WAITS = 'waits for its next attempt';
/** A year: nobody waits longer, and what is far beyond is no instant any more. */
const MAX_DELAY_MS = 365 * 86_400_000;

const ENDED: Verdict = {
  status: 'succeeded',
  delayMs: 0,
  spendsAttempt: true,
  reason: null,
  error: null,
  result: null,
};

/** What the ledger shall say about a run that ended. Pure but for the jitter. */
export function outcomeOf(run: EndedRun): OutcomeRecord {
  const { execution, durationMs } = run;
  return {
    executionId: execution.id,
    leaseEpoch: execution.leaseEpoch,
    progress: execution.progress,
    logs: run.logs,
    durationMs: Math.min(Math.round(durationMs), 2 ** 31 - 1),
    ...surely(run),
  };
}

/** What was thrown may throw again when it is looked at. */
function surely(run: EndedRun): Verdict {
  try {
    return verdict(run);
  } catch (error) {
    return { ...ENDED, status: 'failed', error: describeError(error) };
  }
}

function verdict(run: EndedRun): Verdict {
  const { ending, abortCause } = run;
  switch (abortCause) {
    case 'cancelled':
      // why was written by whoever asked for it
      return { ...ENDED, status: 'cancelled' };
    case 'timeout':
      return retryOr(run, 'timed-out', timeoutError(run), 'it ran longer than its timeoutMs');
    case 'shutdown':
      return ending.kind === 'returned' ? finished(run, ending) : released(run, 'its node shut down');
    case 'lease-lost':
      return ending.kind === 'returned' ? finished(run, ending) : released(run, 'its node had lost its lease');
    case null:
      return finished(run, ending);
  }
}

function finished(run: EndedRun, ending: Ending): Verdict {
  switch (ending.kind) {
    case 'returned':
      return { ...ENDED, result: resultJson(ending.value) };
    case 'threw':
      return retryOr(run, 'failed', ending.error, null);
    case 'unsettled':
      return released(run, 'its node gave it up');
  }
}

/** Given back to the cluster without spending an attempt; what still runs here is offered only after a lease period. */
function released({ execution, ending, leaseMs }: EndedRun, reason: string): Verdict {
  if (execution.onNodeLoss === 'abandon') return { ...ENDED, status: 'abandoned', reason };
  const delayMs = ending.kind === 'unsettled' ? leaseMs : 0;
  return { ...ENDED, status: 'pending', delayMs, spendsAttempt: false, reason };
}

function retryOr(run: EndedRun, status: 'failed' | 'timed-out', thrown: unknown, reason: string | null): Verdict {
  const { execution, job, random } = run;
  const error: ErrorRecord = describeError(thrown);
  const hasAttempts = execution.attempt < execution.maxAttempts && !isA(FatalError, 'FatalError', thrown);
  if (!hasAttempts) return { ...ENDED, status, error, reason };
  const asked = isA(RetryableError, 'RetryableError', thrown) ? thrown.delayMs : null;
  const isAsked = asked !== null && isDelay(asked);
  const backoff = isAsked ? bounded(asked) : backoffMs(job, execution.attempt, random);
  // what did not settle may go on for a while
  const delayMs = run.ending.kind === 'unsettled' ? Math.max(backoff, run.leaseMs) : backoff;
  const why =
    asked === null || isAsked ? WAITS : `${WAITS}; the delayMs of its error is ${String(asked)}, which is none`;
  return { ...ENDED, status: 'pending', delayMs, error, reason: reason ?? why };
}

/** Also one of another copy of this package. What it wraps says nothing: whoever wraps an error decides anew. */
function isA<T extends Error>(type: new (...args: never[]) => T, name: T['name'], thrown: unknown): thrown is T {
  try {
    return thrown instanceof type || (isError(thrown) && thrown.name === name);
  } catch {
    // a getter or a proxy that throws: it says nothing, either
    return false;
  }
}

/** How long after attempt number `attempt` the next one may start. Nobody's own delay is cut by a bound he did not give. */
export function backoffMs(job: Pick<JobEntity, 'retry'>, attempt: number, random: () => number): number {
  const { kind, delayMs, maxDelayMs, jitter } = { ...DEFAULT_BACKOFF, ...job.retry?.backoff };
  const growth = { fixed: 1, linear: attempt, exponential: 2 ** Math.min(attempt - 1, 30) }[kind];
  const mostMs = job.retry?.backoff?.maxDelayMs ?? Math.max(maxDelayMs, delayMs);
  const delay = Math.min(delayMs * growth, mostMs);
  return bounded(jitter ? delay * (0.5 + random() / 2) : delay);
}

function isDelay(ms: number): boolean {
  return typeof ms === 'number' && ms >= 0;
}

function bounded(delayMs: number): number {
  return Math.min(Math.round(delayMs), MAX_DELAY_MS);
}

function timeoutError({ job }: EndedRun): Error {
  const error = new Error(`The run took longer than its timeoutMs of ${job.timeoutMs}.`);
  error.name = 'TimeoutError';
  delete error.stack;
  return error;
}
