import { ExecutionStateError } from '../store/errors.js';
import type { JobExecutionEntity } from '../store/job-execution.entity.js';
import type { NewRetry } from '../store/job-store.js';

/**
 * What runs when an execution is run again: the same instant, of a range the last one, as with `coalesce`. Pure. Throws
 * `ExecutionStateError` for one that has not ended, and for one that has nothing to make good.
 */
export function runAgain(execution: JobExecutionEntity): ReturnType<NewRetry['plan']> {
  const { id, jobId, status, scheduledAt, untilAt } = execution;
  const where = `retryExecution: execution "${id}"`;
  switch (status) {
    case 'pending':
      throw new ExecutionStateError(id, status, `${where} is pending and will be run. Wait for its end.`);
    case 'running':
      throw new ExecutionStateError(
        id,
        status,
        `${where} is running. Wait for its end, or end it: cancelExecution("${id}").`,
      );
    case 'succeeded':
      throw new ExecutionStateError(
        id,
        status,
        `${where} has succeeded. To run its job once more, call runJob("${jobId}").`,
      );
    case 'failed':
    case 'timed-out':
    case 'cancelled':
    case 'abandoned':
    case 'missed':
    case 'skipped':
      return { scheduledAt: untilAt ?? scheduledAt, isCatchUp: true };
  }
}
