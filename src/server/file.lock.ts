import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isProcess } from './answering.js';

const LOOK_EVERY_MS = 200;

/** Runs `work` in one process at a time. What a process that died has left behind does not count. */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  while (!(await tryLock(path))) await delay(LOOK_EVERY_MS);
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

/** Written under another name first: a lock always says whose it is. */
async function tryLock(path: string): Promise<boolean> {
  const mine = `${path}.${process.pid}`;
  await writeFile(mine, String(process.pid));
  try {
    await link(mine, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(mine, { force: true });
  }
  const owner = Number.parseInt(await readFile(path, 'utf8').catch(() => ''), 10);
  if (owner > 0 && !isProcess(owner)) await rm(path, { force: true });
  return false;
}
