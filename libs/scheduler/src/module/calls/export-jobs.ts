import { settingsOf, type JobSettings } from '../../engine/job-settings.js';
import type { JobEntity, JobState } from '../../store/job.entity.js';
import type { SchedulerRuntime } from '../scheduler.runtime.js';

/** Of the format. It grows when code of before could not read it. */
export const EXPORT_VERSION = 1;

export interface JobsExport {
  version: number;
  jobs: ExportedJob[];
}
/** A job as it is exported: plain JSON. What an entry leaves out is as of a new job. */
export interface ExportedJob {
  id: string;
  /** The key of a handler. */
  handler: string;
  /** What `Trigger.toJSON()` gives. */
  schedule: object | null;
  /** What is left out has its built-in default, whatever the module's `defaults` and the handler say. */
  settings?: JobSettings;
  data?: unknown;
  /** @default 'active' */
  state?: JobState;
  reason?: string | null;
  by?: string | null;
  maxRuns?: number | null;
  jitterMs?: number;
  /** Where an interval counts from. @default when it is imported */
  anchor?: string;
  /** The first instant that is not decided. @default the first of the schedule */
  nextRunAt?: string | null;
  /** The last instant that was decided. */
  lastRunAt?: string | null;
  /** How many of `maxRuns` are used up. */
  runCount?: number;
}

/** Jobs of run time only: what code declares comes with the code. */
export async function exportJobs(runtime: SchedulerRuntime): Promise<JobsExport> {
  const store = await runtime.store();
  const jobs: ExportedJob[] = [];
  await store.runTimeJobs((page) => void jobs.push(...page.map(exported)));
  return { version: EXPORT_VERSION, jobs };
}

function exported(job: JobEntity): ExportedJob {
  const anchor = textOf(job.anchor);
  return {
    id: job.id,
    handler: job.handler,
    schedule: job.trigger,
    settings: settingsOf(job),
    data: job.data,
    state: job.state,
    reason: job.stateReason,
    by: job.stateBy,
    maxRuns: job.maxRuns,
    jitterMs: job.jitterMs,
    ...(anchor === null ? {} : { anchor }),
    nextRunAt: textOf(job.nextRunAt),
    lastRunAt: textOf(job.lastInstant),
    runCount: job.runCount,
  };
}

/** What PostgreSQL calls infinity is no date here. */
function textOf(at: Date | null): string | null {
  return at === null || Number.isNaN(at.getTime()) ? null : at.toISOString();
}
