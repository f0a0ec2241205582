import {
  ACTIVE,
  findingOf,
  type Finding,
  type JudgedAttempt,
  type JudgedExecution,
  type JudgedJob,
  type JudgeInput,
} from './schedule.js';

/** So many missed instants have a record each; a range is for more. */
const RECORDED_SINGLY = 10;
const NOT_RUN: readonly string[] = ['missed', 'skipped'];
const RAN: readonly string[] = ['running', 'succeeded', 'failed', 'timed-out', 'abandoned'];

/** What the last state of a job contradicts: itself, or its records. */
export function judgeJobState(job: JudgedJob, executions: readonly JudgedExecution[], input: JudgeInput): Finding[] {
  const { state, nextRunAt, lastInstant, maxRuns, runCount } = job;
  const fires = executions.filter(({ kind }) => kind === 'schedule');
  const runs = fires.filter(({ status }) => !NOT_RUN.includes(status)).length;
  // what waited too long is recorded as missed although it was counted as a run
  const expired = fires.filter(({ status, expiresAt }) => status === 'missed' && expiresAt !== null).length;
  const isWhole = input.schedules?.[job.id]?.from === undefined;
  const complaints: (string | false)[] = [
    state === 'active' && nextRunAt === null && 'It is active and has no next run.',
    state === 'finished' && nextRunAt !== null && 'It is finished and has a next run.',
    nextRunAt !== null &&
      lastInstant !== null &&
      lastInstant >= nextRunAt &&
      `It decided ${lastInstant.toISOString()} and would run next at ${nextRunAt.toISOString()}.`,
    maxRuns !== null && runCount > maxRuns && `It ran ${runCount} times of at most ${maxRuns}.`,
    (runCount < runs || (isWhole && runCount > runs + expired)) &&
      `It counts ${runCount} runs and has ${runs} records of runs.`,
  ];
  return complaints.flatMap((what) => (what === false ? [] : { kind: 'impossible', jobId: job.id, what }));
}

/** What the last state of an execution contradicts. */
export function judgeState(
  execution: JudgedExecution,
  attempts: readonly JudgedAttempt[],
  { isClockSet = false, isSettled = false }: JudgeInput,
): Finding[] {
  const complaints = [...ofLease(execution), ...ofEnd(execution, isClockSet), ...ofAttempts(execution, attempts)];
  const findings = complaints.flatMap((what) => (what === false ? [] : findingOf('impossible', execution, what)));
  if (isSettled && ACTIVE.includes(execution.status)) {
    findings.push(findingOf('unfinished', execution, `It is still ${execution.status}.`));
  }
  return findings;
}

/** How often it was claimed: the epoch grows with each claim, and with each takeover. */
export function claimsOf({ leaseEpoch, crashes }: JudgedExecution): number {
  return leaseEpoch - crashes;
}

type Complaints = (string | false)[];

function ofLease({ status, owner, leaseEpoch, startedAt, attempt, crashes, maxCrashes }: JudgedExecution): Complaints {
  return [
    status === 'running' && owner === null && 'It runs without an owner.',
    status !== 'running' && owner !== null && `It is ${status} and has an owner.`,
    leaseEpoch > 0 !== (startedAt !== null) && 'Its epoch and its start do not agree on whether it was ever claimed.',
    RAN.includes(status) && (attempt < 1 || leaseEpoch < 1) && `It is ${status} and was never claimed.`,
    NOT_RUN.includes(status) && leaseEpoch > 0 && `It is ${status} and was claimed.`,
    crashes > leaseEpoch && 'It crashed more often than it was claimed.',
    crashes > maxCrashes && `It crashed ${crashes} times of at most ${maxCrashes}.`,
  ];
}

function ofEnd({ status, startedAt, finishedAt, ...row }: JudgedExecution, isClockSet: boolean): Complaints {
  const isOver = !ACTIVE.includes(status);
  const isRange = row.untilAt !== null;
  return [
    isOver && finishedAt === null && `It is ${status} and has no end.`,
    !isOver && finishedAt !== null && `It is ${status} and has an end.`,
    !isClockSet && startedAt !== null && finishedAt !== null && finishedAt < startedAt && 'It ended before it started.',
    isRange && status !== 'missed' && `It is ${status} and stands for a range.`,
    !isRange && row.instantCount > 1 && `It stands for ${row.instantCount} instants and no range.`,
    isRange &&
      row.instantCount <= RECORDED_SINGLY &&
      `It stands for ${row.instantCount} instants: they have a record each.`,
  ];
}

function ofAttempts(
  { status, attempt, maxAttempts, ...row }: JudgedExecution,
  attempts: readonly JudgedAttempt[],
): Complaints {
  const claims = claimsOf({ status, attempt, maxAttempts, ...row });
  const open = claims - attempts.length;
  const agrees = status === 'pending' ? open === 0 : status === 'running' ? open === 1 : open >= 0 && open <= 2;
  return [
    attempt > maxAttempts && `It made ${attempt} attempts of at most ${maxAttempts}.`,
    attempt < 0 && `It made ${attempt} attempts.`,
    !agrees && `It is ${status}, was claimed ${claims} times, and ${attempts.length} earlier attempts are kept.`,
  ];
}
