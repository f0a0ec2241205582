import { randomUUID } from 'node:crypto';

import { backfilledInstants } from '../engine/backfill.js';
import type { SchedulerEvents, SchedulerState } from '../engine/engine-events.js';
import { executionInfo, jobInfo, type ExecutionInfo, type JobInfo } from '../engine/info.js';
import { newJobRow } from '../engine/job-draft.js';
import { InvalidJobError } from '../engine/job-settings.js';
import type { SchedulerHealth } from '../engine/engine-options.js';
import { ExecutionNotFoundError, JobNotFoundError } from '../store/errors.js';
import type { ConflictRule, ExecutionFilter, JobChange, JobFilter, Page } from '../store/job-store.js';
import type { JobEntity } from '../store/job.entity.js';
import { shown } from '../triggers/instant.js';
import type { NextRun } from '../triggers/next-runs.js';
import type { Trigger } from '../triggers/trigger.js';
import {
  checkBoolean,
  checkCallOptions,
  checkData,
  checkEach,
  checkExecutionFilter,
  checkId,
  checkJobFilter,
  isCount,
  isOneOf,
  checkTime,
  checkUuid,
  isUuid,
  type CallOptions,
} from './call-arguments.js';
import { checkEvent } from './event-names.js';
import type { HandlerMethod } from './handler-method.js';
import { pausing, resuming } from './job-changes.js';
import { previewOfJob, previewOfTrigger } from './job-preview.js';
import { draftAdded, type JobRequest, type JobToAdd, type NewJob } from './job-to-add.js';
import type { SchedulerRuntime } from './scheduler.runtime.js';

interface Conflict {
  /** What becomes of the call when the id is taken. @default 'error': it rejects with `JobConflictError` */
  onConflict?: ConflictRule;
}
type JobEvent = Extract<keyof SchedulerEvents, `job.${string}`>;

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
  async addJob(job: object, options: CallOptions & Conflict = {}): Promise<JobInfo> {
    checkCallOptions('addJob', options, ['onConflict']);
    const { onConflict = 'error', manager, reason = null, by = null } = options;
    checkEach('addJob', { onConflict }, { onConflict: isOneOf(['error', 'keep', 'replace']) });
    const draft = draftAdded(job as JobRequest, this.runtime);
    const store = await this.runtime.store();
    let planned = '';
    const plan = (now: Date): JobEntity[] => {
      const row = { ...newJobRow(draft, now), stateReason: reason, stateBy: by };
      planned = row.uid;
      return [row];
    };
    const [row] = await store.addJobs(plan, onConflict, { manager });
    return this.#changed(row!, row!.uid === planned ? 'job.added' : null, options);
  }

  /**
   * Its schedule stops, on every node; what runs goes on, and `runJob` still works. A deploy does not resume it.
   * A job that is not active stays as it is. Rejects with `JobNotFoundError`.
   */
  async pauseJob(id: string, options: CallOptions = {}): Promise<JobInfo> {
    checkId('pauseJob', id);
    checkCallOptions('pauseJob', options);
    return await this.#change(id, (job, now) => pausing(job, now, options), 'job.paused', options);
  }

  /**
   * Its schedule goes on, also after a quarantine. The instants that passed meanwhile are recorded as missed; a job that
   * had only those is then finished. `catchUp: true` leaves them due instead, for the job's misfire policy to decide.
   * Rejects with `JobNotFoundError`, and with the reason when the schedule still cannot be read.
   */
  async resumeJob(id: string, options: CallOptions & { catchUp?: boolean } = {}): Promise<JobInfo> {
    checkId('resumeJob', id);
    checkCallOptions('resumeJob', options, ['catchUp']);
    checkBoolean('resumeJob', 'catchUp', options.catchUp);
    const change = (job: JobEntity, now: Date): JobChange | null => {
      return resuming(job, this.runtime.triggerOf('resumeJob', job), now, options);
    };
    return await this.#change(id, change, 'job.resumed', options);
  }

  /**
   * Deletes the job and cancels what waits; what runs goes on, and its history stays. Rejects with `JobNotFoundError`,
   * and with `InvalidJobError` for a job that this process declares.
   */
  async removeJob(id: string, options: CallOptions = {}): Promise<void> {
    checkId('removeJob', id);
    checkCallOptions('removeJob', options);
    const { manager } = options;
    if (this.runtime.catalog.jobs.some((job) => job.id === id)) {
      throw new InvalidJobError(
        `removeJob: "${id}" is declared by a @ScheduledJob and would be back at the next boot. Pause it or delete the decorator.`,
      );
    }
    const store = await this.runtime.store();
    this.#changed(await store.removeJob(id, { manager }), 'job.removed', options);
  }

  /**
   * Runs the job once, now, beside its schedule, on a node that has its handler; also a job that is paused. Resolves
   * with the execution that was recorded, not with its end.
   * @param options `data` instead of the job's own; `executionId`, a UUID: a repeated call with the same one is one run.
   * Rejects with `JobNotFoundError`.
   */
  async runJob(
    id: string,
    options: CallOptions & { data?: unknown; executionId?: string } = {},
  ): Promise<ExecutionInfo> {
    checkId('runJob', id);
    checkCallOptions('runJob', options, ['data', 'executionId']);
    const { manager, executionId = randomUUID(), data } = options;
    checkData('runJob', data);
    checkUuid('runJob', 'executionId', executionId);
    const store = await this.runtime.store();
    const wanted = { id: executionId, data: data === undefined ? null : { value: data }, reason: noteOf(options) };
    const execution = await store.addManualExecution(id, wanted, { manager });
    if (manager === undefined) this.runtime.wake();
    return executionInfo(execution);
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
  async backfill(
    id: string,
    from: Date,
    to: Date,
    options: CallOptions & { batchId?: string } = {},
  ): Promise<{ submitted: number }> {
    checkId('backfill', id);
    checkTime('backfill', from, to);
    checkCallOptions('backfill', options, ['batchId']);
    const { manager, batchId = randomUUID() } = options;
    checkUuid('backfill', 'batchId', batchId);
    const time = { from: new Date(from), to: new Date(to) };
    const store = await this.runtime.store();
    const plan = (job: JobEntity, now: Date): Date[] =>
      backfilledInstants(job, this.runtime.triggerOf('backfill', job), time, now);
    const wanted = { batchId: batchId.toLowerCase(), reason: noteOf(options), plan };
    const submitted = await store.addBackfill(id, wanted, { manager });
    if (manager === undefined) this.runtime.wake();
    return { submitted };
  }

  async getJob(id: string): Promise<JobInfo | null> {
    checkId('getJob', id);
    const job = await (await this.runtime.store()).getJob(id);
    return job === null ? null : jobInfo(job);
  }

  /** In the order of their ids, 100 a page unless `limit` says otherwise. */
  async getJobs(filter: JobFilter = {}): Promise<Page<JobInfo>> {
    checkJobFilter(filter);
    const { items, nextCursor } = await (await this.runtime.store()).getJobs(filter);
    return { items: items.map(jobInfo), nextCursor };
  }

  /**
   * When a job runs next, or a job with that trigger would if it was added now; in order, at most 1,000. Times that a
   * change of the clocks moves or drops are marked; the dropped ones are counted, too. Of a job that is active the first
   * may be due or overdue; a job that is paused or quarantined is shown as if it was resumed now.
   * Rejects with `JobNotFoundError`, and with `InvalidTriggerError` when the schedule cannot be read.
   */
  async nextRuns(job: string | Trigger, count: number): Promise<NextRun[]> {
    checkEach('nextRuns', { count }, { count: isCount });
    const now = this.runtime.clock.now();
    if (typeof job !== 'string') return previewOfTrigger(job, now, count);
    checkId('nextRuns', job);
    const row = await (await this.runtime.store()).getJob(job);
    if (row === null) throw new JobNotFoundError(job);
    return previewOfJob(row, this.runtime.triggerOf('nextRuns', row), now, count);
  }

  async getExecution(id: string): Promise<ExecutionInfo | null> {
    checkId('getExecution', id);
    const store = await this.runtime.store();
    const found = isUuid(id) ? await store.getExecution(id) : null;
    return found === null ? null : executionInfo(found.execution, found.attempts);
  }

  /** The latest scheduled instant first, 100 a page unless `limit` says otherwise. */
  async getExecutions(filter: ExecutionFilter = {}): Promise<Page<ExecutionInfo>> {
    checkExecutionFilter(filter);
    const { items, nextCursor } = await (await this.runtime.store()).getExecutions(filter);
    return { items: items.map(({ execution, attempts }) => executionInfo(execution, attempts)), nextCursor };
  }

  /**
   * An execution that waits is cancelled at once; one that runs is asked to stop through `context.signal`, on another
   * node as soon as that one is notified, or else within a quarter of `leaseMs`. One that has ended stays as it is.
   * Rejects with `ExecutionNotFoundError`.
   */
  async cancelExecution(id: string, options: CallOptions = {}): Promise<void> {
    checkId('cancelExecution', id);
    checkCallOptions('cancelExecution', options);
    const { manager } = options;
    const store = await this.runtime.store();
    if (!isUuid(id)) throw new ExecutionNotFoundError(id);
    await store.cancelExecution(id, noteOf(options) ?? 'cancelExecution was called', { manager });
    if (manager === undefined) this.runtime.cancel(id);
  }

  async #change(
    id: string,
    change: (job: JobEntity, now: Date) => JobChange | null,
    event: JobEvent,
    { manager }: CallOptions,
  ): Promise<JobInfo> {
    const store = await this.runtime.store();
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
    return this.#changed(row, isChanged ? event : null, { manager });
  }

  /** What a caller's transaction may still take back is not announced. */
  #changed(row: JobEntity, event: JobEvent | null, { manager }: { manager?: unknown }): JobInfo {
    const job = jobInfo(row);
    if (manager !== undefined) return job;
    if (event !== null) this.runtime.events.emit(event, { job });
    this.runtime.wake();
    return job;
  }
}

function noteOf({ reason, by }: CallOptions): string | null {
  if (by === undefined) return reason ?? null;
  return reason === undefined ? `by ${by}` : `${reason} (by ${by})`;
}
