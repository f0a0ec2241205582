// `npm run check:time`: cron() against the slow second implementation in libs/scheduler/test/triggers, over every zone whose
// clocks change, and for comparison how often other libraries answer otherwise. Ends with a table, and with 1 if anything
// of ours differs. `VIGIL_SEED=<n>` plays a run again, `VIGIL_TIME_CASES=<n>` makes it longer, `VIGIL_TIME_CASE=<json>`
// plays one case, in the form in which a difference is printed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const isOneCase = process.env.VIGIL_TIME_CASE !== undefined;
const directory = mkdtempSync(join(tmpdir(), 'vigil-time-'));
const report = join(directory, 'report.json');
const { status } = spawnSync(
  join('node_modules', '.bin', 'vitest'),
  ['run', 'libs/scheduler/test/triggers/cron-against-slow.spec.ts'],
  {
    // Only what is wrong: the figures come below. Nothing here uses a database; naming one keeps the run from starting a server.
    stdio: isOneCase ? 'inherit' : 'ignore',
    env: { DATABASE_URL: 'postgres://unused', ...process.env, VIGIL_TIME_REPORT: report },
    shell: process.platform === 'win32',
  },
);
const found = isOneCase ? null : read();
rmSync(directory, { recursive: true, force: true });
if (found !== null) print(found);
if (!isOneCase && status !== 0 && !(found?.differences.length > 0)) {
  console.error('The comparison failed otherwise. See what `npx vitest run cron-against-slow` says.');
}
process.exit(status === 0 ? 0 : 1);

function read() {
  try {
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    return null;
  }
}

function print({ seed, cases, near, withRule, zones, seconds, differences, others }) {
  for (const difference of differences) console.log(`${difference}\n`);
  const { node, icu, tz } = process.versions;
  console.log(`VIGIL_SEED=${seed}, Node ${node}, ICU ${icu}, zone data ${tz}, ${seconds.toFixed(0)} s\n`);
  console.log(
    table([
      ['cases', cases],
      ['  zones, which are all whose clocks change from 1970 to 2037', zones],
      ['  within 36 h of a change', near],
      ['  with a rule of their own for changes', withRule],
      ['differences of cron()', differences.length],
    ]),
  );
  for (const { library, asked, read: accepted, comparable, nextDiffers, someDiffers, someDiffersNear } of others) {
    console.log(
      `\n${library}, in the ${asked} cases without a rule\n${table([
        ['  it reads the expression', accepted],
        ['  and says the same in UTC, where no clock changes: comparable', comparable],
        ['  its next fire differs', `${nextDiffers}${share(nextDiffers, comparable)}`],
        ['  one of its next five differs', `${someDiffers}${share(someDiffers, comparable)}`],
        ['    within 36 h of a change', someDiffersNear],
      ])}`,
    );
  }
}

function table(rows) {
  const width = Math.max(...rows.map(([title]) => title.length));
  return rows.map(([title, figure]) => `${title.padEnd(width)}  ${figure}`).join('\n');
}

function share(part, whole) {
  return whole === 0 ? '' : ` (${((part / whole) * 100).toFixed(1)} %)`;
}
