// `npm test`: everything that is checked, on a fresh clone too. Ends with a line `N passed, M failed`.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { isInstalled } from './installed.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const only = process.argv.slice(2);

const shell = process.platform === 'win32';

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell });
  return status === 0;
}
const bin = (name) => join('node_modules', '.bin', name);

process.chdir(root);
if (!isInstalled()) {
  console.log('Installing dependencies …');
  if (!run('npm', ['ci'])) process.exit(1);
}

let passed = 0;
let failed = 0;
/** Several go on at once, so what one says is kept until it ends. */
async function check(title, command, args) {
  const startedAt = Date.now();
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], shell });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (said += text));
  }
  const isGood = await new Promise((resolve) => {
    child.once('error', (error) => {
      said += String(error);
      resolve(false);
    });
    child.once('close', (status) => resolve(status === 0));
  });
  if (isGood) passed += 1;
  else failed += 1;
  const took = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.log(`\n${said}— ${title}: ${isGood ? 'passed' : 'FAILED'} (${took} s)`);
}

// The tests of the application run what is built.
async function compile() {
  await check('build', bin('tsc'), ['-b', 'tsconfig.build.json']);
  if (only.length === 0) await check('types', bin('tsc'), ['-p', 'tsconfig.json', '--noEmit']);
}
async function look() {
  if (only.length > 0) return;
  await check('format', bin('prettier'), ['--check', '--log-level', 'warn', '.']);
  await check('lint', bin('oxlint'), ['--type-aware', '.']);
}
await Promise.all([compile(), look()]);

const reportDirectory = mkdtempSync(join(tmpdir(), 'vigil-test-'));
const report = join(reportDirectory, 'report.json');
console.log('\n— tests');
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
const isGood = run(bin('vitest'), ['run', ...reporters, ...only]);
let skipped = [];
try {
  const { testResults, numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(readFileSync(report, 'utf8'));
  passed += numPassedTests;
  skipped = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === 'pending' || status === 'skipped')
    .map(({ fullName }) => fullName);
  // a file that cannot even be loaded has no failed test of its own
  failed += Math.max(numFailedTests, numFailedTestSuites > 0 ? 1 : 0, isGood ? 0 : 1);
} catch {
  failed += 1;
}
rmSync(reportDirectory, { recursive: true, force: true });

if (skipped.length > 0) console.log(`\nSkipped here, for what this machine lacks: ${skipped.join('; ')}`);
console.log(`\n${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
process.exit(failed === 0 ? 0 : 1);
