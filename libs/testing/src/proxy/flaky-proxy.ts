import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Cuts, type CutOptions } from './cuts.js';
import { ProxiedConnection, type Target } from './proxied-connection.js';

export interface FlakyProxyOptions {
  /** The real server: a URL, or its address. */
  target: string | { host: string; port: number };
  /** How many of the last statements `statements` keeps. @default 1000 */
  keepStatements?: number;
}

/**
 * A network between a client and PostgreSQL that fails as told: it refuses, resets, goes silent, or loses exactly the
 * one statement or the one answer a test is about.
 *
 * It reads the traffic, so it answers a client's wish for encryption with no: `sslmode=require` does not work through it.
 */
export class FlakyProxy {
  readonly port: number;
  /** The target's URL with the proxy's address in it: same credentials, same database. */
  readonly url: string;
  readonly #server: Server;
  readonly #target: Target;
  readonly #keepStatements: number;
  readonly #cuts = new Cuts();
  readonly #connections = new Set<ProxiedConnection>();
  readonly #statements: string[] = [];
  #refusing = false;
  #silentForNew = false;

  private constructor(server: Server, options: FlakyProxyOptions) {
    const { target } = options;
    const url = new URL(typeof target === 'string' ? target : `postgres://${target.host}:${target.port}`);
    this.#server = server;
    this.#keepStatements = options.keepStatements ?? 1_000;
    this.#target = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 5432) };
    this.port = (server.address() as AddressInfo).port;
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    this.url = url.href;
    server.on('connection', (client) => this.#accept(client));
  }

  /** Listens on a free port of 127.0.0.1. */
  static async start(options: FlakyProxyOptions): Promise<FlakyProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
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

  /** Every connection is reset, and every new one as soon as it comes, until `heal`. */
  refuse(): void {
    this.#refusing = true;
    this.reset();
  }

  /** Every connection is reset once. New ones are not affected. */
  reset(): void {
    for (const connection of this.#connections) connection.reset();
  }

  /**
   * Nothing is closed and nothing answers, as behind a firewall that drops packets. The server does not learn that a
   * silenced client has left.
   */
  silence(which: 'existing' | 'new' | 'all'): void {
    if (which !== 'existing') this.#silentForNew = true;
    if (which === 'new') return;
    for (const connection of this.#connections) connection.silence();
  }

  /**
   * New connections work again. Those silenced stay silent for ever, unless `existing` is set: then they go on, and
   * what was sent meanwhile arrives late. Cuts that wait for their statement go on waiting.
   */
  heal({ existing = false } = {}): void {
    this.#refusing = false;
    this.#silentForNew = false;
    if (existing) for (const connection of this.#connections) connection.unsilence();
  }

  /**
   * Resets one connection at one statement: `before` the server gets it, or `after` the server has executed it and
   * before the client hears so. Works for simple queries, COMMIT among them, and for prepared statements.
   *
   * Resolves to the statement's text when the connection has been cut; rejects when the proxy is closed before.
   */
  cutOnce(options: CutOptions): Promise<string> {
    return this.#cuts.add(options);
  }

  /** Stops listening and resets what is open. */
  async close(): Promise<void> {
    this.#cuts.close();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.reset();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    const connection = new ProxiedConnection(client, this.#target, this.#watcher, this.#silentForNew);
    this.#connections.add(connection);
  }

  readonly #watcher = {
    onStatements: (statements: readonly string[]) => {
      this.#statements.push(...statements);
      this.#statements.splice(0, this.#statements.length - this.#keepStatements);
      return this.#cuts.meet(statements);
    },
    onClose: (connection: ProxiedConnection) => void this.#connections.delete(connection),
  };
}
