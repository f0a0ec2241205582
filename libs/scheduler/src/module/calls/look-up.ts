import { executionInfo, jobInfo, type ExecutionInfo, type JobInfo } from '../../engine/info.js';
import { InvalidJobError } from '../../engine/job-settings.js';
import { InvalidCursorError } from '../../store/cursor.js';
import { JobNotFoundError } from '../../store/errors.js';
import { isUuid } from '../../store/storable.js';
import type { ExecutionFilter, JobFilter, Page } from '../../store/job-store.js';
import type { NextRun } from '../../triggers/next-runs.js';
import type { Trigger } from '../../triggers/trigger.js';
import type { SchedulerRuntime } from '../scheduler.runtime.js';
import { checkCount, checkExecutionFilter, checkId, checkJobFilter } from './arguments.js';
import { previewOfJob, previewOfTrigger } from './job-preview.js';

export async function getJob(runtime: SchedulerRuntime, id: string): Promise<JobInfo | null> {
  checkId('getJob', id);
  const job = await (await runtime.store()).getJob(id);
  return job === null ? null : jobInfo(job);
}

export async function getJobs(runtime: SchedulerRuntime, filter: JobFilter): Promise<Page<JobInfo>> {
  checkJobFilter(filter);
  const store = await runtime.store();
  const { items, nextCursor } = await pageOf('getJobs', store.getJobs(filter));
  return { items: items.map(jobInfo), nextCursor };
}

export async function nextRuns(runtime: SchedulerRuntime, job: string | Trigger, count: number): Promise<NextRun[]> {
  checkCount('nextRuns', 'count', count);
  const now = runtime.clock.now();
  if (typeof job !== 'string') return previewOfTrigger(job, now, count);
  checkId('nextRuns', job);
  const row = await (await runtime.store()).getJob(job);
  if (row === null) throw new JobNotFoundError(job);
  return previewOfJob(row, runtime.triggerOf('nextRuns', row), now, count);
}

export async function getExecution(runtime: SchedulerRuntime, id: string): Promise<ExecutionInfo | null> {
  checkId('getExecution', id);
  const store = await runtime.store();
  const found = isUuid(id) ? await store.getExecution(id.toLowerCase()) : null;
  return found === null ? null : executionInfo(found.execution, found.attempts);
}

export async function getExecutions(runtime: SchedulerRuntime, filter: ExecutionFilter): Promise<Page<ExecutionInfo>> {
  checkExecutionFilter(filter);
  const store = await runtime.store();
  const { items, nextCursor } = await pageOf('getExecutions', store.getExecutions(filter));
  return { items: items.map(({ execution, attempts }) => executionInfo(execution, attempts)), nextCursor };
}

async function pageOf<T>(where: string, page: Promise<Page<T>>): Promise<Page<T>> {
  try {
    return await page;
  } catch (error) {
    if (!(error instanceof InvalidCursorError)) throw error;
    throw new InvalidJobError(`${where}: cursor: ${error.message}`, { cause: error });
  }
}
