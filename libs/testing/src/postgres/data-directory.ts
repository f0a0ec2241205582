import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresBinaries } from './binaries.js';
import { servesDirectory } from './processes.js';
import type { ServerUser } from './server-user.js';

export const SUPERUSER = 'postgres';
export const PASSWORD = 'vigil';

/**
 * The data directory as the server is told it. On Linux every process can name its working directory like this even
 * below a directory that only root may enter, so a server that root starts works from a checkout in root's home.
 */
export function pathForServer(dataDirectory: string, user: ServerUser | undefined): string {
  return user !== undefined && process.platform === 'linux' ? '/proc/self/cwd' : dataDirectory;
}

export async function makeTemporaryDirectory(): Promise<string> {
  return realpath(await mkdtemp(join(tmpdir(), 'vigil-postgres-data-')));
}

interface Preparation {
  dataDirectory: string;
  binaries: PostgresBinaries;
  user: ServerUser | undefined;
  /** Whether a new cluster must be on the disk before it is used. */
  durable: boolean;
  /** How long a server that is on its way down there may take. */
  startTimeoutMs?: number;
}

/** Makes a cluster in `dataDirectory` unless it holds one; all or nothing, also when this process is killed meanwhile. */
export async function prepareDataDirectory(preparation: Preparation): Promise<void> {
  const { dataDirectory, user } = preparation;
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const files = await readdir(dataDirectory);
  if (files.includes('PG_VERSION')) return removeStaleLock(dataDirectory, preparation.startTimeoutMs ?? 10_000);
  if (files.length > 0) {
    throw new Error(`${dataDirectory} is not empty and holds no PostgreSQL data. Name an empty directory.`);
  }
  const unfinished = `${dataDirectory}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  if (user) await chown(unfinished, user.uid, user.gid);
  try {
    await initdb({ ...preparation, dataDirectory: unfinished });
    await rename(unfinished, dataDirectory);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function initdb({ dataDirectory, binaries, user, durable }: Preparation): Promise<void> {
  const secrets = await mkdtemp(join(tmpdir(), 'vigil-postgres-password-'));
  try {
    const passwordFile = join(secrets, 'password');
    await writeFile(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
    if (user) await Promise.all([secrets, passwordFile].map((path) => chown(path, user.uid, user.gid)));
    const args = ['-D', pathForServer(dataDirectory, user), `--username=${SUPERUSER}`, `--pwfile=${passwordFile}`];
    args.push('--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', ...(durable ? [] : ['--no-sync']));
    const child = spawn(binaries.initdb, args, { ...user, cwd: dataDirectory, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    if (code !== 0) {
      throw new Error(`initdb in ${dataDirectory} ended with ${signal ?? `code ${code}`}:\n${said.trim()}`);
    }
  } finally {
    await rm(secrets, { recursive: true, force: true });
  }
}

/**
 * After a kill the lock file names a dead server, whose number a stranger may have got since: PostgreSQL would take it
 * for a server. A living one is waited for, since the server of a process just killed is still on its way down.
 */
async function removeStaleLock(dataDirectory: string, boundMs: number): Promise<void> {
  const giveUpAt = performance.now() + boundMs;
  for (;;) {
    const pid = (await readLock(dataDirectory))?.pid;
    if (pid === undefined) return;
    if (!(await servesDirectory(pid, dataDirectory))) break;
    if (performance.now() > giveUpAt) {
      throw new Error(`A server (process ${pid}) already runs on ${dataDirectory}. Stop it or name another directory.`);
    }
    await delay(50);
  }
  await rm(join(dataDirectory, 'postmaster.pid'), { force: true });
}

/** What a server wrote about itself: its process, and whether it takes connections. */
export async function readLock(dataDirectory: string): Promise<{ pid: number; ready: boolean } | undefined> {
  const lock = await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = lock.split('\n');
  const pid = Number.parseInt(lines[0] ?? '', 10);
  // a standby that answers says so in its own word
  return pid > 0 ? { pid, ready: ['ready', 'standby'].includes(lines[7]?.trim() ?? '') } : undefined;
}
