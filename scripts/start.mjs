// `npm start` and `npm run demo:outage`. Needs Node and nothing else: it installs and builds what is missing first.
import { spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { isInstalled, readJson, readText } from './installed.mjs';

const PROGRAMS = { app: 'dist/main.js', demo: 'dist/outage-demo/main.js' };
const BUILT = 'dist/.built';
const LOCK = '.data/setup.lock';

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
const program = PROGRAMS[process.argv[2] ?? 'app'];
if (!program) fail(`There is no program "${process.argv[2]}". Use ${Object.keys(PROGRAMS).join(' or ')}.`);

await withLock(isPrepared, prepare);
await import(pathToFileURL(program).href);

function isPrepared() {
  return isInstalled() && isBuilt();
}

function prepare() {
  if (!isInstalled()) {
    console.log('Installing the dependencies (npm ci). This takes a minute or two.');
    runNpm(['ci', '--no-fund', '--no-audit', '--loglevel=error']);
  }
  if (!isBuilt()) {
    console.log('Building.');
    run(process.execPath, ['node_modules/typescript/bin/tsc', '-b', 'tsconfig.build.json']);
    writeFileSync(BUILT, '');
  }
}

function isBuilt() {
  const builtAt = existsSync(BUILT) ? statSync(BUILT).mtimeMs : 0;
  const projects = readJson('tsconfig.build.json').references.map(({ path }) => path);
  if (!existsSync(program) || !projects.every((path) => existsSync(join(path, 'tsconfig.json')))) return false;
  const libraries = projects.filter((path) => path.startsWith('./libs/'));
  if (!libraries.every((path) => existsSync(join(path, 'dist/index.js')))) return false;
  const sources = [...projects.flatMap(filesIn), 'package-lock.json', 'tsconfig.base.json', 'tsconfig.build.json'];
  return sources.every((path) => statSync(path).mtimeMs < builtAt);
}

function filesIn(directory) {
  const skipped = ['dist', 'node_modules', 'test'];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return skipped.includes(entry.name) ? [] : filesIn(path);
    return [path];
  });
}

/** Two starts at the same moment on the same checkout: one prepares, the other waits. */
async function withLock(isDone, work) {
  if (isDone()) return;
  mkdirSync('.data', { recursive: true });
  for (let waited = 0; !tryLock(); waited++) {
    if (waited === 0) console.log('Another start is installing or building: waiting for it.');
    await delay(300);
  }
  try {
    if (!isDone()) work();
  } finally {
    rmSync(LOCK, { force: true });
  }
}

/** Written under another name first: a lock always says whose it is. */
function tryLock() {
  const mine = `${LOCK}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    linkSync(mine, LOCK);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  } finally {
    rmSync(mine);
  }
  const owner = Number.parseInt(readText(LOCK), 10);
  if (owner > 0 && !isAlive(owner)) rmSync(LOCK, { force: true });
  return false;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function runNpm(args) {
  const npm = process.env.npm_execpath;
  if (npm?.endsWith('.js')) return run(process.execPath, [npm, ...args]);
  run('npm', args, { shell: process.platform === 'win32' });
}

function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error) fail(`${command} could not be started: ${error.message}`);
  if (signal) process.exit(130);
  if (status !== 0) fail(`"${command} ${args.join(' ')}" ended with status ${status}.`);
}

function fail(message) {
  console.error(message);
  rmSync(LOCK, { force: true });
  process.exit(1);
}
