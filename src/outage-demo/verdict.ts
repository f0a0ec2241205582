import { formatVerdict } from 'nestjs-vigil-testing';
import type { Judgement } from './judgement.js';
import type { Recovery } from './outages.js';

export interface Evidence extends Judgement {
  reminders: { customers: number; broken: number };
  recoveries: readonly Recovery[];
}

const EXPLANATION = [
  '',
  '  of them failed: the job ran, and its own queries met the outage.',
  '  recorded as not run: of the fires that came due while the database was away, only the latest runs, and the',
  '  others are recorded as missed. A job may ask for all of them instead: every-fire does.',
];

/** Prints what was found. Returns whether everything was as promised. */
export function printVerdict(evidence: Evidence): boolean {
  const { verdict, jobs, recoveries } = evidence;
  console.log('\nWhat the ledger says, held against each schedule and against the application’s own list of runs:\n');
  printTable([
    ['job', 'fires due', 'ran', 'of them failed', 'recorded as not run', 'lost', 'twice', 'wrong'],
    ...jobs.map((job) =>
      [job.jobId, job.due, job.ran, job.failed, job.notRun, job.lost, job.twice, job.wrong].map(String),
    ),
  ]);
  for (const line of EXPLANATION) console.log(line);
  console.log('\nUntil jobs ran again, from when the database could be reached:\n');
  printTable([
    ['outage', 'seconds', 'limit'],
    ...recoveries.map(({ outage, seconds, limitSeconds }) => [
      outage,
      seconds === null ? 'never' : seconds.toFixed(1),
      String(limitSeconds),
    ]),
  ]);
  const checks = check(evidence);
  console.log('');
  for (const { isGood, text } of checks) console.log(`  ${isGood ? 'yes' : 'NO '}  ${text}`);
  if (!verdict.isClean) console.log(`\nThe judge says: ${formatVerdict(verdict)}`);
  const isGood = verdict.isClean && checks.every((one) => one.isGood);
  console.log(`\nVerdict: ${isGood ? 'PASSED, every fire is accounted for exactly once' : 'FAILED'}.`);
  return isGood;
}

function check({ verdict, jobs, reminders, recoveries }: Evidence): { isGood: boolean; text: string }[] {
  const { missed, doubled, extra, early, overlapping, staleEpoch, impossible, judged } = verdict;
  const none = (...findings: (readonly unknown[])[]): boolean => findings.flat().length === 0;
  const late = recoveries.filter(({ seconds, limitSeconds }) => seconds === null || seconds > limitSeconds);
  return [
    { isGood: jobs.length > 0 && none(missed), text: 'no fire is lost: each is recorded, run or not' },
    { isGood: none(doubled), text: 'no fire is recorded or run twice' },
    { isGood: none(extra, early), text: 'nothing ran that was not due, or before it was' },
    { isGood: none(overlapping), text: 'no job ran beside itself' },
    {
      isGood: judged.transitions > 0 && none(staleEpoch),
      text: `of ${judged.transitions} writes to the ledger, none came from somebody who no longer held the run`,
    },
    {
      isGood: judged.runs > 0 && none(impossible),
      text: 'the ledger, its writes and the application agree on what ran',
    },
    {
      isGood: reminders.customers > 0 && reminders.broken === 0,
      text: `each of the ${reminders.customers} customers who signed up meanwhile has a reminder, and no reminder is without a customer`,
    },
    { isGood: recoveries.length > 0 && late.length === 0, text: 'jobs ran again within the limit after each outage' },
  ];
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const [index, row] of rows.entries()) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    console.log(`  ${cells.join('   ')}`);
    if (index === 0) console.log(`  ${widths.map((width) => '─'.repeat(width)).join('   ')}`);
  }
}
