import { judgeLedger, judgeRuns, readLedger, type LedgerRecord } from 'nestjs-vigil-testing';
import { every } from 'nestjs-vigil';
import pg from 'pg';
import type { DiaryRun } from './run.diary.js';

/** A job's schedule held against the ledger, and the ledger against what the application saw run. */
export interface JobJudgement {
  jobId: string;
  /** Instants the schedule names in the time that is judged. */
  expected: number;
  /** Of those: run, whatever came of it. */
  ran: number;
  /** Runs that ended in an error: the job's own queries met the outage. */
  failed: number;
  /** Accounted as missed or skipped, alone or in a range. */
  notRun: number;
  /** Without any record. */
  lost: number;
  /** Recorded more than once, or run more than once for one attempt. */
  twice: number;
  /** Disagreements of ledger and application: a run without a record, or a record of a run that never was. */
  wrong: number;
}

interface JobRow {
  id: string;
  anchor: Date;
  every: `${number}s`;
}

const NOT_RUN = ['missed', 'skipped'];
/** A fire this shortly before the end may be due still. */
const LAST_MOMENTS_MS = 2_000;

/** @param stoppedAt when the scheduler was asked to stop */
export async function judgeJobs(url: string, runs: readonly DiaryRun[], stoppedAt: Date): Promise<JobJudgement[]> {
  const ledger = await readLedger(url);
  const jobs = await query<JobRow>(
    url,
    `SELECT id, anchor, trigger ->> 'every' AS every FROM scheduler.job WHERE trigger ->> 'kind' = 'every' ORDER BY id`,
  );
  const judged = jobs.map((job) => {
    const ofJob = <Row extends { jobId: string }>(rows: readonly Row[]) => rows.filter(({ jobId }) => jobId === job.id);
    return judgeJob(job, ofJob(ledger), ofJob(runs), stoppedAt);
  });
  return judged.filter(({ expected, ran }) => expected > 0 || ran > 0);
}

function judgeJob(job: JobRow, ledger: LedgerRecord[], runs: DiaryRun[], stoppedAt: Date): JobJudgement {
  const surelyDue = stoppedAt.getTime() - LAST_MOMENTS_MS;
  const recordedUntil = ledger.map(({ scheduledAt, untilAt }) => (untilAt ?? scheduledAt).getTime());
  const expected = instants(job, new Date(Math.max(surelyDue, ...recordedUntil)));
  const { missing, doubled, unexpected } = judgeLedger({ expected, executions: ledger });
  const records = ledger.filter(({ status }) => !NOT_RUN.includes(status));
  return {
    jobId: job.id,
    expected: expected.length,
    ran: records.length,
    failed: records.filter(({ status }) => status === 'failed' || status === 'timed-out').length,
    notRun: ledger
      .filter(({ status }) => NOT_RUN.includes(status))
      .reduce((sum, row) => sum + (row.instantCount ?? 1), 0),
    lost: missing.length,
    twice: doubled.length + runTwice(runs),
    wrong: unexpected.length + disagreements(records, runs),
  };
}

function instants({ every: interval, anchor }: JobRow, until: Date): Date[] {
  const trigger = every(interval, { anchor });
  const found: Date[] = [];
  for (let next = trigger.nextAfter(anchor); next && next <= until; next = trigger.nextAfter(next)) found.push(next);
  return found;
}

/** A retry is another attempt, and no second run. */
function runTwice(runs: readonly DiaryRun[]): number {
  const attempts = [...new Set(runs.map(({ attempt }) => attempt))];
  return attempts.flatMap((attempt) => judgeRuns(runs.filter((run) => run.attempt === attempt))).length;
}

function disagreements(records: readonly LedgerRecord[], runs: readonly DiaryRun[]): number {
  const recorded = new Set(records.map(({ executionId }) => executionId));
  const ran = new Set(runs.map(({ executionId }) => executionId));
  const ended = records.filter(({ status }) => status !== 'pending');
  return (
    runs.filter(({ executionId }) => !recorded.has(executionId)).length +
    ended.filter(({ executionId, status }) => !ran.has(executionId) || status === 'running').length
  );
}

/** Customers who signed up, and how many of them have no reminder, or whose reminder has no customer. */
export async function judgeReminders(url: string): Promise<{ customers: number; broken: number }> {
  const [counts] = await query<{ customers: number; broken: number }>(
    url,
    `SELECT count(customer.id)::int AS customers, count(*) FILTER (WHERE customer.id IS NULL OR job.id IS NULL)::int AS broken
     FROM (SELECT * FROM shop.customer WHERE reminded_at IS NULL OR signed_up_at > now() - interval '1 hour') customer
     FULL JOIN (SELECT * FROM scheduler.job WHERE handler = 'remind-customer') job
       ON job.id = 'remind-customer-' || customer.id`,
  );
  return counts ?? { customers: 0, broken: 0 };
}

async function query<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
