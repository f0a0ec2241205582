import type { Random } from '../clock/backoff.js';
import type { Clock } from '../clock/clock.js';
import type { JobExecutionEntity } from '../store/job-execution.entity.js';
import type { JobEntity } from '../store/job.entity.js';
import type { OutcomeRecord, OutcomeVerdict } from '../store/job-store.js';
import type { Trigger } from '../triggers/trigger.js';
import type { EngineEvents } from './engine-events.js';
import type { JobLoggerFactory } from './engine-logger.js';
import { ExecutionRun, RunContext } from './execution-run.js';
import type { HandlerRegistry } from './handler-registry.js';
import { executionInfo } from './info.js';
import type { AbortCause, JobContext } from './job-context.js';
import { DEFAULT_EXECUTOR, executorOf } from './job-settings.js';
import { outcomeOf, type Ending } from './outcome.js';
import { leaseKey, type OutcomeWriter } from './outcome-writer.js';

/** Wraps every handler of a scheduler: tenant, tracing, AsyncLocalStorage. It must call `run` and return what it gives. */
export type AroundJob = (context: JobContext<unknown>, run: () => Promise<unknown>) => Promise<unknown>;

export interface DispatcherOptions {
  /** Slots by executor. */
  concurrency: Readonly<Record<string, number>>;
  leaseMs: number;
  aroundJob?: AroundJob | undefined;
  loggerFor: JobLoggerFactory;
}
export interface DispatcherParts {
  clock: Clock;
  random: Random;
  registry: HandlerRegistry;
  events: EngineEvents;
  writer: OutcomeWriter;
  /** A slot was freed. */
  onFree(): void;
}

/**
 * Starts handlers, and holds their slots until the store has their outcomes: during an outage claiming stops by
 * itself, before memory fills.
 */
export class Dispatcher {
  readonly #runs = new Map<string, ExecutionRun>();
  #isClosed = false;

  constructor(
    private readonly options: DispatcherOptions,
    private readonly parts: DispatcherParts,
  ) {}

  get isIdle(): boolean {
    return this.#runs.size === 0;
  }
  has(execution: JobExecutionEntity): boolean {
    return this.#runs.has(keyOf(execution));
  }

  open(): void {
    this.#isClosed = false;
  }

  /** Free slots by executor; runs whose outcome is not written yet count as used. */
  freeSlots(): Map<string, number> {
    const free = new Map(Object.entries(this.options.concurrency));
    for (const { execution } of this.#runs.values()) {
      const executor = executorOf(execution.capability);
      const name = free.has(executor) ? executor : DEFAULT_EXECUTOR;
      free.set(name, (free.get(name) ?? 0) - 1);
    }
    return free;
  }

  /** Call it only for executions whose claim was acknowledged. */
  start(execution: JobExecutionEntity, job: JobEntity): void {
    if (this.#isClosed) return;
    const run = new ExecutionRun(execution, job, this.parts.clock);
    this.#runs.set(keyOf(execution), run);
    void this.#perform(run);
  }

  /** Claimed, and its job is gone: nothing can run it. */
  discard(execution: JobExecutionEntity): void {
    const { id, leaseEpoch, progress } = execution;
    const end = { status: 'cancelled', delayMs: 0, spendsAttempt: true, reason: 'its job was removed' } as const;
    const nothing = { error: null, result: null, progress, durationMs: 0 };
    this.parts.writer.add({ executionId: id, leaseEpoch, ...end, ...nothing }, () => {});
  }

  abort(executionId: string, cause: AbortCause): void {
    for (const run of this.#runs.values()) if (run.execution.id === executionId) run.abort(cause);
  }
  abortJob(uid: string, cause: AbortCause): void {
    for (const run of this.#runs.values()) if (run.job.uid === uid) run.abort(cause);
  }
  /** Runs that had started by `beforeMs` (monotonic) and are none of `mine`, by execution and epoch. */
  abortOthers(mine: readonly { executionId: string; leaseEpoch: number }[], beforeMs: number): void {
    const keys = new Set(mine.map(leaseKey));
    for (const [key, run] of this.#runs) if (run.startedMs < beforeMs && !keys.has(key)) run.abort('lease-lost');
  }
  /** Of jobs that may run again elsewhere; the others go on, and the fence decides whose outcome counts. */
  abortRerunnable(cause: AbortCause): void {
    for (const run of this.#runs.values()) if (run.execution.onNodeLoss === 'rerun') run.abort(cause);
  }
  abortAll(cause: AbortCause): void {
    for (const run of this.#runs.values()) run.abort(cause);
  }
  /** Stops waiting for handlers that do not settle, and starts nothing any more. */
  close(): void {
    this.#isClosed = true;
    for (const run of this.#runs.values()) run.giveUp();
  }

  async #perform(run: ExecutionRun): Promise<void> {
    const { events, clock, random, writer } = this.parts;
    events.emit('execution.started', { execution: executionInfo(run.execution) });
    const ending: Ending = await run.perform(() => this.#call(run));
    const durationMs = clock.monotonicMs() - run.startedMs;
    const { execution, job, abortCause } = run;
    const outcome = outcomeOf({
      execution,
      job,
      ending,
      abortCause,
      durationMs,
      leaseMs: this.options.leaseMs,
      random,
    });
    writer.add(outcome, (verdict) => this.#written(run, outcome, verdict));
  }

  #call(run: ExecutionRun): unknown {
    const { registry, events, writer } = this.parts;
    const { execution, job } = run;
    const handler = registry.handler(job.handler);
    if (handler === undefined) throw new Error(`This node has no handler "${job.handler}".`);
    const logger = this.options.loggerFor(execution.jobId, execution.id);
    const previousRunAt = (): Date | null => previousInstant(registry.triggerOf(job), run);
    const context = new RunContext(run, logger, previousRunAt, (progress) => {
      execution.progress = progress;
      writer.report(execution.id, execution.leaseEpoch, progress);
      events.emit('execution.progress', { execution: executionInfo(execution), ...progress });
    });
    const { aroundJob } = this.options;
    return aroundJob === undefined ? handler.run(context) : aroundJob(context, async () => handler.run(context));
  }

  #written(run: ExecutionRun, outcome: OutcomeRecord, verdict: FinalVerdict): void {
    this.#runs.delete(keyOf(run.execution));
    announce(this.parts, run.execution, outcome, verdict);
    this.parts.onFree();
  }
}

type FinalVerdict = Exclude<OutcomeVerdict, { kind: 'busy' }>;

function keyOf({ id, leaseEpoch }: JobExecutionEntity): string {
  return leaseKey({ executionId: id, leaseEpoch });
}

/** Not what happened to run before: the instant of the schedule before this one. */
function previousInstant(trigger: Trigger | null, { execution, job }: ExecutionRun): Date | null {
  const before = new Date(execution.scheduledAt.getTime() - 1);
  return before <= job.createdAt ? null : (trigger?.lastAtOrBefore(before, job.createdAt) ?? null);
}

/** Says what became of an execution, in the words of the ledger. */
function announce(
  { events, clock }: Pick<DispatcherParts, 'events' | 'clock'>,
  execution: JobExecutionEntity,
  outcome: OutcomeRecord,
  verdict: FinalVerdict,
): void {
  const { delayMs, error, reason, durationMs } = outcome;
  // the store may know better: what was asked to stop is not offered again
  const status = verdict.kind === 'written' ? verdict.status : outcome.status;
  const now = clock.now();
  const result: unknown = outcome.result === null ? null : JSON.parse(outcome.result);
  const finishedAt = status === 'pending' ? null : now;
  const ended = executionInfo({ ...execution, status, error, reason, durationMs, result, finishedAt });
  if (verdict.kind === 'fenced') return events.emit('execution.taken-over', { execution: ended });
  switch (status) {
    case 'pending':
      // a release at shutdown is not a failure
      if (!outcome.spendsAttempt) return;
      return events.emit('execution.failed', { execution: ended, retryAt: new Date(now.getTime() + delayMs) });
    case 'failed':
      return events.emit('execution.failed', { execution: ended, retryAt: null });
    case 'succeeded':
    case 'timed-out':
    case 'cancelled':
    case 'abandoned':
      return events.emit(`execution.${status}`, { execution: ended });
  }
}
