import type { Clock } from '../clock/clock.js';
import { connectionOf, type ConnectionSource, OwnSource, SharedSource } from './connection-source.js';
import { openingError, Outage, Replacement, unavailable } from './database-errors.js';
import { decodeBoolean, decodeInstant, instant } from './entity-rows.js';
import { JobStoreUnavailableError, type WriteOutcome } from './errors.js';
import { messageOf } from './is-error.js';
import type { Lease, Query } from './lease.js';
import { lockTimeout, serverTimeouts } from './server-timeouts.js';
import type { TypeOrmJobStoreOptions } from './store-options.js';

export interface RunOptions {
  /** @default the store's call timeout */
  deadlineMs?: number;
  /** What is known of the write when no answer came. @default 'unknown' */
  unanswered?: WriteOutcome;
}
export interface Transaction {
  query: Query;
  lease: Lease;
  /** `now()` of the transaction, to the millisecond. */
  now: Date;
  /** Whether it has the lock that it was to share; its statements see what was written by whoever had it alone before. */
  isShared: boolean;
  /** Nothing was written: it is rolled back, and no outcome can be lost. */
  nothingToCommit(): void;
}
interface TransactionOptions {
  deadlineMs?: number;
  source?: ConnectionSource;
  /** Number of an advisory lock to share, if it is to be had at once. */
  share?: string;
}

const RECONNECTING = new Replacement();
const CLOSED = new Outage('The store is closed', false);

/** Owns the connections: bounds every use of them, and replaces them all when they fail. */
export class ConnectionKeeper {
  #source: ConnectionSource | null = null;
  /** Being opened; not used by anyone yet. */
  #next: OwnSource | null = null;
  #connecting: Promise<void> | null = null;
  #isClosed = false;
  /** Also while there is no connection. */
  #place = 'its address';

  constructor(private readonly options: TypeOrmJobStoreOptions) {}

  get clock(): Clock {
    return this.options.clock;
  }
  get callTimeoutMs(): number {
    return this.options.callTimeoutMs;
  }
  /** Where the database is, for messages. */
  get place(): string {
    this.#place = this.#source?.place ?? this.#place;
    return this.#place;
  }

  /** One attempt. Rejects with JobStoreConfigurationError when waiting does not help. */
  async open(): Promise<void> {
    this.#isClosed = false;
    if (!this.#source) await (this.#connecting ?? this.#connectOnce());
  }

  /** Single flight. Rejects with JobStoreUnavailableError until there are connections that answer. */
  async reconnect(): Promise<void> {
    try {
      await (this.#connecting ?? this.#connectOnce());
    } catch (error) {
      if (error instanceof JobStoreUnavailableError) throw error;
      // Credentials that were good once: somebody is changing them. It is a state of health, not the end.
      throw new JobStoreUnavailableError(messageOf(error), 'not-written');
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#next?.abandon(CLOSED);
    const source = this.#source;
    this.#source = null;
    await source?.close(CLOSED);
  }

  /** One connection, outside a transaction. */
  async run<T>(work: (query: Query, lease: Lease) => Promise<T>, options: RunOptions = {}): Promise<T> {
    const { deadlineMs = this.callTimeoutMs, unanswered = 'unknown' } = options;
    return await this.#bounded(
      this.#current(),
      deadlineMs,
      async (lease) => {
        const value = await work(lease.query, lease);
        lease.release();
        return value;
      },
      () => unanswered,
    );
  }

  /** READ COMMITTED, and over on the server too when this process falls silent. */
  async transaction<T>(work: (transaction: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const { deadlineMs = this.callTimeoutMs, source = this.#current(), share } = options;
    const state = { commitSent: false };
    return await this.#bounded(
      source,
      deadlineMs,
      (lease) => inTransaction(lease, { deadlineMs, share }, work, () => (state.commitSent = true)),
      () => (state.commitSent ? 'unknown' : 'not-written'),
    );
  }

  /** A connection without a deadline, for listening. The caller destroys it. */
  async hold(): Promise<Lease> {
    return await this.#bounded(
      this.#current(),
      this.callTimeoutMs,
      (lease) => Promise.resolve(lease),
      () => 'not-written',
    );
  }

  /** Work on a connection that is held. Rejects with an `Outage`, and then the connection is gone. */
  async bounded<T>(lease: Lease, work: () => Promise<T>): Promise<T> {
    return await lease.bounded(work(), this.callTimeoutMs, this.clock);
  }

  /** `work` on a data source that has this schema's entities and migrations. */
  async withOwnSource<T>(work: (source: ConnectionSource) => Promise<T>): Promise<T> {
    const current = this.#current();
    if (current instanceof OwnSource) return await work(current);
    const source = this.#makeSource(1);
    try {
      await source.open();
      return await work(source);
    } finally {
      await source.close(CLOSED);
    }
  }

  /** What an error means while the store is being opened. */
  openingError(error: unknown): Error {
    const source = this.#source;
    return openingError(error, this.place, source?.redact ?? ((text) => text));
  }

  #current(): ConnectionSource {
    if (this.#source) return this.#source;
    const why = this.#isClosed ? 'The store is closed.' : 'There is no connection to PostgreSQL.';
    throw new JobStoreUnavailableError(`${why} Nothing was written.`, 'not-written');
  }

  async #bounded<T>(
    source: ConnectionSource,
    deadlineMs: number,
    work: (lease: Lease) => Promise<T>,
    outcomeUnanswered: () => WriteOutcome,
  ): Promise<T> {
    let lease: Lease | undefined;
    try {
      lease = source.lease();
      const taken = lease;
      const working = taken.connect().then(() => work(taken));
      return await taken.bounded(working, deadlineMs, this.clock);
    } catch (error) {
      if (!(error instanceof Outage)) {
        // The server's own no, or an error of the work: the connection itself is sound, and idle.
        lease?.release();
        throw error;
      }
      lease?.fail(error);
      throw unavailable(error, source.place, error.answered ? 'not-written' : outcomeUnanswered());
    }
  }

  #connectOnce(): Promise<void> {
    const connecting = this.#connect().finally(() => (this.#connecting = null));
    this.#connecting = connecting;
    return connecting;
  }

  async #connect(): Promise<void> {
    const { sharedDataSource } = this.options;
    if (sharedDataSource) return await this.#probe(sharedDataSource);
    this.#source?.abandon(RECONNECTING);
    this.#source = null;
    const source = this.#makeSource(this.options.poolSize);
    this.#next = source;
    try {
      await source.open();
      if (this.#isClosed) throw CLOSED;
      this.#source = source;
    } catch (error) {
      source.abandon(RECONNECTING);
      throw openingError(error, source.place, source.redact);
    } finally {
      this.#next = null;
    }
  }

  /** The application's pool heals itself; what has to be known is whether it has. */
  async #probe(dataSource: NonNullable<TypeOrmJobStoreOptions['sharedDataSource']>): Promise<void> {
    const source = this.#source ?? new SharedSource(dataSource);
    source.failLeases(RECONNECTING);
    const answer = async (lease: Lease): Promise<void> => {
      await lease.query('SELECT 1');
      lease.release();
    };
    await this.#bounded(source, this.callTimeoutMs, answer, () => 'not-written');
    if (!this.#isClosed) this.#source = source;
  }

  #makeSource(poolSize: number): OwnSource {
    const { sharedDataSource, schema, callTimeoutMs, clock, applicationName } = this.options;
    const connection = sharedDataSource ? connectionOf(sharedDataSource) : this.options.connection;
    return OwnSource.make({ connection, schema, poolSize, callTimeoutMs, clock, applicationName });
  }
}

async function inTransaction<T>(
  lease: Lease,
  options: { deadlineMs: number; share: string | undefined },
  work: (transaction: Transaction) => Promise<T>,
  beforeCommit: () => void,
): Promise<T> {
  const { query } = lease;
  let hasWritten = true;
  const { rows } = await query(beginStatement(options));
  const now = decodeInstant(rows[0]?.now);
  const isShared = decodeBoolean(rows[0]?.is_shared);
  let value: T;
  try {
    value = await work({ query, lease, now, isShared, nothingToCommit: () => (hasWritten = false) });
  } catch (error) {
    if (!(error instanceof Outage)) await query('ROLLBACK');
    throw error;
  }
  if (hasWritten) {
    beforeCommit();
    const { command } = await query('COMMIT');
    if (command !== 'COMMIT') throw new Outage('The transaction was aborted before its commit', true);
  } else {
    await query('ROLLBACK');
  }
  lease.release();
  return value;
}

/**
 * One round trip, and no session state, so that a pooler between us and the server may hand the connection on. The
 * timeouts end on the server what this process no longer answers for: it would keep rows locked for hours.
 */
function beginStatement({ deadlineMs, share }: { deadlineMs: number; share: string | undefined }): string {
  const shared = share === undefined ? '' : `, pg_try_advisory_xact_lock_shared(${share}) AS is_shared`;
  return `BEGIN ISOLATION LEVEL READ COMMITTED;
${lockTimeout(deadlineMs)};
${serverTimeouts(deadlineMs)};
SELECT ${instant("date_trunc('milliseconds', now())")} AS now${shared}`;
}
