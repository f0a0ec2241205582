import { createDatabase } from 'nestjs-vigil-testing';
import { expect, inject, it } from 'vitest';

import { CLEAN, createRunTable, judge, query } from './support/ledger.js';
import { Replica } from './support/replicas.js';

const JOBS = 20;
const SECONDS = 20;

it('Once per cluster: two replicas, 20 jobs each second for 20 s, no instant twice and none missing', async () => {
  await using database = await createDatabase(inject('postgresUrl'));
  await createRunTable(database.url);
  const environment = { DATABASE_URL: database.url, JOBS: String(JOBS), OPTIONS: JSON.stringify({ concurrency: 50 }) };
  await using first = Replica.start(environment);
  await using second = Replica.start(environment);
  const replicas = [first, second];
  await Promise.all(replicas.map((replica) => replica.waitFor(({ state }) => state === 'running', 'running')));
  const until = Date.now() + (SECONDS + 1) * 1_000;
  await Promise.any(
    replicas.map((replica) => replica.waitFor(({ at }) => Date.parse(String(at)) >= until, `a run ${SECONDS} s later`)),
  );
  expect(await Promise.all(replicas.map((replica) => replica.stop()))).toEqual([0, 0]);

  for (let index = 0; index < JOBS; index += 1) {
    const verdict = await judge(database.url, `job-${index}`);
    expect(verdict, `job-${index}`).toMatchObject(CLEAN);
    expect(verdict.runs).toBe(verdict.instants);
    expect(verdict.instants).toBeGreaterThanOrEqual(SECONDS);
  }
  const [claims] = await query<{ count: string }>(
    database.url,
    `SELECT count(*) FROM scheduler.job_execution WHERE lease_epoch <> 1 OR status <> 'succeeded'`,
  );
  expect(claims?.count).toBe('0');
  const shares = await query(database.url, 'SELECT pid, count(*) FROM run GROUP BY pid');
  expect(shares).toHaveLength(2);
}, 90_000);
