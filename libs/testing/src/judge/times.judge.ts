import { findingOf, type Finding, type JudgedExecution, type JudgedJob, type JudgeInput } from './schedule.js';

/** Fires of one job that started before their instant, or long after it. */
export function judgeTimes(job: JudgedJob, executions: readonly JudgedExecution[], input: JudgeInput): Finding[] {
  if (input.isClockSet === true) return [];
  const started = executions
    .flatMap((row) => (row.startedAt === null ? [] : { row, startedAt: row.startedAt }))
    .sort((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
  const findings: Finding[] = [];
  /** Until when one that started before has kept its place. */
  let takenUntilMs = -Infinity;
  for (const { row, startedAt } of started) {
    if (row.kind === 'schedule') findings.push(...judgeStart(job, row, startedAt, takenUntilMs, input));
    takenUntilMs = Math.max(takenUntilMs, row.finishedAt?.getTime() ?? Infinity);
  }
  return findings;
}

function judgeStart(
  job: JudgedJob,
  row: JudgedExecution,
  startedAt: Date,
  takenUntilMs: number,
  { lateAfterMs = Infinity, outages = [] }: JudgeInput,
): Finding[] {
  const { scheduledAt } = row;
  const lateMs = startedAt.getTime() - scheduledAt.getTime();
  if (lateMs < 0) return [findingOf('early', row, `It started ${-lateMs} ms before its instant.`)];
  if (lateMs <= lateAfterMs + job.jitterMs) return [];
  const hadToWait = takenUntilMs > scheduledAt.getTime();
  // an outage holds up what comes after it for as long as a start may take
  const wasOut = outages.some(
    ({ from, until }) => from <= startedAt && until.getTime() + lateAfterMs + job.jitterMs >= startedAt.getTime(),
  );
  return hadToWait || wasOut ? [] : [findingOf('late', row, `It started ${lateMs} ms after its instant.`)];
}
