import { every } from 'nestjs-vigil';
import { createDatabase, judgeLedger, readLedger, type TestDatabase } from 'nestjs-vigil-testing';
import { expect, inject, it } from 'vitest';

import { query } from './support/ledger.js';
import { Program } from './support/program.js';

const HEARTBEAT = /^\d\d:\d\d:\d\d {2}heartbeat +succeeded .* for (\S+)/;
const MINUTE_MS = 60_000;
const CLEAN = { missing: [], doubled: [], unexpected: [] };

function startApp({ url }: TestDatabase): Program {
  return Program.start([], { DATABASE_URL: url, PORT: '0' });
}

async function heartbeats({ url }: TestDatabase) {
  return readLedger(url, { jobId: 'heartbeat' });
}

/** Every instant from the job's creation to the last record, and what is recorded. */
async function judgeHeartbeats(database: TestDatabase) {
  const [job] = await query<{ anchor: Date }>(database.url, `SELECT anchor FROM scheduler.job WHERE id = 'heartbeat'`);
  const executions = await heartbeats(database);
  const trigger = every('3s', { anchor: job?.anchor ?? new Date() });
  const until = Math.max(...executions.map(({ scheduledAt, untilAt }) => (untilAt ?? scheduledAt).getTime()));
  const expected: Date[] = [];
  let next = trigger.nextAfter(job?.anchor ?? new Date());
  for (; next && next.getTime() <= until; next = trigger.nextAfter(next)) expected.push(next);
  return judgeLedger({ expected, executions });
}

/** As if a minute more had passed since everything that is in the tables. */
async function letMinutePass({ url }: TestDatabase): Promise<void> {
  const earlier = (column: string): string => `${column} = ${column} - interval '1 minute'`;
  const ofJob = ['anchor', 'next_run_at', 'wake_at', 'last_instant'].map(earlier).join(', ');
  await query(url, `UPDATE scheduler.job SET ${ofJob} WHERE id = 'heartbeat'`);
  await query(url, `UPDATE scheduler.job_execution SET ${earlier('scheduled_at')} WHERE job_id = 'heartbeat'`);
}

it('The application prints its jobs, runs them on a database that was empty, and drains on SIGINT', async () => {
  await using database = await createDatabase(inject('postgresUrl'));
  await using app = startApp(database);

  await app.untilLines(HEARTBEAT, 3);
  expect(app.lines.join('\n')).toMatch(/heartbeat +every 3 seconds +\S+ \(in [\d.]+ s\)/);
  expect(app.lines.join('\n')).toMatch(/nightly-sales-report +At 02:30 \(Europe\/Paris\) +.*\(in .+\)/);
  const [shop] = await query<{ orders: number }>(database.url, 'SELECT count(*)::int AS orders FROM shop.orders');
  expect(shop?.orders).toBe(3_000);

  app.signal('SIGINT');
  expect(await app.ended).toBe(0);
  expect(app.linesLike(/^Draining/)).toHaveLength(1);
  expect(app.lines.at(-1)).toBe('Stopped.');
  expect((await heartbeats(database)).filter(({ status }) => status === 'succeeded').length).toBeGreaterThanOrEqual(3);
  expect(await judgeHeartbeats(database)).toEqual(CLEAN);
  const [left] = await query<{ connections: number }>(
    database.url,
    'SELECT count(*)::int AS connections FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  expect(left?.connections).toBe(0);
});

it('A second start goes on where the first one stopped: what was missed is one line, and the latest fire runs', async () => {
  await using database = await createDatabase(inject('postgresUrl'));
  await using first = startApp(database);
  await first.untilLines(HEARTBEAT, 2);
  first.signal('SIGTERM');
  expect(await first.ended).toBe(0);
  const before = await heartbeats(database);
  await letMinutePass(database);

  await using second = startApp(database);
  await second.untilLines(HEARTBEAT, 2);
  second.signal('SIGINT');
  expect(await second.ended).toBe(0);

  expect(second.linesLike(/heartbeat +missed +for \S+ to \S+ +\d+ instants/)).toHaveLength(1);
  const after = await heartbeats(database);
  const missed = after.filter(({ status }) => status === 'missed');
  expect(missed).toHaveLength(1);
  expect(missed[0]?.instantCount).toBeGreaterThanOrEqual(MINUTE_MS / 3_000 - 1);
  expect(after.length).toBeGreaterThanOrEqual(before.length + 3);
  expect(await judgeHeartbeats(database)).toEqual(CLEAN);
});

it('Two processes on one database share the work: each heartbeat is run once', async () => {
  await using database = await createDatabase(inject('postgresUrl'));
  await using first = startApp(database);
  await using second = startApp(database);
  const apps = [first, second];
  const instants = (): string[] =>
    apps.flatMap(({ lines }) => lines.flatMap((line) => HEARTBEAT.exec(line)?.[1] ?? []));
  await Promise.all(apps.map((app) => app.untilLines(/^Jobs: http/)));
  const enough = (): boolean => instants().length >= 5;
  await Promise.race(apps.map((app) => app.until(enough, 'five heartbeats')));
  for (const app of apps) app.signal('SIGINT');
  expect(await Promise.all(apps.map(({ ended }) => ended))).toEqual([0, 0]);

  expect(new Set(instants()).size).toBe(instants().length);
  expect(await judgeHeartbeats(database)).toEqual(CLEAN);
});
