import { randomUUID } from 'node:crypto';

import { backfilledInstants } from '../../engine/backfill.js';
import { executionInfo, type ExecutionInfo } from '../../engine/info.js';
import { runAgain } from '../../engine/retry-execution.js';
import { ExecutionNotFoundError } from '../../store/errors.js';
import type { JobEntity } from '../../store/job.entity.js';
import { isUuid } from '../../store/storable.js';
import type { SchedulerRuntime } from '../scheduler.runtime.js';
import { checkCallOptions, checkData, checkId, checkTime, checkUuid, noteOf, type CallOptions } from './arguments.js';

export async function runJob(
  runtime: SchedulerRuntime,
  id: string,
  options: CallOptions & { data?: unknown; executionId?: string },
): Promise<ExecutionInfo> {
  checkId('runJob', id);
  checkCallOptions('runJob', options, ['data', 'executionId']);
  const { manager, executionId = randomUUID(), data } = options;
  checkData('runJob', data);
  checkUuid('runJob', 'executionId', executionId);
  const store = await runtime.store();
  const wanted = {
    id: executionId.toLowerCase(),
    data: data === undefined ? null : { value: data },
    reason: reasonOf(options),
  };
  const execution = await store.addManualExecution(id, wanted, { manager });
  if (manager === undefined) runtime.wake();
  return executionInfo(execution);
}

export async function retryExecution(
  runtime: SchedulerRuntime,
  id: string,
  options: CallOptions & { executionId?: string },
): Promise<ExecutionInfo> {
  checkId('retryExecution', id);
  checkCallOptions('retryExecution', options, ['executionId']);
  const { manager, executionId = randomUUID() } = options;
  checkUuid('retryExecution', 'executionId', executionId);
  const store = await runtime.store();
  if (!isUuid(id)) throw new ExecutionNotFoundError(id);
  const retry = { id: executionId.toLowerCase(), reason: reasonOf(options), plan: runAgain };
  const execution = await store.retryExecution(id.toLowerCase(), retry, { manager });
  if (manager === undefined) runtime.wake();
  return executionInfo(execution);
}

export async function backfill(
  runtime: SchedulerRuntime,
  id: string,
  { from, to }: { from: Date; to: Date },
  options: CallOptions & { batchId?: string },
): Promise<{ submitted: number }> {
  checkId('backfill', id);
  checkTime('backfill', from, to);
  checkCallOptions('backfill', options, ['batchId']);
  const { manager, batchId = randomUUID() } = options;
  checkUuid('backfill', 'batchId', batchId);
  const time = { from: new Date(from), to: new Date(to) };
  const store = await runtime.store();
  const plan = (job: JobEntity, now: Date): Date[] =>
    backfilledInstants(job, runtime.triggerOf('backfill', job), time, now);
  const wanted = { batchId: batchId.toLowerCase(), reason: reasonOf(options), plan };
  const submitted = await store.addBackfill(id, wanted, { manager });
  if (manager === undefined) runtime.wake();
  return { submitted };
}

export async function cancelExecution(runtime: SchedulerRuntime, id: string, options: CallOptions): Promise<void> {
  checkId('cancelExecution', id);
  checkCallOptions('cancelExecution', options);
  const { manager } = options;
  const store = await runtime.store();
  if (!isUuid(id)) throw new ExecutionNotFoundError(id);
  const reason = reasonOf(options) ?? 'cancelExecution was called';
  const row = await store.cancelExecution(id.toLowerCase(), reason, { manager });
  // the first request counts
  if (manager === undefined && row.cancelRequestedAt !== null) runtime.cancel(row.id, row.reason);
}

function reasonOf(options: CallOptions): string | null {
  const { reason, by } = noteOf(options);
  if (by === null) return reason;
  return reason === null ? `by ${by}` : `${reason} (by ${by})`;
}
