import type { Random } from '../clock/backoff.js';
import type { Clock } from '../clock/clock.js';
import type { JobExecutionEntity } from '../store/job-execution.entity.js';
import type { HandlerTransactions } from '../store/handler-transactions.js';
import type { JobEntity } from '../store/job.entity.js';
import type { OutcomeRecord, OutcomeVerdict } from '../store/job-store.js';
import type { Trigger } from '../triggers/trigger.js';
import { runAround, type AroundJob } from './around-job.js';
import type { EngineEvents } from './engine-events.js';
import type { JobLoggerFactory } from './engine-logger.js';
import { ExecutionRun, RunContext, settle } from './execution-run.js';
import type { HandlerRegistry, JobHandler } from './handler-registry.js';
import { executionInfo, jobInfo } from './info.js';
import type { AbortCause } from './job-context.js';
import { DEFAULT_EXECUTOR, executorOf, TRANSACTIONAL_SETTINGS } from './job-settings.js';
import { outcomeOf, type Ending } from './outcome.js';
import { leaseKey, type OutcomeWriter } from './outcome-writer.js';
import { toldLogger, type LogLine } from './run-log.js';
import { performInTransaction, type Committed } from './transactional-run.js';

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
  transactions?: HandlerTransactions | undefined;
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
  /** Which claims this process holds now: runs, and outcomes that are not written yet. A copy. */
  claims(): ReadonlySet<string> {
    return new Set(this.#runs.keys());
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
    const { registry, clock } = this.parts;
    const run = new ExecutionRun(execution, withTimeout(job, registry.handler(job.handler)), clock);
    this.#runs.set(keyOf(execution), run);
    if (this.#isClosed) this.#giveBack(run);
    else void this.#perform(run);
  }

  /** Claimed, and its job is gone: nothing can run it. */
  discard(execution: JobExecutionEntity): void {
    const end = { status: 'cancelled', spendsAttempt: true, reason: 'its job was removed' } as const;
    this.parts.writer.add(neverRun(execution, end), () => {});
  }

  /** Somebody wants it stopped; without a reason, nobody said why. */
  cancel(executionId: string, reason: string | null): void {
    for (const run of this.#runs.values()) if (run.execution.id === executionId) run.abort('cancelled', reason);
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
  /** At a shutdown nothing starts any more. */
  abortAll(cause: AbortCause): void {
    this.#isClosed ||= cause === 'shutdown';
    for (const run of this.#runs.values()) run.abort(cause);
  }
  /** Stops waiting for handlers that do not settle. */
  close(): void {
    for (const run of this.#runs.values()) run.giveUp();
  }

  /** Tells of every run that is left when nothing is written any more. */
  tellUnrecorded(): void {
    for (const { execution } of this.#runs.values()) {
      this.parts.events.emit('execution.unrecorded', { execution: executionInfo(execution) });
    }
  }

  async #perform(run: ExecutionRun): Promise<void> {
    const { events, writer } = this.parts;
    events.emit('execution.started', { execution: executionInfo(run.execution) });
    const ending = await run.perform((over) => this.#handle(run, over));
    if (ending.kind === 'committed') {
      return this.#written(run, ending.outcome, { kind: 'written', status: ending.outcome.status });
    }
    const outcome = this.#outcomeOf(run, ending, run.abortCause);
    writer.add(outcome, (verdict) => this.#written(run, outcome, verdict));
  }

  /** Claimed too late to be run: whatever its job says of runs that are lost, this one was none. */
  #giveBack(run: ExecutionRun): void {
    const end = { status: 'pending', spendsAttempt: false, reason: 'its node shut down before it started' } as const;
    const outcome = neverRun(run.execution, end);
    this.parts.writer.add(outcome, (verdict) => this.#written(run, outcome, verdict));
  }

  async #handle(run: ExecutionRun, over: AbortSignal): Promise<Ending | Committed> {
    const { registry, transactions } = this.parts;
    const handler = registry.handler(run.job.handler);
    if (!handler?.isTransactional) return await settle(() => this.#call(run, handler));
    return await performInTransaction({
      run,
      transactions,
      over,
      handler: (manager) => this.#call(run, handler, { manager }),
      outcomeOf: (value) => this.#outcomeOf(run, { kind: 'returned', value }, null),
    });
  }

  #outcomeOf(run: ExecutionRun, ending: Ending, abortCause: AbortCause | null): OutcomeRecord {
    const { clock, random } = this.parts;
    const { execution, job } = run;
    const durationMs = clock.monotonicMs() - run.startedMs;
    const { leaseMs } = this.options;
    execution.logs = run.log.all;
    return outcomeOf({ execution, job, ending, abortCause, logs: run.log.rest, durationMs, leaseMs, random });
  }

  /** `more`: what its context has beside the usual. */
  #call(run: ExecutionRun, handler: JobHandler | undefined, more: object = {}): unknown {
    const { registry, events, writer } = this.parts;
    const { execution, job } = run;
    if (handler === undefined) throw new Error(`This node has no handler "${job.handler}".`);
    const logger = toldLogger(this.options.loggerFor(execution.jobId, execution.id), (level, message) =>
      this.#logged(run, { level, message, at: this.parts.clock.now() }),
    );
    const previousRunAt = (): Date | null => previousInstant(registry.triggerOf(job), run);
    const base = new RunContext(run, logger, previousRunAt, (progress) => {
      // a handler that was given up may go on reporting for ever
      if (run.isOver) return;
      execution.progress = progress;
      writer.report(run);
      events.emit('execution.progress', { execution: executionInfo(execution), ...progress });
    });
    const context = Object.assign(base, more);
    const { aroundJob } = this.options;
    const begin = (): unknown => {
      // by now somebody else may be at it
      run.signal.throwIfAborted();
      return handler.run(context);
    };
    return aroundJob === undefined ? begin() : runAround(aroundJob, context, begin);
  }

  #logged(run: ExecutionRun, line: LogLine): void {
    if (run.isOver) return;
    run.log.add(line);
    // what comes beyond the first lines is written with its end
    if (run.log.unwritten !== null) this.parts.writer.report(run);
    this.parts.events.emit('execution.log', { execution: executionInfo(run.execution), ...line });
  }

  #written(run: ExecutionRun, outcome: OutcomeRecord, verdict: FinalVerdict): void {
    this.#runs.delete(keyOf(run.execution));
    const isCommitted = verdict.kind === 'written' && verdict.status === run.committing?.status;
    announce(this.parts, run.execution, isCommitted ? run.committing! : outcome, verdict);
    if (verdict.kind === 'written' && verdict.paused) {
      this.parts.events.emit('job.paused', { job: jobInfo(verdict.paused) });
    }
    this.parts.onFree();
  }
}

/** A transaction must come to an end, also that of a job that was added where nobody knew that its handler needs one. */
function withTimeout(job: JobEntity, handler: JobHandler | undefined): JobEntity {
  if (!handler?.isTransactional || job.timeoutMs !== null) return job;
  return { ...job, timeoutMs: TRANSACTIONAL_SETTINGS.timeoutMs };
}

function neverRun(
  { id, leaseEpoch, progress }: JobExecutionEntity,
  end: Pick<OutcomeRecord, 'status' | 'spendsAttempt' | 'reason'>,
): OutcomeRecord {
  return {
    executionId: id,
    leaseEpoch,
    delayMs: 0,
    error: null,
    result: null,
    progress,
    logs: null,
    durationMs: 0,
    ...end,
  };
}

type FinalVerdict = Exclude<OutcomeVerdict, { kind: 'busy' }>;

/** Which claim it is. */
export function keyOf({ id, leaseEpoch }: JobExecutionEntity): string {
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
  const { delayMs, error, durationMs } = outcome;
  // the store may know better: what was asked to stop is not offered again, and why is in its row
  const { status, reason = outcome.reason } = verdict.kind === 'written' ? verdict : outcome;
  const now = clock.now();
  const result: unknown = outcome.result === null ? null : JSON.parse(outcome.result);
  const finishedAt = status === 'pending' ? null : now;
  const ended = executionInfo({ ...execution, status, error, reason, durationMs, result, finishedAt });
  if (verdict.kind === 'fenced') return events.emit('execution.taken-over', { execution: ended });
  switch (status) {
    case 'pending':
      return outcome.spendsAttempt
        ? events.emit('execution.failed', { execution: ended, retryAt: new Date(now.getTime() + delayMs) })
        : events.emit('execution.released', { execution: ended, availableAt: new Date(now.getTime() + delayMs) });
    case 'failed':
      return events.emit('execution.failed', { execution: ended, retryAt: null });
    case 'succeeded':
    case 'timed-out':
    case 'cancelled':
    case 'abandoned':
      return events.emit(`execution.${status}`, { execution: ended });
  }
}
