import pg from 'pg';
import { judgeLedger, judgeRuns, readLedger } from 'nestjs-vigil-testing';
import { cron } from 'nestjs-vigil';

/** Makes the table in which handlers write down that they ran. */
export async function createRunTable(url: string): Promise<void> {
  await query(url, 'CREATE TABLE run (execution_id uuid, job_id text, scheduled_at timestamptz(3), pid int)');
}

export async function query<Row extends object>(url: string, sql: string, parameters: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Row>(sql, parameters)).rows;
  } finally {
    await client.end();
  }
}

export interface Verdict {
  /** Instants that no record stands for. */
  missing: Date[];
  /** Instants that two records stand for. */
  doubled: { scheduledAt: Date; count: number }[];
  /** Records of no instant. */
  unexpected: Date[];
  /** Instants whose handler ran more than once. */
  ranTwice: unknown[];
  statuses: Record<string, number>;
  runs: number;
  instants: number;
}

/** What the ledger and the handlers' own table say about a job with a cron expression, from its first record to its last. */
export async function judge(
  url: string,
  jobId: string,
  expression = '* * * * * *',
  schema = 'scheduler',
): Promise<Verdict> {
  const executions = (await readLedger(url, { schema, jobId }))
    .filter(({ kind }) => kind === 'schedule')
    .sort((a, b) => +a.scheduledAt - +b.scheduledAt);
  const first = executions[0]?.scheduledAt;
  const last = executions
    .map(({ scheduledAt, untilAt }) => untilAt ?? scheduledAt)
    .sort((a, b) => +a - +b)
    .at(-1);
  const expected: Date[] = [];
  const trigger = cron(expression);
  let next: Date | null = first ?? null;
  while (next !== null && last !== undefined && next <= last) {
    expected.push(next);
    next = trigger.nextAfter(next);
  }
  const ran = await query<{ execution_id: string; scheduled_at: Date }>(url, 'SELECT * FROM run WHERE job_id = $1', [
    jobId,
  ]);
  const runs = ran.map((row) => ({
    executionId: row.execution_id,
    scheduledAt: row.scheduled_at,
    startedAt: row.scheduled_at,
  }));
  const statuses: Record<string, number> = {};
  for (const { status } of executions) statuses[status] = (statuses[status] ?? 0) + 1;
  const verdict = judgeLedger({ expected, executions });
  return { ...verdict, ranTwice: judgeRuns(runs), statuses, runs: runs.length, instants: expected.length };
}

export const CLEAN = { missing: [], doubled: [], unexpected: [], ranTwice: [] };
