import type { ErrorRecord, ExecutionStatus } from './job-execution.entity.js';

/** Who pauses a job with so many failures in a row. */
export const PAUSED_BY = 'pauseAfterFailures';
const LONGEST_MESSAGE = 500;

export interface EndedRun {
  status: ExecutionStatus;
  error: Pick<ErrorRecord, 'name' | 'message'> | null;
}

export function isFailure(status: ExecutionStatus): boolean {
  return status === 'failed' || status === 'timed-out';
}

/** Of runs in the order in which they ended. `isReset`: one has succeeded; `failures`: those after the last success. */
export function failuresInARow(runs: readonly EndedRun[]): Pick<EndedRun, 'error'> & {
  isReset: boolean;
  failures: number;
} {
  const success = runs.findLastIndex(({ status }) => status === 'succeeded');
  const failed = runs.slice(success + 1).filter(({ status }) => isFailure(status));
  return { isReset: success >= 0, failures: failed.length, error: failed.at(-1)?.error ?? null };
}

export function pausedBecause(failures: number, error: EndedRun['error']): string {
  const count = failures === 1 ? 'an execution failed' : `${failures} executions in a row failed`;
  if (error === null) return count;
  const last = failures === 1 ? '' : 'the last with ';
  const message = error.message.slice(0, LONGEST_MESSAGE).toWellFormed();
  return `${count}${failures === 1 ? ': ' : ', '}${last}${error.name}: ${message}`;
}
