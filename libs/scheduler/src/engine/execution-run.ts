import type { Clock } from '../clock/clock.js';
import type { JobExecutionEntity, ProgressRecord } from '../store/job-execution.entity.js';
import type { JobEntity } from '../store/job.entity.js';
import type { OutcomeRecord, ProgressUpdate } from '../store/job-store.js';
import { storable } from '../store/storable.js';
import type { Logger } from './engine-logger.js';
import { JobAbortedError, JobContext, type AbortCause } from './job-context.js';
import type { Ending } from './outcome.js';
import { RunLog } from './run-log.js';

/** How long a handler may go on after its signal was aborted before it is given up. */
const ABORT_GRACE_MS = 5_000;
const MAX_PROGRESS_MESSAGE = 500;

/** One claimed execution in this process: its context, its signal, and how it ends. */
export class ExecutionRun {
  readonly #controller = new AbortController();
  #aborted: JobAbortedError | null = null;
  #ended: (() => void) | null = null;
  #isOver = false;
  readonly startedMs: number;
  readonly log: RunLog;
  /** What it ends as if a commit took place that was asked for. */
  committing: OutcomeRecord | null = null;

  constructor(
    readonly execution: JobExecutionEntity,
    readonly job: JobEntity,
    private readonly clock: Clock,
  ) {
    this.startedMs = clock.monotonicMs();
    this.log = new RunLog(execution);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }
  get abortCause(): AbortCause | null {
    return this.#aborted?.cause ?? null;
  }
  /** The handler has settled, or is not waited for any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** What of it is to be stored while it runs. */
  get update(): ProgressUpdate {
    const { id, leaseEpoch, progress } = this.execution;
    return { executionId: id, leaseEpoch, progress, logs: this.log.unwritten };
  }

  /** The first cause stands. `reason`: why it was cancelled, and by whom. */
  abort(cause: AbortCause, reason: string | null = null): void {
    if (this.#aborted !== null) return;
    this.#aborted = new JobAbortedError(cause, reason);
    this.#controller.abort(this.#aborted);
  }

  /** Ends the wait for the handler now, whatever it does. */
  giveUp(): void {
    this.#ended?.();
  }

  /**
   * Resolves with what `work` made of the handler, or when the grace after an abort is over. `work` never rejects; its
   * signal aborts when nobody waits for it any more.
   */
  async perform<T>(work: (over: AbortSignal) => Promise<T>): Promise<T | Ending> {
    const over = new AbortController();
    const givenUp = new Promise<void>((resolve) => (this.#ended = resolve));
    if (this.job.timeoutMs !== null) void this.#abortAfter(this.job.timeoutMs, over.signal);
    try {
      return await Promise.race([
        work(over.signal),
        givenUp.then(unsettled),
        this.#graceOver(over.signal).then(unsettled),
      ]);
    } finally {
      this.#isOver = true;
      over.abort();
    }
  }

  async #abortAfter(timeoutMs: number, over: AbortSignal): Promise<void> {
    await this.clock.sleep(timeoutMs, over);
    if (!over.aborted) this.abort('timeout');
  }

  async #graceOver(over: AbortSignal): Promise<void> {
    await new Promise((resolve) => this.signal.addEventListener('abort', resolve, { once: true }));
    await this.clock.sleep(ABORT_GRACE_MS, over);
  }
}

function unsettled(): Ending {
  return { kind: 'unsettled' };
}

export async function settle(handler: () => unknown): Promise<Ending> {
  try {
    return { kind: 'returned', value: await handler() };
  } catch (error) {
    return { kind: 'threw', error };
  }
}

/** The context of one run. */
export class RunContext extends JobContext<unknown> {
  readonly jobId: string;
  readonly executionId: string;
  readonly data: unknown;
  readonly scheduledAt: Date;
  readonly startedAt: Date;
  readonly nextRunAt: Date | null;
  readonly attempt: number;
  readonly isCatchUp: boolean;
  readonly signal: AbortSignal;

  constructor(
    run: ExecutionRun,
    readonly logger: Logger,
    private readonly previous: () => Date | null,
    private readonly onProgress: (progress: ProgressRecord) => void,
  ) {
    super();
    const { execution, job } = run;
    this.jobId = execution.jobId;
    this.executionId = execution.id;
    this.data = execution.data ?? undefined;
    // copies: what the handler does to them is its own affair
    this.scheduledAt = new Date(execution.scheduledAt);
    this.startedAt = new Date(execution.claimedAt ?? execution.scheduledAt);
    this.nextRunAt = job.nextRunAt && new Date(job.nextRunAt);
    this.attempt = execution.attempt;
    this.isCatchUp = execution.isCatchUp;
    this.signal = run.signal;
  }

  /** Asked for by few, and not free to compute. */
  get previousRunAt(): Date | null {
    return this.previous();
  }

  progress(fraction: number, message?: string): void {
    const isNumber = typeof fraction === 'number' && Number.isFinite(fraction);
    this.onProgress({
      fraction: isNumber ? Math.min(1, Math.max(0, fraction)) : 0,
      message: message === undefined ? null : storable(String(message).slice(0, MAX_PROGRESS_MESSAGE)),
    });
  }
}
