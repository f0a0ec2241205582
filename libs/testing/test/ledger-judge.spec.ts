import { describe, expect, inject, it } from 'vitest';
import { createDatabase, judgeLedger, judgeRuns, readLedger, type LedgerRow } from '../src/index.js';
import { connect } from './support/client.js';

const at = (minute: number): Date => new Date(Date.UTC(2026, 0, 1) + minute * 60_000);
const record = (from: number, until: number | null = null, more: Partial<LedgerRow> = {}): LedgerRow => ({
  jobId: 'report',
  scheduledAt: at(from),
  untilAt: until === null ? null : at(until),
  instantCount: 1,
  status: 'succeeded',
  kind: 'schedule',
  ...more,
});

interface Case {
  name: string;
  records: LedgerRow[];
  missing?: number[];
  doubled?: [minute: number, count: number][];
  unexpected?: number[];
}

describe('The judge of the ledger', () => {
  const cases: Case[] = [
    { name: 'a record for each instant: all is well', records: [record(2), record(0), record(1), record(3)] },
    { name: 'a range stands for the instants in it, its ends included', records: [record(0), record(1, 3)] },
    { name: 'an instant without a record is missing', records: [record(0), record(2, 3)], missing: [1] },
    { name: 'no record at all: all are missing', records: [], missing: [0, 1, 2, 3] },
    { name: 'two records for an instant double it', records: [record(0, 3), record(2), record(2)], doubled: [[2, 3]] },
    { name: 'ranges that touch double what they share', records: [record(0, 2), record(2, 3)], doubled: [[2, 2]] },
    {
      name: 'a record outside the schedule is unexpected',
      records: [record(0, 3), record(7), record(5, 6)],
      unexpected: [5, 7],
    },
    {
      name: 'a record beside its instant does not cover it',
      records: [record(0.5), record(1, 3)],
      missing: [0],
      unexpected: [0.5],
    },
    {
      name: 'manual runs and backfills cover nothing and are not unexpected',
      records: [record(0, 2), record(3, null, { kind: 'manual' }), record(9, null, { kind: 'backfill' })],
      missing: [3],
    },
    { name: 'what was missed or skipped is recorded like the rest', records: [record(0, 3, { status: 'missed' })] },
  ];

  it.each(cases.map((row) => [row.name, row] as const))('%s', (_name, row) => {
    const { records, missing = [], doubled = [], unexpected = [] } = row;
    const verdict = judgeLedger({ expected: [at(0), at(1), at(2), at(3)], executions: records });
    expect(verdict.missing).toEqual(missing.map(at));
    expect(verdict.doubled).toEqual(doubled.map(([minute, count]) => ({ scheduledAt: at(minute), count })));
    expect(verdict.unexpected).toEqual(unexpected.map(at));
  });

  it('refuses the records of several jobs', () => {
    const executions = [record(0), record(1, null, { jobId: 'other' })];
    expect(() => judgeLedger({ expected: [], executions })).toThrow('several jobs: report, other');
  });

  it('finds the instants whose handler ran more than once, by one execution or by two', () => {
    const run = (executionId: string, minute: number) => ({
      executionId,
      scheduledAt: at(minute),
      startedAt: at(minute),
    });
    const runs = [run('d', 4), run('e', 4), run('a', 1), run('b', 2), run('a', 1), run('c', 3)];
    expect(judgeRuns(runs)).toEqual([
      { scheduledAt: at(1), count: 2, executionIds: ['a'] },
      { scheduledAt: at(4), count: 2, executionIds: ['d', 'e'] },
    ]);
  });
});

describe('The reader of the ledger', () => {
  it('reads all jobs or one, in the order of their instants, from any schema', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using client = await connect(database.url);
    await client.query(
      `CREATE SCHEMA "my ""jobs"; CREATE TABLE "my ""jobs".job_execution (id uuid DEFAULT gen_random_uuid(), job_id text,
         scheduled_at timestamptz(3), until_at timestamptz(3), instant_count bigint, status text, kind text,
         started_at timestamptz(3), finished_at timestamptz(3), lease_epoch int, owner uuid);
       INSERT INTO "my ""jobs".job_execution (job_id, scheduled_at, instant_count, status, kind, lease_epoch) VALUES
         ('report', '2026-01-01T00:02Z', 1, 'running', 'schedule', 1),
         ('report', '2026-01-01T00:01Z', 1, 'succeeded', 'schedule', 2), ('other', '2026-01-01T00:03Z', 1, 'missed', 'schedule', 0)`,
    );
    expect(await readLedger(database.url, { schema: 'my "jobs' })).toHaveLength(3);
    const [first, second] = await readLedger(database.url, { schema: 'my "jobs', jobId: 'report' });
    expect(first).toMatchObject({ ...record(1), leaseEpoch: 2, owner: null, startedAt: null, finishedAt: null });
    expect(second).toMatchObject({ scheduledAt: at(2), status: 'running' });
  });
});
