import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startPostgres, type PostgresServer } from 'nestjs-vigil-testing';
import { hasServerProcess, systemIdentifier } from './answering.js';
import { withFileLock } from './file.lock.js';

/** What `.data/server.json` holds. */
interface Notice {
  url: string;
  port: number;
  systemIdentifier: string;
}

const DATABASE = 'shop';

/**
 * The embedded server that the processes of one checkout share. The one that finds none starts it; when that one
 * leaves, the server goes with it, and one of the others starts it again on the same data and port.
 */
export class SharedServer {
  #own: PostgresServer | null = null;
  #isStopped = false;
  #rejoining: Promise<void> | null = null;

  private constructor(
    private readonly directory: string,
    private notice: Notice,
    private readonly say: (line: string) => void,
  ) {}

  /** @param directory where the data is, and stays */
  static async join(directory: string, say: (line: string) => void): Promise<SharedServer> {
    await mkdir(directory, { recursive: true });
    return withFileLock(join(directory, 'server.lock'), async () => {
      const notice = await readNotice(directory);
      const server = new SharedServer(directory, notice ?? { url: '', port: 0, systemIdentifier: '' }, say);
      if (notice && (await answers(notice))) {
        say(`Database: the embedded PostgreSQL that another process of this checkout runs (port ${notice.port}).`);
        return server;
      }
      say(`Database: starting the embedded PostgreSQL in ${directory}/postgres.`);
      await server.#start(notice?.port);
      return server;
    });
  }

  get url(): string {
    return this.notice.url;
  }
  /** Whether this process runs the server. */
  get isOwn(): boolean {
    return this.#own !== null;
  }

  /** Call it when the database does not answer: starts the server again if none lives. Concurrent calls are one. */
  rejoin(): Promise<void> {
    this.#rejoining ??= this.#rejoin().finally(() => (this.#rejoining = null));
    return this.#rejoining;
  }

  /** Stops the server if this process runs it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#rejoining?.catch(() => {});
    await this.#own?.[Symbol.asyncDispose]();
  }

  async #rejoin(): Promise<void> {
    const isNeeded = async (): Promise<boolean> => !this.#isStopped && !(await this.#isAlive());
    if (!(await isNeeded())) return;
    await withFileLock(join(this.directory, 'server.lock'), async () => {
      if (!(await isNeeded())) return;
      this.say('Database: its server is gone; this process starts it again.');
      await this.#start(this.notice.port);
    });
  }

  /** A server that lives and does not answer is left alone. */
  async #isAlive(): Promise<boolean> {
    if (this.#own) return this.#own.pid !== null;
    return (await hasServerProcess(this.#dataDirectory)) || (await answers(this.notice));
  }

  /** On the port it had, so that the others find it again. */
  async #start(port: number | undefined): Promise<void> {
    if (this.#own) return this.#own.start();
    const options = { dataDirectory: this.#dataDirectory, database: DATABASE };
    const started = port ? await startPostgres({ ...options, port }).catch(ifPortIsTaken) : null;
    this.#own = started ?? (await startPostgres(options));
    const { url, port: found } = this.#own;
    this.notice = { url, port: found, systemIdentifier: await systemIdentifier(url) };
    await writeNotice(this.directory, this.notice);
  }

  get #dataDirectory(): string {
    return join(this.directory, 'postgres');
  }
}

function ifPortIsTaken(error: unknown): null {
  if (error instanceof Error && /^Port \d+ .*is taken/.test(error.message)) return null;
  throw error;
}

async function answers({ url, systemIdentifier: expected }: Notice): Promise<boolean> {
  return (await systemIdentifier(url).catch(() => null)) === expected;
}

async function readNotice(directory: string): Promise<Notice | null> {
  try {
    return JSON.parse(await readFile(join(directory, 'server.json'), 'utf8')) as Notice;
  } catch {
    return null;
  }
}

async function writeNotice(directory: string, notice: Notice): Promise<void> {
  const path = join(directory, 'server.json');
  await writeFile(`${path}.unfinished`, `${JSON.stringify(notice, null, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.unfinished`, path);
}
