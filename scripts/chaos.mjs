// `npm run chaos [-- --full] [-- name of a scenario]`: what happens to jobs when everything else fails, on real servers and
// in real processes. Ends with a table, and with 1 if anything is wrong. `--full` leaves nothing out: longer outages,
// leases of a minute, every cut at every statement, all seeds.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const isFull = process.argv.includes('--full');
const [name] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const bin = (program) => join('node_modules', '.bin', program);
const run = (program, args, environment = {}) =>
  spawnSync(bin(program), args, {
    stdio: 'inherit',
    env: { ...process.env, ...environment },
    shell: process.platform === 'win32',
  }).status === 0;

const directory = mkdtempSync(join(tmpdir(), 'vigil-chaos-'));
const report = join(directory, 'report.ndjson');
// The nodes run what is built. One scenario after the other: recoveries are measured.
const isGood =
  run('tsc', ['-b', 'tsconfig.build.json']) &&
  run('vitest', ['run', 'test/chaos', 'libs/scheduler/test/chaos', '--maxWorkers=1', ...(name ? ['-t', name] : [])], {
    VIGIL_CHAOS_REPORT: report,
    ...(isFull ? { VIGIL_CHAOS: 'full' } : {}),
  });
const results = read();
rmSync(directory, { recursive: true, force: true });
print(results);
if (results.length === 0) console.log(`\nNothing was played: no scenario has "${name}" in its name.`);
process.exit(isGood && results.length > 0 ? 0 : 1);

function read() {
  try {
    return readFileSync(report, 'utf8').trim().split('\n').map(JSON.parse);
  } catch {
    return [];
  }
}

function print(rows) {
  const columns = [
    'scenario',
    'runs',
    'recorded',
    'missed',
    'doubled',
    'overlapping',
    'other',
    'seconds to first run',
    'deaths',
  ];
  const lines = rows.map((row) => [
    row.scenario,
    ...[row.runs, row.recorded, row.missed, row.doubled, row.overlapping, row.other].map(String),
    row.seconds === null ? '–' : `${row.seconds.toFixed(1)} (at most ${row.withinSeconds})`,
    String(row.deaths),
  ]);
  const sum = (key) => String(rows.reduce((total, row) => total + row[key], 0));
  lines.push([
    'in all',
    ...['runs', 'recorded', 'missed', 'doubled', 'overlapping', 'other'].map(sum),
    '',
    sum('deaths'),
  ]);
  const widths = columns.map((title, index) => Math.max(title.length, ...lines.map((line) => line[index].length)));
  const shown = (cells) =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[index]))).join('  ');
  console.log(`\n${shown(columns)}\n${widths.map((width) => '-'.repeat(width)).join('  ')}`);
  for (const line of lines) console.log(shown(line));
  console.log(
    '\nmissed, doubled, overlapping: by the judge, who holds triggers and policies against the ledger and against what the ' +
      'handlers saw; other: anything else it found; deaths: processes that ended by themselves. All are zero, or something is wrong.',
  );
}
