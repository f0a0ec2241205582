import type { OutcomeRecord, OutcomeVerdict } from './job-store.js';

export interface HandlerTransactionOptions {
  executionId: string;
  leaseEpoch: number;
  /** How long one of its statements may take, and how long it may be silent, before the server ends it. */
  timeoutMs: number;
  /** Ends the wait for a connection. */
  signal: AbortSignal;
}

/** A transaction of the application in which one handler works. It is over after `commit`, `rollback` and `abandon`. */
export interface HandlerTransaction {
  /** What the handler gets as `context.manager`. */
  readonly manager: unknown;
  /** false: the store is elsewhere, and the run is completed after the commit. */
  readonly isJoined: boolean;
  /**
   * The handler has settled, and what it left behind reaches the database no more. Writes the outcome as the last
   * statement, if it is joined. `fenced`: the run was taken over. Rejects when there is nothing that could be committed.
   */
  complete(outcome: OutcomeRecord): Promise<OutcomeVerdict>;
  /** Rejects when it is not known to be committed: whether it is, the execution's row says. */
  commit(): Promise<void>;
  /** Never rejects. */
  rollback(): Promise<void>;
  /** Ends the connection, and with it the transaction, without a word to the server. */
  abandon(): void;
}

/** Transactions on the application's database. */
export interface HandlerTransactions {
  /** How many there may be at once; whoever comes then waits. */
  readonly most: number;
  /** Rejects with `JobStoreConfigurationError` when it is clear that no run could be completed in them. */
  check(): Promise<void>;
  begin(options: HandlerTransactionOptions): Promise<HandlerTransaction>;
}
