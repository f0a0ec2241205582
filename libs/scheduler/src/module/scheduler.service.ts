import type { Type } from '@nestjs/common';

import type { SchedulerEvents, SchedulerState } from '../engine/engine-events.js';
import type { SchedulerHealth } from '../engine/engine-options.js';
import type { Explanation } from '../engine/explain-job.js';
import type { ExecutionInfo, JobInfo } from '../engine/info.js';
import { InvalidJobError } from '../engine/job-settings.js';
import type { ExecutionFilter, JobFilter, Page } from '../store/job-store.js';
import { shown } from '../triggers/instant.js';
import type { NextRun } from '../triggers/next-runs.js';
import type { Trigger } from '../triggers/trigger.js';
import { addJob, type Conflict } from './calls/add-job.js';
import { addJobs } from './calls/add-jobs.js';
import type { CallOptions } from './calls/arguments.js';
import { pauseJob, removeJob, resumeJob } from './calls/change-job.js';
import { explain } from './calls/explain.js';
import { exportJobs, type JobsExport } from './calls/export-jobs.js';
import { importJobs } from './calls/import-jobs.js';
import type { JobRequest, JobToAdd, NewJob } from './calls/job-to-add.js';
import { modifyJob, type JobChanges } from './calls/modify-job.js';
import { getExecution, getExecutions, getJob, getJobs, nextRuns } from './calls/look-up.js';
import { pause, resume, type PauseOptions } from './calls/pause.js';
import { backfill, cancelExecution, retryExecution, runJob } from './calls/run-job.js';
import { checkEvent } from './event-names.js';
import type { DataOf, HandlerMethod } from './handler-method.js';
import type { SchedulerRuntime } from './scheduler.runtime.js';

/**
 * What an application does with its scheduler. With the database away a call rejects within `callTimeoutMs` with
 * `JobStoreUnavailableError`, whose `outcome` says whether anything can have been written; before `start()` and after
 * `shutdown()` with `SchedulerNotStartedError`; with arguments that cannot work, with `InvalidJobError` or
 * `InvalidTriggerError`; with an id that is taken, with `JobConflictError`; with a `manager` that is in no transaction or
 * on another database, with `CallerTransactionError`; and with a store that will not work as configured, with
 * `JobStoreConfigurationError`.
 */
export class SchedulerService {
  constructor(private readonly runtime: SchedulerRuntime) {}

  get name(): string {
    return this.runtime.options.name;
  }
  get state(): SchedulerState {
    return this.runtime.health().state;
  }

  /**
   * Opens the store and begins to run jobs; with `autoStart` the module calls it. Repeated calls do nothing. With the
   * database away it resolves and goes on trying, unless `waitForDatabase` is true.
   * Rejects with `JobStoreConfigurationError` for what waiting does not cure.
   */
  start(): Promise<void> {
    return this.runtime.start();
  }

  /** Lets running handlers finish within `shutdownTimeoutMs`, then closes the store. Never rejects. */
  shutdown(): Promise<void> {
    return this.runtime.shutdown();
  }

  /**
   * Nothing starts any more, on every node and on those that start later, until `resume()`: no fire, no run by hand, no
   * retry, nothing that waits. What runs goes on, and what was claimed before the pause starts. It is kept in the database;
   * a cluster that is paused already stays so as it was. With `scope: 'node'` it is this process only, until `resume` or
   * `shutdown`, and other nodes take its work.
   * @param options `scope`; `reason` and `by` are shown in `health().reason` and in every node's log; a node takes no `manager`.
   */
  pause(options: PauseOptions = {}): Promise<void> {
    return pause(this.runtime, options);
  }

  /**
   * What waits starts. Of what fell into the pause nothing runs: each job records it as missed when it is looked at, and
   * goes on from now; a job that runs only once runs. `catchUp: true`: it is late instead, for each job's misfire policy to
   * decide. What is not paused stays as it is.
   * @param options as of `pause`; a node takes no `catchUp`.
   */
  resume(options: PauseOptions & { catchUp?: boolean } = {}): Promise<void> {
    return resume(this.runtime, options);
  }

  health(): SchedulerHealth {
    return this.runtime.health();
  }

  /**
   * Calls `listener` at each such event on this node, until the returned function is called. What it throws is logged
   * and changes nothing. Throws `InvalidJobError` for an event there is not.
   */
  on<E extends keyof SchedulerEvents>(event: E, listener: (event: SchedulerEvents[E]) => unknown): () => void {
    checkEvent('on', event);
    if (typeof listener === 'function') return this.runtime.events.on(event, listener);
    throw new InvalidJobError(`on("${event}"): the listener is ${shown(listener)}. Give a function.`);
  }

  /** Adds a job. With none of `cron`, `every`, `trigger`, `at` and `in` it runs once, now. */
  addJob<C, K extends HandlerMethod<C>>(job: NewJob<C, K>, options?: CallOptions & Conflict): Promise<JobInfo>;
  /** The same for a handler that is known by its key, also one that only other processes have. */
  addJob(job: JobToAdd<unknown> & { handler: string }, options?: CallOptions & Conflict): Promise<JobInfo>;
  addJob(job: object, options: CallOptions & Conflict = {}): Promise<JobInfo> {
    return addJob(this.runtime, job as JobRequest, options);
  }

  /**
   * Adds many jobs of one handler, at most 10,000, in one statement: all of them or, when it rejects, none. Resolves with
   * how many were not there before; each of those is announced. Rejects with `InvalidJobError`, which names every entry
   * that cannot be (the first ten of them) by its place and id, and when two have one id.
   */
  addJobs<C, K extends HandlerMethod<C>>(
    handler: readonly [Type<C>, K],
    jobs: readonly JobToAdd<DataOf<C[K]>>[],
    options: CallOptions & Conflict = {},
  ): Promise<{ added: number }> {
    return addJobs(this.runtime, handler, jobs, options);
  }

  /**
   * Changes options of a job, also of a declared one: `overridden` shows what is not as its code says, until the code
   * changes that option, or it is set to what the code says. What is left out stays, `null` takes away. Another schedule
   * goes on with its first fire after now; what was due by the old one until now and is late by more than a minute is
   * recorded as missed. A job that is paused or quarantined stays so; one that is finished lives again if there is more to
   * run. Settings hold from the next run on; with another `executor`, what waits moves to the nodes that have it, and
   * what runs does when it has to wait again. Says all of it what the job says already, nothing is written. Rejects with
   * `JobNotFoundError`.
   */
  modifyJob(id: string, changes: JobChanges, options: CallOptions = {}): Promise<JobInfo> {
    return modifyJob(this.runtime, id, changes, options);
  }

  /**
   * Its schedule stops, on every node; what runs goes on, and `runJob` still works. A deploy does not resume it.
   * A job that is not active stays as it is. Rejects with `JobNotFoundError`.
   */
  pauseJob(id: string, options: CallOptions = {}): Promise<JobInfo> {
    return pauseJob(this.runtime, id, options);
  }

  /**
   * Its schedule goes on, also after a quarantine. The instants that passed meanwhile are recorded as missed; a job that
   * had only those is then finished. `catchUp: true` leaves them due instead, for the job's misfire policy to decide.
   * Rejects with `JobNotFoundError`, and with the reason when the schedule still cannot be read.
   */
  resumeJob(id: string, options: CallOptions & { catchUp?: boolean } = {}): Promise<JobInfo> {
    return resumeJob(this.runtime, id, options);
  }

  /**
   * Deletes the job and cancels what waits; what runs goes on, and its history stays. Rejects with `JobNotFoundError`,
   * and with `InvalidJobError` for a job that the code of this process, or of another one that lives, declares.
   */
  removeJob(id: string, options: CallOptions = {}): Promise<void> {
    return removeJob(this.runtime, id, options);
  }

  /**
   * Runs the job once, now, beside its schedule, on a node that has its handler; also a job that is paused. Resolves
   * with the execution that was recorded, not with its end.
   * @param options `data` instead of the job's own; `executionId`, a UUID: a repeated call with the same one is one run.
   * Rejects with `JobNotFoundError`.
   */
  runJob(id: string, options: CallOptions & { data?: unknown; executionId?: string } = {}): Promise<ExecutionInfo> {
    return runJob(this.runtime, id, options);
  }

  /**
   * Runs the job once for each instant of its schedule from `from` to `to`, both included, whether it ran for them before
   * or not. These runs start where the schedule and runs by hand leave room, in the order of their instants, on nodes that
   * have the handler; also of a job that is paused. They do not count for `maxRuns`. Resolves with how many were submitted
   * (at most 10,000 a call), not with their end.
   * @param options `batchId`, a UUID: a repeated call with the same one submits nothing more and resolves with the same.
   * Rejects with `InvalidJobError` unless the schedule has come past `to`, with `BackfillConflictError` for the `batchId` of
   * another job, and with `JobNotFoundError`.
   */
  backfill(
    id: string,
    from: Date,
    to: Date,
    options: CallOptions & { batchId?: string } = {},
  ): Promise<{ submitted: number }> {
    return backfill(this.runtime, id, { from, to }, options);
  }

  getJob(id: string): Promise<JobInfo | null> {
    return getJob(this.runtime, id);
  }

  /** In the order of their ids, 100 a page unless `limit` says otherwise. */
  getJobs(filter: JobFilter = {}): Promise<Page<JobInfo>> {
    return getJobs(this.runtime, filter);
  }

  /**
   * When a job runs next, or a job with that trigger would if it was added now; in order, at most 1,000. Times that a
   * change of the clocks moves or drops are marked; the dropped ones are counted, too. Of a job that is active the first
   * may be due or overdue; a job that is paused or quarantined is shown as if it was resumed now.
   * Rejects with `JobNotFoundError`, and with `InvalidTriggerError` when the schedule cannot be read.
   */
  nextRuns(job: string | Trigger, count: number): Promise<NextRun[]> {
    return nextRuns(this.runtime, job, count);
  }

  /**
   * All jobs that were added at run time, as they are at one moment, as JSON: for a backup, or to move them. What code
   * declares comes with the code and is not among them. However many there are, they are read in one snapshot and page by
   * page, each within `callTimeoutMs`, and other work goes on in between.
   */
  exportJobs(): Promise<JobsExport> {
    return exportJobs(this.runtime);
  }

  /**
   * Adds jobs that were exported, at most 10,000 a call, in one statement: all or none. Each goes on where it was: its next
   * run, the count of its runs and a pause stay, and instants that passed since the export are late, for its misfire
   * policy to decide. A handler that this process does not have is told in the log. Resolves with how many were not there
   * before. Rejects with `InvalidJobError`, which names everything that is wrong (the first ten of them) by place and id.
   * @param jobs what `exportJobs` returned, also by way of `JSON.stringify` and a file.
   */
  importJobs(jobs: object, options: CallOptions & Conflict = {}): Promise<{ added: number }> {
    return importJobs(this.runtime, jobs, options);
  }

  /**
   * Why a job runs, or does not: `because` says it in sentences, what stands in the way first. `runs: false`: its schedule
   * does not go on before somebody, or something outside of the scheduler, changes that: it is paused, quarantined or
   * finished, the cluster is paused, or no live node can run it. What only waits its turn runs.
   * Rejects with `JobNotFoundError`.
   */
  explain(id: string): Promise<Explanation> {
    return explain(this.runtime, id);
  }

  getExecution(id: string): Promise<ExecutionInfo | null> {
    return getExecution(this.runtime, id);
  }

  /** The latest scheduled instant first, 100 a page unless `limit` says otherwise. */
  getExecutions(filter: ExecutionFilter = {}): Promise<Page<ExecutionInfo>> {
    return getExecutions(this.runtime, filter);
  }

  /**
   * An execution that waits is cancelled at once; one that runs is asked to stop through `context.signal`, on another
   * node as soon as that one is notified, or else within a quarter of `leaseMs`. One that has ended stays as it is.
   * Rejects with `ExecutionNotFoundError`.
   */
  cancelExecution(id: string, options: CallOptions = {}): Promise<void> {
    return cancelExecution(this.runtime, id, options);
  }

  /**
   * Runs an execution that failed, timed out, was cancelled, abandoned, missed or skipped once more, now, beside the
   * schedule; also of a job that is paused. That is another execution, with an id of its own and `retryOf`: for the same
   * instant (of a range of missed ones for the last) and with the same data, under the job's settings of today. Resolves
   * with what was recorded, not with its end.
   * @param options `executionId`, a UUID: a repeated call with the same one is one run.
   * Rejects with `ExecutionStateError` for one that has not ended or has succeeded, with `ExecutionNotFoundError`, and with
   * `JobNotFoundError` when its job was removed: nobody would know how to run it.
   */
  retryExecution(id: string, options: CallOptions & { executionId?: string } = {}): Promise<ExecutionInfo> {
    return retryExecution(this.runtime, id, options);
  }
}
