import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  /** One letter, as `ps` shows it: `T` is stopped, `Z` is dead and not yet reaped. */
  readonly state: string;
}

/** The processes whose parent is `pid`. */
export async function childrenOf(pid: number): Promise<number[]> {
  return (await listProcesses()).filter((row) => row.parent === pid).map((row) => row.pid);
}

/** Sends `signal` to those of `pids` that still live. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Until each of `pids` is stopped or gone: SIGSTOP takes effect a moment after it was sent. */
export async function untilStopped(pids: readonly number[], boundMs = 5_000): Promise<void> {
  const giveUpAt = performance.now() + boundMs;
  const runs = (row: ProcessRow): boolean => pids.includes(row.pid) && !/^[TtZX]/.test(row.state);
  while ((await listProcesses()).some(runs)) {
    if (performance.now() > giveUpAt) throw new Error(`Some of the processes ${pids.join(', ')} did not stop.`);
    await delay(5);
  }
}

/** Whether `pid` lives and is a PostgreSQL server on `dataDirectory` (and not a stranger that got a dead server's number). */
export async function servesDirectory(pid: number, dataDirectory: string): Promise<boolean> {
  if (process.platform === 'linux') {
    const [cwd, name] = await Promise.all([
      readlink(`/proc/${pid}/cwd`).catch(() => ''),
      readFile(`/proc/${pid}/comm`, 'utf8').catch(() => ''),
    ]);
    return cwd === dataDirectory && name.trim() === 'postgres';
  }
  const { stdout } = await run('ps', ['-p', String(pid), '-o', 'command=']).catch(() => ({ stdout: '' }));
  return stdout.includes('postgres') && stdout.includes(dataDirectory);
}

const run = promisify(execFile);

/** Small images have no `ps`, so Linux is asked itself. */
async function listProcesses(): Promise<ProcessRow[]> {
  if (process.platform !== 'linux') {
    const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,state=']);
    return stdout.split('\n').map((line) => {
      const [pid, parent, state] = line.trim().split(/\s+/);
      return { pid: Number(pid), parent: Number(parent), state: state ?? '' };
    });
  }
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)));
  return stats.filter((stat) => stat !== null).map(parseStat);
}

/** `pid (name) state parent …`, where the name may hold spaces and brackets. */
function parseStat(stat: string): ProcessRow {
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { pid: Number.parseInt(stat, 10), parent: Number(parent), state: state ?? '' };
}
