import { formatVerdict, judgeSchedule, readSchedule } from 'nestjs-vigil-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { JobExecutionEntity } from '../../src/store/job-execution.entity.js';
import { every } from '../../src/triggers/interval.trigger.js';
import { Cleanup, serverUrl, sql } from '../store/typeorm-store.support.js';
import { aPostgresNode } from './postgres-node.js';
import type { JobSpec } from './support.js';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

let cleanup: Cleanup;
beforeEach(() => (cleanup = new Cleanup()));
afterEach(() => cleanup.run());

/** A job of every second, no process for so long by the database's clock, and then one until the job has run on time. */
async function afterAnOutage(seconds: number, settings: Omit<JobSpec, 'run'>): Promise<{ rows: JobExecutionEntity[] }> {
  const schema = cleanup.schema();
  await cleanup.openStore(schema);
  // found before the functions of pg_catalog
  await sql(`CREATE TABLE "${schema}".turned (by interval NOT NULL); INSERT INTO "${schema}".turned VALUES ('0');
    CREATE FUNCTION "${schema}".now() RETURNS timestamptz STABLE LANGUAGE sql
      AS 'SELECT pg_catalog.now() + by FROM "${schema}".turned';
    CREATE FUNCTION "${schema}".clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql
      AS 'SELECT pg_catalog.clock_timestamp() + by FROM "${schema}".turned'`);
  const connection = { url: serverUrl(), extra: { options: `-c search_path=${schema},pg_catalog` } };
  const job: JobSpec = { ...settings, trigger: every('1s', { anchor: new Date(0) }), run: () => {} };
  // it has no slot, so that it only declares the job
  const before = aPostgresNode([job], { store: cleanup.store(schema, { connection }), concurrency: 0 });
  await before.engine.start();
  await before.engine.shutdown();
  await sql(`UPDATE "${schema}".turned SET by = $1 * interval '1 s'`, [seconds]);
  const { engine, events, store } = aPostgresNode([job], {
    store: cleanup.store(schema, { connection }),
    concurrency: 100,
  });
  await engine.start();
  await events.waitFor('execution.succeeded', ({ execution }) => !execution.isCatchUp);
  await engine.shutdown();
  await store.open('default');
  const rows: JobExecutionEntity[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await store.getExecutions({ limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
    rows.push(...page.items.map(({ execution }) => execution));
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  const { now } = await store.peek([], []);
  const until = new Date(now.getTime() - 60_000);
  const verdict = judgeSchedule({ ...(await readSchedule(serverUrl(), { schema })), until, isClockSet: true });
  expect(verdict.isClean, formatVerdict(verdict)).toBe(true);
  return { rows: rows.reverse() };
}

const counted = (rows: readonly JobExecutionEntity[], status: string): number =>
  rows.filter((row) => row.status === status).length;
/** While a test waits for the first fire on time, some more are recorded. */
const AFTERWARDS = 20;

describe('On PostgreSQL, after an outage of', () => {
  const outages: [string, number][] = [
    ['a minute', MINUTE],
    ['an hour', HOUR],
    ['a year', YEAR],
  ];

  it.each(outages)('%s coalesce leaves one row of what was missed, and one run for it', async (_long, seconds) => {
    const { rows } = await afterAnOutage(seconds, { misfire: 'coalesce' });
    const [missed, late] = rows;
    expect(missed).toMatchObject({ status: 'missed' });
    if (seconds > MINUTE) expect(missed!.instantCount).toBe(1_001);
    else expect(Math.abs(missed!.instantCount - seconds)).toBeLessThan(AFTERWARDS);
    expect(late).toMatchObject({ status: 'succeeded', isCatchUp: true });
    expect(late!.scheduledAt.getTime() - missed!.untilAt!.getTime()).toBe(1_000);
    expect(rows.filter(({ isCatchUp }) => isCatchUp)).toHaveLength(1);
    expect(rows.length).toBeLessThan(AFTERWARDS);
  });

  it.each(outages)(
    '%s skip leaves a row for each instant of the last minute, and one of the others',
    async (_long, seconds) => {
      const { rows } = await afterAnOutage(seconds, { misfire: 'skip' });
      const missed = rows.filter(({ status }) => status === 'missed');
      // of a minute a few instants may be too late, singly
      if (seconds > MINUTE) expect(missed.map(({ instantCount }) => instantCount)).toEqual([1_001]);
      expect(rows.find(({ status }) => status !== 'missed')).toMatchObject({ status: 'succeeded', isCatchUp: true });
      expect(counted(rows, 'skipped')).toBeGreaterThanOrEqual(MINUTE - AFTERWARDS);
      expect(rows.length).toBeLessThan(MINUTE + 2 * AFTERWARDS);
    },
  );

  it.each(outages.slice(0, 2))('%s all runs each instant once', async (_long, seconds) => {
    const { rows } = await afterAnOutage(seconds, { misfire: 'all', maxInstances: 100 });
    expect(counted(rows, 'missed')).toBe(0);
    expect(rows.filter(({ isCatchUp }) => isCatchUp).length).toBeGreaterThanOrEqual(seconds - 1);
    expect(rows.every(({ status }) => status === 'succeeded')).toBe(true);
    expect(new Set(rows.map(({ scheduledAt }) => scheduledAt.getTime())).size).toBe(rows.length);
  });
});
