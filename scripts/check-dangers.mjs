// `npm run check:dangers [-- <number> …]`: takes the defence against each danger away, in a copy of this tree, and shows
// which test fails then. Ends with a line `N caught, M survived`. The list is in test/dangers. With `DATABASE_URL` set it uses
// that server, else one of its own for each mutant.
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { dangers, withoutDefence } from '../test/dangers/mutants.mjs';

const MUTANT_MS = 90_000;
const ALL_TESTS_MS = 600_000;
/** A defence that is gone often shows in a test that waits for ever. */
const TIMEOUTS = ['--testTimeout=20000', '--hookTimeout=30000', '--teardownTimeout=5000'];
const LONGEST_LINE = 110;
const LEFT_OUT = ['.git', '.data', 'dist', 'node_modules', 'coverage'];

const root = fileURLToPath(new URL('..', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'vigil-dangers-'));
const report = join(copy, 'report.json');
let running = null;

process.on('exit', () => {
  endGroup('SIGKILL');
  rmSync(copy, { recursive: true, force: true, maxRetries: 5 });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

/** The libraries of the copy, and everything else of the tree. */
function makeCopy() {
  cpSync(root, copy, { recursive: true, filter: (path) => !LEFT_OUT.includes(basename(relative(root, path))) });
  linkPackages('');
  const libraries = readdirSync(join(copy, 'libs'));
  for (const library of libraries) {
    const { name } = JSON.parse(readFileSync(join(copy, 'libs', library, 'package.json'), 'utf8'));
    const link = join(copy, 'node_modules', name);
    rmSync(link, { force: true });
    symlinkSync(join(copy, 'libs', library), link, 'junction');
  }
}

function linkPackages(scope) {
  const from = join(root, 'node_modules', scope);
  const to = join(copy, 'node_modules', scope);
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    if (name.startsWith('@')) linkPackages(name);
    else if (!name.startsWith('.')) symlinkSync(join(from, name), join(to, name), 'junction');
  }
}

/** vitest and its workers; the server that it starts ends by itself when it is gone. */
function endGroup(signal) {
  if (running === null) return;
  try {
    process.kill(process.platform === 'win32' ? running.pid : -running.pid, signal);
  } catch {
    return; // it has ended meanwhile
  }
}

/** @returns null when it did not end in time */
async function runTests(files, titles, boundMs) {
  rmSync(report, { force: true });
  const pattern = titles.map((title) => title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  const vitest = join(copy, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=json', `--outputFile=${report}`];
  const child = spawn(process.execPath, [vitest, 'run', ...files, '-t', pattern, ...reporters, ...TIMEOUTS], {
    cwd: copy,
    stdio: 'ignore',
    detached: process.platform !== 'win32',
  });
  running = child;
  const ended = new Promise((resolve) => child.on('exit', () => resolve(true)));
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, boundMs, false)));
  const isOver = await Promise.race([ended, late]);
  clearTimeout(timer);
  endGroup('SIGKILL');
  await ended;
  running = null;
  return isOver ? JSON.parse(readFileSync(report, 'utf8')) : null;
}

const testsOf = ({ testResults }) =>
  testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map((each) => ({ ...each, file: relative(copy, name).replaceAll('\\', '/') })),
  );

/** Every test that is to catch something exists and passes as long as nothing is taken away. */
async function checkUnchanged(mutants) {
  const files = [...new Set(mutants.map(({ test }) => test))];
  const result = await runTests(files, [...new Set(mutants.map(({ title }) => title))], ALL_TESTS_MS);
  if (result === null) throw new Error('The tests did not end, although nothing was taken away.');
  const tests = testsOf(result);
  for (const { test, title, what } of mutants) {
    const own = tests.filter((each) => each.file === test && each.fullName.includes(title));
    if (own.some(({ status }) => status === 'failed')) {
      throw new Error(`"${title}" fails in ${test}, although nothing was taken away. Make it pass first.`);
    }
    if (own.some(({ status }) => status === 'passed')) continue;
    throw new Error(`No test of ${test} is called "${title}". Correct the mutant "${what}" in test/dangers.`);
  }
  return tests.filter(({ status }) => status === 'passed').length;
}

/** @returns who caught it, and how; null: nobody */
async function catcherOf(mutant) {
  const path = join(copy, mutant.file);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, withoutDefence(text, mutant));
  try {
    const result = await runTests([mutant.test], [mutant.title], MUTANT_MS);
    if (result === null && !mutant.hangs) return null;
    if (result === null) return { test: mutant.title, why: `it did not end within ${MUTANT_MS / 1_000} s` };
    const tests = testsOf(result);
    if (tests.length === 0)
      throw new Error(`The mutant "${mutant.what}" cannot be loaded. Correct it in test/dangers.`);
    const failed = tests.find(({ status }) => status === 'failed');
    return failed === undefined ? null : { test: failed.title, why: firstLine(failed.failureMessages) };
  } finally {
    writeFileSync(path, text);
  }
}

/** vitest says no more of a test that ran into its timeout. */
const TIMED_OUT = 'Error: STACK_TRACE_ERROR';

function firstLine([message = 'it failed']) {
  const [line = ''] = message.split('\n');
  if (line === TIMED_OUT) return 'it waited in vain';
  return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line;
}

function show(mutant, catcher, seconds) {
  console.log(
    `   ${catcher === null ? 'SURVIVED' : 'caught  '}  ${mutant.what} (${basename(mutant.file)}, ${seconds} s)`,
  );
  console.log(
    `             ${catcher === null ? 'not ' : ''}by ${basename(mutant.test)}: ${catcher?.test ?? mutant.title}`,
  );
  if (catcher !== null) console.log(`             ${catcher.why}`);
}

/** @returns how many were caught */
async function tryAll(mutants) {
  let caught = 0;
  for (const mutant of mutants) {
    const startedAt = Date.now();
    const catcher = await catcherOf(mutant);
    if (catcher !== null) caught += 1;
    show(mutant, catcher, ((Date.now() - startedAt) / 1_000).toFixed(1));
  }
  return caught;
}

async function main() {
  const wanted = process.argv.slice(2).map(Number);
  const unknown = wanted.filter((number) => !dangers.some((danger) => danger.number === number));
  if (unknown.length > 0) throw new Error(`There is no danger ${unknown.join(', ')}. They are 1 to ${dangers.length}.`);
  const chosen = dangers.filter(({ number }) => wanted.length === 0 || wanted.includes(number));
  const mutants = chosen.flatMap((danger) => danger.mutants);
  makeCopy();
  for (const mutant of mutants) withoutDefence(readFileSync(join(copy, mutant.file), 'utf8'), mutant);
  console.log(`${mutants.length} mutants of ${chosen.length} dangers. First the tests as they are …`);
  if (mutants.length > 0) console.log(`${await checkUnchanged(mutants)} tests pass.`);
  let caught = 0;
  for (const { number, danger, mutants: own, later } of chosen) {
    console.log(`\n${number}. ${danger}`);
    caught += await tryAll(own);
    if (later !== undefined) console.log(`   later     ${later}`);
  }
  console.log(`\n${caught} caught, ${mutants.length - caught} survived`);
  process.exitCode = caught === mutants.length ? 0 : 1;
}

await main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
