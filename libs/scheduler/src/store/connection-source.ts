import type { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { DataSource, type DataSourceOptions, type Logger } from 'typeorm';

import { type Clock, withDeadline } from '../clock/clock.js';
import { openingError, Outage } from './database-errors.js';
import { JobStoreConfigurationError } from './errors.js';
import { Lease } from './lease.js';
import { migrations } from './migrations/index.js';
import { placeOf, redactorOf } from './connection-place.js';
import type { SchedulerConnection } from './store-options.js';
import { storeEntities } from './store-entities.js';
import { MIGRATIONS_TABLE } from './tables.js';

const KEEP_ALIVE_AFTER_MS = 10_000;
/** Longer than the pauses of an idle scheduler, so that it does not reconnect for every beat. */
const IDLE_CONNECTION_MS = 300_000;
const GOODBYE_MS = 500;

/** Where leases come from. One is used until it fails and is then replaced as a whole. */
export abstract class ConnectionSource {
  readonly #leases = new Set<Lease>();

  protected constructor(
    readonly dataSource: DataSource,
    connection: SchedulerConnection,
  ) {
    this.place = placeOf(connection);
    this.redact = redactorOf(connection);
  }
  readonly place: string;
  readonly redact: (text: string) => string;

  /** A lease without a connection yet; it is known from now on, so that `failLeases` reaches it in every state. */
  lease(): Lease {
    const lease = new Lease(this.dataSource, this.redact, (closed) => this.#leases.delete(closed));
    this.#leases.add(lease);
    return lease;
  }

  failLeases(reason: Outage): void {
    for (const lease of this.#leases) lease.fail(reason);
  }

  /** Gives every connection up at once, without a word to the server. */
  abstract abandon(reason: Outage): void;
  /** Takes leave of the server, if it listens. Never rejects. */
  abstract close(reason: Outage): Promise<void>;
}

/** The application's data source. It is never initialized and never closed here. */
export class SharedSource extends ConnectionSource {
  constructor(dataSource: DataSource) {
    super(dataSource, connectionOf(dataSource));
  }

  override lease(): Lease {
    if (!this.dataSource.isInitialized) throw new Outage("The application's data source is not initialized", false);
    return super.lease();
  }

  abandon(reason: Outage): void {
    this.failLeases(reason);
  }

  close(reason: Outage): Promise<void> {
    this.failLeases(reason);
    return Promise.resolve();
  }
}

/** The connection settings of a data source, and nothing else of it. */
export function connectionOf(dataSource: DataSource): SchedulerConnection {
  const options = dataSource.options as Extract<DataSourceOptions, { type: 'postgres' }>;
  const { url, host, port, username, password, database, ssl } = options.replication?.master ?? options;
  const given = { url, host, port, username, password, database, ssl, driver: options.driver, extra: options.extra };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

export interface OwnSourceOptions {
  connection: SchedulerConnection;
  schema: string;
  poolSize: number;
  callTimeoutMs: number;
  clock: Clock;
  applicationName?: string | undefined;
}

interface Sockets {
  readonly open: Set<Socket>;
  isAbandoned: boolean;
}

/** A data source of the scheduler's own, whose sockets are all known, also those that are still connecting. */
export class OwnSource extends ConnectionSource {
  private constructor(
    dataSource: DataSource,
    private readonly options: OwnSourceOptions,
    private readonly sockets: Sockets,
  ) {
    super(dataSource, options.connection);
  }

  /** Not connected yet: see `open`. */
  static make(options: OwnSourceOptions): OwnSource {
    const sockets: Sockets = { open: new Set(), isAbandoned: false };
    try {
      return new OwnSource(new DataSource(dataSourceOptions(options, sockets)), options, sockets);
    } catch (error) {
      const { connection } = options;
      const reason = openingError(error, placeOf(connection), redactorOf(connection));
      if (reason instanceof JobStoreConfigurationError) throw reason;
      throw new JobStoreConfigurationError(`The connection settings cannot be used: ${reason.message}`);
    }
  }

  /** Connects, within the call timeout. Rejects with what pg said. */
  async open(): Promise<void> {
    const { clock, callTimeoutMs } = this.options;
    const late = (): Outage => new Outage(`No connection within ${callTimeoutMs} ms`, false);
    try {
      await withDeadline(clock, callTimeoutMs, this.dataSource.initialize(), late);
    } catch (error) {
      this.abandon(new Outage('The connection failed', false));
      throw error;
    }
  }

  abandon(reason: Outage): void {
    this.failLeases(reason);
    this.#destroySockets();
    // On a data source that never came up this rejects; on one whose server hangs it may never settle.
    this.dataSource.destroy().catch(() => {});
  }

  async close(reason: Outage): Promise<void> {
    this.failLeases(reason);
    const late = (): Outage => new Outage('No answer to the goodbye', false);
    await withDeadline(this.options.clock, GOODBYE_MS, this.dataSource.destroy(), late).catch(() => {});
    this.#destroySockets();
  }

  #destroySockets(): void {
    this.sockets.isAbandoned = true;
    for (const socket of this.sockets.open) socket.destroy();
  }
}

/** TypeORM's own loggers tell of a failed migration even so, in lines of their own; here it is an error like others. */
const SILENT: Logger = {
  logQuery: () => {},
  logQueryError: () => {},
  logQuerySlow: () => {},
  logSchemaBuild: () => {},
  logMigration: () => {},
  log: () => {},
};

function dataSourceOptions(options: OwnSourceOptions, sockets: Sockets): DataSourceOptions {
  const { connection, callTimeoutMs, poolSize, schema, applicationName } = options;
  const connectTimeoutMs = Math.min(callTimeoutMs, connection.connectTimeoutMS || callTimeoutMs);
  return {
    ...connection,
    type: 'postgres',
    schema,
    applicationName: applicationName ?? connection.applicationName ?? 'vigil',
    entities: [...storeEntities],
    migrations: [...migrations],
    migrationsTableName: MIGRATIONS_TABLE,
    synchronize: false,
    migrationsRun: false,
    dropSchema: false,
    logging: false,
    logger: SILENT,
    poolSize,
    connectTimeoutMS: connectTimeoutMs,
    poolErrorHandler: () => {},
    extra: {
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
      idleTimeoutMillis: IDLE_CONNECTION_MS,
      ...connection.extra,
      max: poolSize,
      connectionTimeoutMillis: connectTimeoutMs,
      stream: trackedSockets(connection, sockets),
      verify: listeningFromTheFirstMoment(connection),
    },
  };
}

/**
 * The pool takes its own listener off before a new client is handed over, and an error that comes with the server's first
 * answer would meet none: an event that nobody hears ends the process.
 */
function listeningFromTheFirstMoment({ extra }: SchedulerConnection): Verify {
  const { verify } = (extra ?? {}) as { verify?: Verify };
  return (client, done) => {
    client.on('error', () => {});
    if (verify) verify(client, done);
    else done();
  };
}

type Verify = (client: EventEmitter, done: (error?: Error) => void) => void;

/** pg asks for each connection's socket here, so that one that hangs in its handshake can be destroyed too. */
function trackedSockets({ extra }: SchedulerConnection, sockets: Sockets): (config: unknown) => Socket {
  const given: unknown = (extra as { stream?: unknown } | undefined)?.stream;
  return (config) => {
    const socket: Socket = typeof given === 'function' ? given(config) : new Socket();
    sockets.open.add(socket);
    socket.once('close', () => sockets.open.delete(socket));
    // The pool opens another one for whoever was waiting in it.
    if (sockets.isAbandoned) process.nextTick(() => socket.destroy());
    return socket;
  };
}
