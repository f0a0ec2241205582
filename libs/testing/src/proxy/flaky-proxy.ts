import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Chaos, type ChaosOptions, type Fault } from './chaos.js';
import { Cuts, type CutOptions, type CutSide } from './cuts.js';
import { PointRecorder, type Point } from './points.js';
import { ProxiedConnection, type Target } from './proxied-connection.js';
import { resetSocket } from './reset-socket.js';
import { Weather, type DelayOptions, type Duration, type ThrottleOptions } from './weather.js';

export interface FlakyProxyOptions {
  /** The real server: a URL, or its address. */
  target: string | { host: string; port: number };
  /** How many of the last statements `statements` keeps. @default 1000 */
  keepStatements?: number;
}

const HOST = '127.0.0.1';
const LISTEN_AGAIN_MS = 20;

/**
 * A network between a client and PostgreSQL that fails as told: it refuses, resets, goes silent, is late or slow, or
 * loses exactly the one statement or the one answer a test is about.
 *
 * It reads the traffic, so it answers a client's wish for encryption with no: `sslmode=require` does not work through it.
 */
export class FlakyProxy {
  readonly port: number;
  /** The target's URL with the proxy's address in it: same credentials, same database. */
  readonly url: string;
  readonly #server: Server;
  #target: Target;
  readonly #keepStatements: number;
  readonly #weather = new Weather();
  readonly #cuts = new Cuts();
  readonly #recorder = new PointRecorder();
  readonly #connections = new Set<ProxiedConnection>();
  readonly #statements: string[] = [];
  #chaos: Chaos | null = null;
  #faults: readonly Fault[] = [];
  #refusing = false;
  #silentForNew = false;
  #portClosed = false;
  #isOver = false;

  private constructor(server: Server, options: FlakyProxyOptions) {
    const { target } = options;
    const url = urlOf(target);
    this.#server = server;
    this.#keepStatements = options.keepStatements ?? 1_000;
    this.#target = addressOf(url);
    this.port = (server.address() as AddressInfo).port;
    url.hostname = HOST;
    url.port = String(this.port);
    this.url = url.href;
    server.on('connection', (client) => this.#accept(client));
    // Only listening again can fail: while the port was closed, the system may have lent it to somebody else.
    server.on('error', () => setTimeout(() => this.#listen(), LISTEN_AGAIN_MS));
    server.on('listening', () => (this.#isOver || this.#portClosed) && server.close());
  }

  /** Listens on a free port of 127.0.0.1. */
  static async start(options: FlakyProxyOptions): Promise<FlakyProxy> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, HOST);
    await once(server, 'listening');
    return new FlakyProxy(server, options);
  }

  /** How many connections are open, silenced ones included. */
  get connections(): number {
    return this.#connections.size;
  }

  /** The last statements that came, the oldest first: simple queries and prepared ones, each time they are run. */
  get statements(): readonly string[] {
    return this.#statements;
  }

  /** What has come since `startRecording`, for `cutAt`. Empty before. */
  get points(): readonly Point[] {
    return this.#recorder.points;
  }

  /** What `chaos` has done since it was last called. With the seed, all there is to say about a test that failed. */
  get faults(): readonly Fault[] {
    return this.#faults;
  }

  /** New connections lead to another server from now on, as after a failover; those that are open are reset. */
  retarget(target: FlakyProxyOptions['target']): void {
    this.#target = addressOf(urlOf(target));
    this.reset();
  }

  /**
   * Every connection is reset, and every new one as soon as it comes, until `heal`.
   *
   * @param options `closePort`: new ones meet a closed port (ECONNREFUSED), as if the server did not run. @default false
   */
  refuse({ closePort = false } = {}): void {
    this.#refusing = true;
    if (closePort && !this.#portClosed) {
      this.#portClosed = true;
      this.#server.close();
    }
    this.reset();
  }

  /** Every connection is reset once. New ones are not affected. */
  reset(): void {
    for (const connection of this.#connections) connection.reset();
  }

  /**
   * Nothing is closed and nothing answers, as behind a firewall that drops packets. The server does not learn that a
   * silenced client has left: the connection stays open until `reset`.
   */
  silence(which: 'existing' | 'new' | 'all'): void {
    if (which !== 'existing') this.#silentForNew = true;
    if (which === 'new') return;
    for (const connection of this.#connections) connection.silence();
  }

  /** Every message arrives so much later, in order, on all connections until `heal`. */
  delay(duration: Duration, options: DelayOptions = {}): void {
    this.#weather.delay(duration, options);
  }

  /** Bytes trickle: so many a second and no more on each connection in each direction, until `heal`. */
  throttle(bytesPerSecond: number, options: ThrottleOptions = {}): void {
    this.#weather.throttle(bytesPerSecond, options);
  }

  /** Something happens at some of the statements from now on, until `heal`: the same things for the same seed. */
  chaos(options: ChaosOptions): void {
    this.#chaos = new Chaos(options);
    this.#faults = this.#chaos.faults;
  }

  /**
   * New connections work again, nothing is late or slow, and chaos ends. Those silenced stay silent for ever, unless
   * `existing` is set: then they go on, and what was sent meanwhile arrives late. Cuts that wait for their statement
   * go on waiting.
   */
  heal({ existing = false } = {}): void {
    this.#refusing = false;
    this.#silentForNew = false;
    this.#chaos = null;
    this.#weather.calm();
    if (this.#portClosed) {
      this.#portClosed = false;
      this.#listen();
    }
    for (const connection of this.#connections) {
      connection.hurry();
      if (existing) connection.unsilence();
    }
  }

  /**
   * Resets one connection at one statement: a simple query, COMMIT among them, or a prepared one. `side` says how far
   * the statement or its answer gets. Statements that are sent together, with one Sync, are lost or executed together.
   *
   * Resolves to the statement's text when the connection has been cut; rejects when the proxy is closed before.
   */
  cutOnce(options: CutOptions): Promise<string> {
    return this.#cuts.add(options);
  }

  /** As `cutOnce`, at a point of an earlier recording. Occurrences are counted from the call on. */
  cutAt(point: Point, side: CutSide): Promise<string> {
    return this.#cuts.addAt(point, side);
  }

  /** Forgets the `points` so far and records what comes from now on. */
  startRecording(): void {
    this.#recorder.start();
  }

  /** Stops listening and resets what is open. */
  async close(): Promise<void> {
    this.#isOver = true;
    this.#cuts.close();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.reset();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #listen(): void {
    if (!this.#isOver && !this.#portClosed && !this.#server.listening) this.#server.listen(this.port, HOST);
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.on('error', () => {});
      resetSocket(client);
      return;
    }
    this.#connections.add(new ProxiedConnection(client, this.#surroundings, this.#silentForNew));
  }

  get #surroundings() {
    return {
      target: this.#target,
      weather: this.#weather,
      onStatements: (statements: readonly string[]) => {
        this.#statements.push(...statements);
        this.#statements.splice(0, this.#statements.length - this.#keepStatements);
        for (const statement of statements) this.#recorder.record(statement);
        return this.#cuts.meet(statements) ?? this.#chaos?.meet(statements);
      },
      onClose: (connection: ProxiedConnection) => void this.#connections.delete(connection),
    };
  }
}

function urlOf(target: FlakyProxyOptions['target']): URL {
  return new URL(typeof target === 'string' ? target : `postgres://${target.host}:${target.port}`);
}

function addressOf({ hostname, port }: URL): Target {
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 5432) };
}
