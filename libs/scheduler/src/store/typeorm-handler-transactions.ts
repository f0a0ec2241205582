import type { DataSource, EntityManager, QueryRunner } from 'typeorm';

import { type Clock, withDeadline } from '../clock/clock.js';
import { ConnectionShare } from './connection-share.js';
import { SharedSource } from './connection-source.js';
import { Outage, sqlStateOf } from './database-errors.js';
import { CallerTransactionError, HandlerTransactionError, JobStoreConfigurationError } from './errors.js';
import { handlerManager } from './handler-manager.js';
import type { HandlerTransaction, HandlerTransactionOptions, HandlerTransactions } from './handler-transactions.js';
import type { JobStore, OutcomeRecord, OutcomeVerdict, TransactionHandle } from './job-store.js';
import type { Lease } from './lease.js';
import { lockTimeout, serverTimeouts } from './server-timeouts.js';

const ABORTED = '25P02';
/** Set for the transaction only: whoever ends it takes it away. */
const MARK = 'vigil.run';
const NOBODY = { executionId: 'nobody', leaseEpoch: 0 };

export interface HandlerTransactionParts {
  store: JobStore;
  clock: Clock;
  /** For each of our own statements; those of handlers have the timeout of their run. */
  callTimeoutMs: number;
}

/** Transactions on a data source of the application, which is never initialized and never closed here. */
export class TypeOrmHandlerTransactions implements HandlerTransactions {
  readonly #share: ConnectionShare;
  readonly #source: SharedSource;

  constructor(
    private readonly dataSource: DataSource,
    private readonly parts: HandlerTransactionParts,
  ) {
    this.#share = ConnectionShare.of(dataSource);
    this.#source = new SharedSource(dataSource);
  }

  get most(): number {
    return this.#share.most;
  }

  async check(): Promise<void> {
    if (!this.dataSource.isInitialized) return;
    const { clock, callTimeoutMs: timeoutMs } = this.parts;
    const late = new AbortController();
    const trial = this.begin({ ...NOBODY, timeoutMs, signal: late.signal }).then((begun) => begun.rollback());
    try {
      await withDeadline(clock, timeoutMs, trial, () => {
        const outage = new Outage(`No connection within ${timeoutMs} ms`, false);
        late.abort(outage);
        return outage;
      });
    } catch (error) {
      // an outage passes, and each run looks again
      if (error instanceof CallerTransactionError) throw new JobStoreConfigurationError(error.message);
    }
  }

  async begin(options: HandlerTransactionOptions): Promise<HandlerTransaction> {
    if (!this.dataSource.isInitialized) {
      throw new Outage("The application's data source is not initialized: call its initialize() first.", false);
    }
    const leave = await this.#share.take(options.signal);
    const lease = this.#source.lease();
    const transaction = new OpenTransaction(this.dataSource, lease, this.parts, leave);
    try {
      await connected(lease, options.signal);
      await transaction.begin(options);
      return transaction;
    } catch (error) {
      transaction.abandon();
      throw error;
    }
  }
}

/** Also while the pool has none free, the run may be stopped. */
async function connected(lease: Lease, signal: AbortSignal): Promise<void> {
  const stop = (): void => lease.fail(new Outage('The run was stopped before it had a connection', false));
  signal.addEventListener('abort', stop, { once: true });
  try {
    await lease.guard(lease.connect());
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

class OpenTransaction implements HandlerTransaction {
  #own: { manager: EntityManager; close(): void } | null = null;
  #mark = '';

  constructor(
    private readonly dataSource: DataSource,
    private readonly lease: Lease,
    private readonly parts: HandlerTransactionParts,
    /** Gives the place among the application's connections back. */
    private readonly leave: () => void,
  ) {}

  get manager(): EntityManager {
    return this.#own!.manager;
  }
  get isJoined(): boolean {
    return this.parts.store.completeIn !== undefined;
  }

  /** READ COMMITTED: with a snapshot of its own it could not be completed once progress was written beside it. */
  async begin({ executionId, leaseEpoch, timeoutMs }: HandlerTransactionOptions): Promise<void> {
    const { runner } = this.lease;
    this.#mark = `${executionId}/${leaseEpoch}`;
    await this.#bounded(async () => {
      await runner.startTransaction('READ COMMITTED');
      await this.lease.query(`${serverTimeouts(timeoutMs)}; SET LOCAL ${MARK} = '${this.#mark}'`);
      await this.#checkPlace();
    });
    this.#own = handlerManager(this.dataSource, runner);
  }

  async complete(outcome: OutcomeRecord): Promise<OutcomeVerdict> {
    const { store } = this.parts;
    this.#own?.close();
    await this.#tell('BeforeTransactionCommit');
    return await this.#bounded(async () => {
      await this.#tighten();
      const [verdict] = (await store.completeIn?.([outcome], this.#handle)) ?? [];
      return verdict ?? { kind: 'written', status: outcome.status };
    });
  }

  async commit(): Promise<void> {
    const { command } = await this.#bounded(() => this.lease.query('COMMIT'));
    if (command !== 'COMMIT') throw new Outage('The transaction was aborted before its commit', true);
    Object.assign(this.lease.runner, { isTransactionActive: false, transactionDepth: 0 });
    await this.#tellCommitted();
    this.lease.release();
    this.leave();
  }

  async rollback(): Promise<void> {
    this.#own?.close();
    try {
      await this.#bounded(() => this.lease.runner.rollbackTransaction());
      this.lease.release();
    } catch {
      this.lease.fail(new Outage('The rollback was not answered', false));
    }
    this.leave();
  }

  abandon(): void {
    this.#own?.close();
    this.lease.fail(new Outage('The transaction was given up', false));
    this.leave();
  }

  /** Before the handler does anything: it could not be completed here. */
  async #checkPlace(): Promise<void> {
    try {
      await this.parts.store.completeIn?.([], this.#handle);
    } catch (error) {
      if (!(error instanceof CallerTransactionError)) throw error;
      throw new CallerTransactionError(
        "The application's data source works on another database than the scheduler, or its user may not see the " +
          "scheduler's schema, so that the end of a transactional run cannot be written in its transaction. Give the " +
          "option dataSource a data source on the scheduler's database, or leave transactional out.",
      );
    }
  }

  /** From here on it holds the execution's row, so a process that falls silent may do so only briefly. */
  async #tighten(): Promise<void> {
    const { callTimeoutMs } = this.parts;
    const tighter = `${serverTimeouts(callTimeoutMs)}; ${lockTimeout(callTimeoutMs)}`;
    const asked = this.lease.query(`${tighter}; SELECT current_setting('${MARK}', true) AS run`);
    const { rows } = await asked.catch((error: unknown) => {
      throw sqlStateOf(error) === ABORTED ? swallowed(error) : error;
    });
    if (rows[0]?.run === this.#mark) return;
    throw new HandlerTransactionError(
      'The handler ended its transaction by hand, with COMMIT or ROLLBACK, so that its end could not be written in it. What it ' +
        'committed stands, and is not run again. Return to commit, throw to roll back.',
    );
  }

  get #handle(): TransactionHandle {
    return { query: async (sql, parameters) => (await this.lease.query(sql, parameters)).rows };
  }

  /** It is committed, whatever they make of it. */
  async #tellCommitted(): Promise<void> {
    try {
      await this.#tell('AfterTransactionCommit');
    } catch (error) {
      this.dataSource.logger.log(
        'warn',
        `A subscriber failed after a job's transaction was committed: ${String(error)}`,
      );
    }
  }

  async #tell(event: 'BeforeTransactionCommit' | 'AfterTransactionCommit'): Promise<void> {
    const { broadcaster }: QueryRunner = this.lease.runner;
    await this.lease.guard(broadcaster.broadcast(event));
  }

  async #bounded<T>(work: () => Promise<T>): Promise<T> {
    const { clock, callTimeoutMs } = this.parts;
    return await this.lease.bounded(work(), callTimeoutMs, clock);
  }
}

function swallowed(cause: unknown): Error {
  return new Error(
    'A statement of the handler failed and the handler went on, but PostgreSQL commits nothing of a transaction with a failed ' +
      'statement. Let the error be thrown, or put what may fail into manager.transaction(…), which is rolled back alone.',
    { cause },
  );
}
