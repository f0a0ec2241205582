import { parseTrigger } from 'nestjs-vigil';
import {
  judgeSchedule,
  type Finding,
  type HandlerRun,
  type JudgedExecution,
  type JudgedJob,
  type RecordedSchedule,
  type ScheduleVerdict,
} from 'nestjs-vigil-testing';
import pg from 'pg';

export interface Judgement {
  verdict: ScheduleVerdict;
  jobs: JobFigures[];
}

/** A job that recurs, in figures. */
export interface JobFigures {
  jobId: string;
  /** Instants that its trigger names in the time that is judged. */
  due: number;
  /** Of those: run, whatever came of it. */
  ran: number;
  /** Runs that ended in an error: the job's own queries met the outage. */
  failed: number;
  /** Accounted as missed or skipped, alone or in a range. */
  notRun: number;
  /** Gaps in the record, found by the judge, as all that follows. */
  lost: number;
  twice: number;
  /** Everything else. */
  wrong: number;
}

const NOT_RUN = ['missed', 'skipped'];
const FAILED = ['failed', 'timed-out'];
/** A fire this shortly before the end may be due still. */
const LAST_MOMENTS_MS = 2_000;

/** @param stoppedAt when the scheduler was asked to stop */
export function judgeJobs(schedule: RecordedSchedule, runs: readonly HandlerRun[], stoppedAt: Date): Judgement {
  const until = new Date(stoppedAt.getTime() - LAST_MOMENTS_MS);
  const judged = judgeSchedule({ ...schedule, runs, until });
  const impossible = [...judged.impossible, ...unexplained(schedule, runs)];
  const verdict = { ...judged, impossible, isClean: judged.isClean && impossible.length === 0 };
  const recurring = schedule.jobs.filter(({ state }) => state !== 'finished');
  const jobs = recurring
    .map((job) => figuresOf(job, schedule.executions, verdict, until))
    .filter(({ due, ran }) => due > 0 || ran > 0)
    .sort((a, b) => a.jobId.localeCompare(b.jobId));
  return { verdict, jobs };
}

/** What the judge cannot know: here nobody stops a job, every call of a handler is heard of, and the scheduler is down. */
function unexplained({ jobs, executions }: RecordedSchedule, runs: readonly HandlerRun[]): Finding[] {
  const heardOf = new Set(runs.map(({ executionId }) => executionId));
  const stopped = jobs.filter(({ state }) => state !== 'active' && state !== 'finished');
  const unheard = executions.filter(({ id, startedAt, finishedAt }) => startedAt && finishedAt && !heardOf.has(id));
  const found = ({ id, jobId, scheduledAt }: JudgedExecution, what: string): Finding => {
    return { kind: 'impossible', jobId, executionId: id, scheduledAt, what };
  };
  return [
    ...stopped.map(({ id, state }): Finding => ({ kind: 'impossible', jobId: id, what: `It is ${state}.` })),
    ...unheard.map((row) => found(row, `It is ${row.status}, and the application never ran it.`)),
    ...executions
      .filter(({ status }) => status === 'running')
      .map((row) => found(row, 'It is running, and the scheduler has stopped.')),
  ];
}

function figuresOf(
  job: JudgedJob,
  executions: readonly JudgedExecution[],
  verdict: ScheduleVerdict,
  until: Date,
): JobFigures {
  const ofJob = <Item extends { jobId: string }>(items: readonly Item[]) =>
    items.filter(({ jobId }) => jobId === job.id);
  const records = ofJob(executions);
  const notRun = records.filter(({ status }) => NOT_RUN.includes(status));
  const { missed, doubled, extra, overlapping, early, staleEpoch, impossible } = verdict;
  return {
    jobId: job.id,
    due: instantsOf(job, until),
    ran: records.length - notRun.length,
    failed: records.filter(({ status }) => FAILED.includes(status)).length,
    notRun: notRun.reduce((sum, { instantCount }) => sum + instantCount, 0),
    lost: ofJob(missed).length,
    twice: ofJob(doubled).length,
    wrong: ofJob([...extra, ...overlapping, ...early, ...staleEpoch, ...impossible]).length,
  };
}

/** How many instants had come by `until`, or were decided shortly after. */
function instantsOf({ trigger, createdAt, lastInstant }: JudgedJob, until: Date): number {
  if (trigger === null) return 0;
  const parsed = parseTrigger(trigger);
  const end = lastInstant !== null && lastInstant > until ? lastInstant : until;
  let count = 0;
  for (let next = parsed.nextAfter(createdAt); next && next <= end; next = parsed.nextAfter(next)) count += 1;
  return count;
}

/** Customers who signed up, and how many of them have no reminder, or whose reminder has no customer. */
export async function judgeReminders(url: string): Promise<{ customers: number; broken: number }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ customers: number; broken: number }>(
      `SELECT count(customer.id)::int AS customers, count(*) FILTER (WHERE customer.id IS NULL OR job.id IS NULL)::int AS broken
       FROM (SELECT * FROM shop.customer WHERE reminded_at IS NULL OR signed_up_at > now() - interval '1 hour') customer
       FULL JOIN (SELECT * FROM scheduler.job WHERE handler = 'remind-customer') job
         ON job.id = 'remind-customer-' || customer.id`,
    );
    return rows[0] ?? { customers: 0, broken: 0 };
  } finally {
    await client.end();
  }
}
