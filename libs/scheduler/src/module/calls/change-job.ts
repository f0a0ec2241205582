import type { SchedulerEvents } from '../../engine/engine-events.js';
import { jobInfo, type JobInfo } from '../../engine/info.js';
import { InvalidJobError } from '../../engine/job-settings.js';
import type { JobChange } from '../../store/job-store.js';
import type { JobEntity } from '../../store/job.entity.js';
import type { SchedulerRuntime } from '../scheduler.runtime.js';
import { checkBoolean, checkCallOptions, checkId, type CallOptions } from './arguments.js';
import { firstDeclared } from './declared-elsewhere.js';
import { pausing, resuming } from './job-changes.js';

export type JobEvent = Extract<keyof SchedulerEvents, `job.${string}`>;

export async function pauseJob(runtime: SchedulerRuntime, id: string, options: CallOptions): Promise<JobInfo> {
  checkId('pauseJob', id);
  checkCallOptions('pauseJob', options);
  return await changeJob(runtime, id, (job, now) => pausing(job, now, options), 'job.paused', options);
}

export async function resumeJob(
  runtime: SchedulerRuntime,
  id: string,
  options: CallOptions & { catchUp?: boolean },
): Promise<JobInfo> {
  checkId('resumeJob', id);
  checkCallOptions('resumeJob', options, ['catchUp']);
  checkBoolean('resumeJob', 'catchUp', options.catchUp);
  const change = (job: JobEntity, now: Date): JobChange | null => {
    return resuming(job, runtime.triggerOf('resumeJob', job), now, options);
  };
  return await changeJob(runtime, id, change, 'job.resumed', options);
}

export async function removeJob(runtime: SchedulerRuntime, id: string, options: CallOptions): Promise<void> {
  checkId('removeJob', id);
  checkCallOptions('removeJob', options);
  const { manager } = options;
  const store = await runtime.store();
  const where = await declaredWhere(runtime, id);
  if (where !== null) {
    throw new InvalidJobError(
      `removeJob: "${id}" is declared by a @ScheduledJob ${where} and would be back at the next boot. Pause it or delete the decorator.`,
    );
  }
  told(runtime, await store.removeJob(id, { manager }), 'job.removed', options);
}

/** A process that declares a job brings it in again: this one, or another that lives. null: nobody does. */
async function declaredWhere(runtime: SchedulerRuntime, id: string): Promise<string | null> {
  // while the application boots it is not known yet which of its jobs are disabled
  if (runtime.catalog.jobs.some((job) => job.id === id)) await runtime.build();
  if (runtime.registry.draftOf(id) !== undefined) return 'of this process';
  const declared = await firstDeclared(await runtime.store(), [id]);
  return declared === null ? null : `on node "${declared.nodeName}"`;
}

async function changeJob(
  runtime: SchedulerRuntime,
  id: string,
  change: (job: JobEntity, now: Date) => JobChange | null,
  event: JobEvent,
  { manager }: CallOptions,
): Promise<JobInfo> {
  const store = await runtime.store();
  let isChanged = false;
  const row = await store.changeJob(
    id,
    (job, now) => {
      const wanted = change(job, now);
      isChanged = wanted !== null;
      return wanted;
    },
    { manager },
  );
  return told(runtime, row, isChanged ? event : null, { manager });
}

/** What a caller's transaction may still take back is not announced. */
export function told(
  runtime: SchedulerRuntime,
  row: JobEntity,
  event: JobEvent | null,
  { manager }: { manager?: unknown },
): JobInfo {
  const job = jobInfo(row);
  if (manager !== undefined) return job;
  if (event !== null) runtime.events.emit(event, { job });
  runtime.wake();
  return job;
}
