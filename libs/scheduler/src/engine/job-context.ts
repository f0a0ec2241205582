import type { Logger } from './engine-logger.js';

/**
 * What a handler receives. A class, not an interface: with `emitDecoratorMetadata` the parameter of a decorated method
 * must name a value.
 */
export abstract class JobContext<Data = undefined> {
  abstract readonly jobId: string;
  /** Stable over re-runs and retries of one fire: use it as the idempotency key. */
  abstract readonly executionId: string;
  abstract readonly data: Data;
  /** The instant this run is for, however late it starts. */
  abstract readonly scheduledAt: Date;
  /** When this attempt was claimed, by the database's clock. */
  abstract readonly startedAt: Date;
  /** The schedule's instant before this one, since the job was created and whatever became of it; null at the first. */
  abstract get previousRunAt(): Date | null;
  /** The scheduled instant after this one, as known at the claim; null when there is none. */
  abstract readonly nextRunAt: Date | null;
  /** 1 at the first attempt. */
  abstract readonly attempt: number;
  /** The run is late: it stands for missed instants, or started more than a minute after its own. */
  abstract readonly isCatchUp: boolean;
  /**
   * Aborts when the run shall stop; `signal.reason` is a `JobAbortedError` whose `cause` says why. Throw it
   * (`signal.throwIfAborted()`) when you stop early: a handler that returns normally at a shutdown has succeeded.
   */
  abstract readonly signal: AbortSignal;
  /** Writes to the application's logger, and a bounded part is stored with the execution: see `ExecutionInfo.logs`. */
  abstract readonly logger: Logger;
  /** Stored with the execution about once a second. `fraction`: 0 to 1. */
  abstract progress(fraction: number, message?: string): void;
}

export type AbortCause = 'timeout' | 'cancelled' | 'lease-lost' | 'shutdown';

/** The reason of an aborted `JobContext.signal`. */
export class JobAbortedError extends Error {
  override readonly name = 'JobAbortedError';

  constructor(
    override readonly cause: AbortCause,
    /** Of a run that was cancelled: why, and by whom. */
    readonly reason: string | null = null,
  ) {
    super(reason === null ? ABORT_MESSAGES[cause] : `${ABORT_MESSAGES[cause].slice(0, -1)}: ${reason}`);
  }
}
const ABORT_MESSAGES: Record<AbortCause, string> = {
  timeout: 'The run took longer than its timeoutMs.',
  cancelled: 'The run was cancelled.',
  'lease-lost': 'This node may have lost its lease on the run; another node may take it over.',
  shutdown: 'The application is shutting down; the run will be offered again.',
};

/**
 * Throw it from a handler to be retried after `delayMs`, while attempts are left: as long as it says, without jitter, and
 * at most a year. A delay that is none (negative, NaN) gives way to the job's own backoff. Thrown as it is: as the `cause`
 * of another error it says nothing.
 */
export class RetryableError extends Error {
  override readonly name = 'RetryableError';

  constructor(
    message: string,
    readonly delayMs: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Throw it from a handler when another attempt cannot help: the execution fails at once, with no further attempt. Thrown
 * as it is: as the `cause` of another error it says nothing.
 */
export class FatalError extends Error {
  override readonly name = 'FatalError';
}
