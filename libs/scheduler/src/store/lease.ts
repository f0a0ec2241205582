import type { DataSource, QueryRunner } from 'typeorm';

import { type Clock, withDeadline } from '../clock/clock.js';
import { connectError, Outage, queryError } from './database-errors.js';
import type { Row } from './entity-rows.js';

export interface QueryAnswer {
  rows: Row[];
  rowCount: number;
  /** The server's word for what it did, such as COMMIT or ROLLBACK. */
  command: string;
}
export type Query = (sql: string, parameters?: readonly unknown[]) => Promise<QueryAnswer>;

/** What is used of pg's client. Its parts are public by habit only, hence the question marks. */
interface PgClient {
  query(config: object): Promise<PgResult | PgResult[]>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'notification', listener: (message: { channel: string; payload?: string }) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
  end?(): Promise<void>;
  connection?: { stream?: { destroy?(): void } };
}
interface PgResult {
  rows: Row[];
  rowCount: number | null;
  command: string;
}

/** Values stay text: an application that changed pg's global parsers changes nothing here. */
const asText = { getTypeParser: () => (value: unknown) => value };
/** A client is reused, its listener is added once. */
const withErrorListener = new WeakSet<object>();

/** One connection, taken for one piece of work, and never given back to the pool once it failed under that. */
export class Lease {
  /** Of the work that is waited for; a promise of all failures would keep every answer of a long lease. */
  readonly #rejecters = new Set<(error: Outage) => void>();
  #failure: Outage | null = null;
  #client: PgClient | null = null;
  #runner: QueryRunner | null = null;

  constructor(
    readonly dataSource: DataSource,
    private readonly redact: (text: string) => string,
    private readonly onClosed: (lease: Lease) => void,
  ) {}

  readonly #onError = (error: Error): void => {
    const meaning = queryError(error, this.redact);
    this.fail(meaning instanceof Outage ? meaning : new Outage(error.message, false));
  };

  get runner(): QueryRunner {
    if (!this.#runner) throw new Error('The lease has no connection yet.');
    return this.#runner;
  }

  /** Takes a connection. One that comes after the lease was given up goes back: nothing was sent on it. */
  async connect(): Promise<void> {
    try {
      this.#runner = this.dataSource.createQueryRunner('master');
      this.#client = (await this.#runner.connect()) as PgClient;
    } catch (error) {
      throw connectError(error, this.redact);
    }
    if (this.#failure) {
      void this.#runner.release().catch(() => {});
      throw this.#failure;
    }
    this.#listenForErrors(this.#client);
  }

  readonly query: Query = async (sql, parameters) => {
    const results = await this.#send(sql, parameters);
    const last = results[results.length - 1];
    return { rows: last?.rows ?? [], rowCount: last?.rowCount ?? 0, command: last?.command ?? '' };
  };

  /** `work`, or the failure of this connection if that comes first. */
  async guard<T>(work: Promise<T>): Promise<T> {
    work.catch(() => {});
    if (this.#failure) throw this.#failure;
    let reject!: (error: Outage) => void;
    const failed = new Promise<never>((_, rejectNow) => (reject = rejectNow));
    this.#rejecters.add(reject);
    try {
      return await Promise.race([work, failed]);
    } finally {
      this.#rejecters.delete(reject);
    }
  }

  /** `work`, if it is over within that time. Else the connection is destroyed, and the `Outage` says so. */
  async bounded<T>(work: Promise<T>, deadlineMs: number, clock: Clock): Promise<T> {
    const late = (): Outage => {
      const outage = new Outage(`No answer within ${deadlineMs} ms`, false);
      this.fail(outage);
      return outage;
    };
    return await withDeadline(clock, deadlineMs, this.guard(work), late);
  }

  onNotification(listener: (channel: string, payload: string) => void): void {
    this.#client?.on('notification', ({ channel, payload = '' }) => listener(channel, payload));
  }

  /** Destroys the connection: whoever waits for it is rejected now. */
  fail(error: Outage): void {
    if (this.#failure) return;
    this.#failure = error;
    for (const reject of this.#rejecters) reject(error);
    // The runner stays with its client: it hears the client's error and takes it out of the pool.
    if (this.#client) destroy(this.#client);
    this.onClosed(this);
  }

  /** Back to the pool. Only for a connection that is idle and outside a transaction. */
  release(): void {
    if (this.#failure) return;
    this.#failure = new Outage('The connection was given back already', false);
    this.#client?.removeListener('error', this.#onError);
    void this.#runner?.release().catch(() => {});
    this.onClosed(this);
  }

  async #send(sql: string, parameters: readonly unknown[] | undefined): Promise<PgResult[]> {
    if (this.#failure) throw this.#failure;
    if (!this.#client) throw new Outage('There is no connection', false);
    try {
      const values = parameters && { values: parameters };
      const answer = await this.#client.query({ text: sql, ...values, types: asText });
      if (this.#failure) throw this.#failure;
      return Array.isArray(answer) ? answer : [answer];
    } catch (error) {
      const meaning = queryError(error, this.redact);
      if (meaning instanceof Outage) this.fail(meaning);
      throw meaning;
    }
  }

  #listenForErrors(client: PgClient): void {
    // One stays for ever, so that no error of a client is ever unhandled, whoever has it.
    if (!withErrorListener.has(client)) client.on('error', () => {});
    withErrorListener.add(client);
    client.on('error', this.#onError);
  }
}

/** Without waiting for the server: a goodbye would never be answered by one that hangs. */
function destroy(client: PgClient): void {
  if (client.connection?.stream?.destroy) client.connection.stream.destroy();
  else void client.end?.().catch(() => {});
}
