import { execFile } from 'node:child_process';
import { mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { failWrites } from './server-faults.js';
import { Stage } from './stage.js';

const run = promisify(execFile);

/** A file system that is soon full. */
export class SmallDisk implements AsyncDisposable {
  private constructor(private readonly mountPoint: string) {}

  /** null where this process may not mount one. */
  static async mount(size: string): Promise<SmallDisk | null> {
    const mountPoint = await mkdtemp(join(tmpdir(), 'vigil-small-disk-'));
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0755`, 'tmpfs', mountPoint]);
      return new SmallDisk(mountPoint);
    } catch {
      await rmdir(mountPoint);
      return null;
    }
  }

  get directory(): string {
    return join(this.mountPoint, 'data');
  }

  /** To the last byte. */
  async fill(): Promise<void> {
    // fails with ENOSPC, as it is meant to
    await run('dd', ['if=/dev/zero', `of=${this.#filler}`, 'bs=4k']).catch(() => {});
    await writeFile(`${this.#filler}.rest`, Buffer.alloc(4_096)).catch(() => {});
  }

  async free(): Promise<void> {
    await rm(this.#filler, { force: true });
    await rm(`${this.#filler}.rest`, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('umount', ['-l', this.mountPoint]);
    await rmdir(this.mountPoint);
  }

  get #filler(): string {
    return join(this.mountPoint, 'filler');
  }
}

const disks = new WeakMap<Stage, SmallDisk>();

/** On a server whose disk can be filled; where no file system can be mounted, on any. */
export async function onSmallDisk(): Promise<Stage> {
  const disk = await SmallDisk.mount('192m');
  if (disk === null) return await Stage.onOwnServer();
  const settings = { max_wal_size: '32MB', min_wal_size: '32MB' };
  const stage = await Stage.onOwnServer({ dataDirectory: disk.directory, settings }, [disk]);
  disks.set(stage, disk);
  return stage;
}

/** Nothing can be written any more; where there is no small disk, the error alone is planted. */
export async function fullDisk(stage: Stage): Promise<AsyncDisposable & { free(): Promise<void> }> {
  const disk = disks.get(stage);
  if (disk === undefined) {
    const planted = await failWrites(stage, '53100');
    return { free: () => planted.heal(), [Symbol.asyncDispose]: async () => {} };
  }
  await disk.fill();
  const free = async (): Promise<void> => {
    await disk.free();
    // a server that cannot write its log ends; whoever watches over it starts it again
    await stage.server.start();
  };
  return { free, [Symbol.asyncDispose]: () => disk.free() };
}
