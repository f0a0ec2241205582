import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const SERVER_MODULE = fileURLToPath(new URL('../../src/postgres/postgres-server.ts', import.meta.url));
const REPOSITORY = fileURLToPath(new URL('../../../..', import.meta.url));

/** Whether users other than this one may enter the directory that this checkout is in. */
export function isOpenToOthers(): boolean {
  for (let directory = REPOSITORY; directory !== dirname(directory); directory = dirname(directory)) {
    if ((statSync(directory).mode & 0o001) === 0) return false;
  }
  return true;
}

export interface Program {
  child: ChildProcessByStdio<null, Readable, Readable>;
  /** What the program has written as its first line, as JSON. */
  said: { pid: number; dataDirectory: string; children: number[] };
}

/** Runs `body` in a process of its own, which has started `server` and says so on its first line. */
export async function runProgram(body: string, { uid, gid }: { uid?: number; gid?: number } = {}): Promise<Program> {
  const source = `
    import { runnerImport } from 'vite';
    import { readFileSync, readdirSync } from 'node:fs';
    const { module } = await runnerImport(${JSON.stringify(SERVER_MODULE)}, { configFile: false, logLevel: 'silent' });
    const server = await module.startPostgres({ settings: { fsync: 'off' } });
    const say = () => console.log(JSON.stringify({ pid: server.pid, dataDirectory: server.dataDirectory }));
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    uid,
    gid,
    cwd: REPOSITORY,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'close').then(() => Promise.reject(new Error(`The program said nothing but:\n${errors}`))),
  ]);
  return { child, said: JSON.parse(String(line[0])) as Program['said'] };
}

/** Resolves when none of `pids` lives; a dead process that nobody has reaped does not live. */
export async function expectGone(pids: readonly number[]): Promise<void> {
  await expect.poll(() => Promise.all(pids.map(isAlive)), { timeout: 15_000 }).not.toContain(true);
}

export async function isAlive(pid: number): Promise<boolean> {
  if (process.platform === 'linux') {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State:\tZ');
    return !/^State:\s+[ZX]/m.test(status);
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
