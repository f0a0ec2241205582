import type { HandlerRun } from '../ledger-judge.js';
import { judgeInstants } from './instants.judge.js';
import { judgeClaims, judgeHandlers } from './overlap.judge.js';
import { judgeRecordedRuns } from './runs.judge.js';
import {
  FINDING_KINDS,
  grouped,
  type Finding,
  type FindingKind,
  type JudgedExecution,
  type JudgedJob,
  type JudgeInput,
} from './schedule.js';
import { judgeJobState, judgeState } from './states.judge.js';
import { judgeTimes } from './times.judge.js';
import { judgeTransitions } from './transitions.judge.js';

export type ScheduleVerdict = Readonly<Record<FindingKind, readonly Finding[]>> & {
  readonly isClean: boolean;
  /** How much was judged: a verdict on nothing is clean, too. */
  readonly judged: { jobs: number; executions: number; transitions: number; runs: number };
};

/**
 * Holds what a scheduler has recorded against what its jobs' triggers and policies say, against what the handlers saw, and
 * (where transitions were recorded) each write against the life of an execution. In one pass over each, whatever the size.
 *
 * @throws Error for a trigger that has to be given in `schedules`
 */
export function judgeSchedule(input: JudgeInput): ScheduleVerdict {
  const { jobs, executions, attempts, runs = [], isClockSet = false } = input;
  const transitions = input.transitions && [...input.transitions].sort((a, b) => a.sequence - b.sequence);
  const byId = new Map(executions.map((execution) => [execution.id, execution]));
  const attemptsOf = grouped(attempts, ({ executionId }) => executionId);
  const ofJob = {
    executions: grouped(executions, ({ jobUid }) => jobUid),
    transitions: transitions && grouped(transitions, ({ jobUid }) => jobUid),
    runs: grouped(runs, ({ executionId }) => byId.get(executionId)?.jobUid),
  };
  const findings = [
    ...jobs.flatMap((job) => {
      const own = ofJob.executions.get(job.uid) ?? [];
      const claims = ofJob.transitions ? (ofJob.transitions.get(job.uid) ?? []) : undefined;
      return [
        ...judgeInstants(job, own, input),
        ...judgeJobState(job, own, input),
        ...judgeTimes(job, own, input),
        ...judgeOverlap(job, own, claims, { byId, runs: ofJob.runs.get(job.uid) ?? [], isClockSet }),
      ];
    }),
    ...executions.flatMap((execution) => judgeState(execution, attemptsOf.get(execution.id) ?? [], input)),
    ...judgeTransitions(transitions ?? [], isClockSet),
    ...judgeRecordedRuns(byId, input.runs, transitions, isClockSet),
  ];
  const counts = { jobs: jobs.length, executions: executions.length, runs: runs.length };
  return verdictOf(findings, { ...counts, transitions: transitions?.length ?? 0 });
}

function judgeOverlap(
  job: JudgedJob,
  own: readonly JudgedExecution[],
  claims: Parameters<typeof judgeClaims>[2],
  seen: { byId: ReadonlyMap<string, JudgedExecution>; runs: readonly HandlerRun[]; isClockSet: boolean },
): Finding[] {
  // a clock that was set tells no order; the writes have one of their own
  if (seen.isClockSet) return claims ? judgeClaims(job, own, claims) : [];
  return [...judgeClaims(job, own, claims), ...judgeHandlers(job, seen.byId, seen.runs)];
}

function verdictOf(findings: readonly Finding[], judged: ScheduleVerdict['judged']): ScheduleVerdict {
  const byKind = grouped(findings, ({ kind }) => kind);
  const lists = Object.fromEntries(FINDING_KINDS.map((kind) => [kind, byKind.get(kind) ?? []]));
  return { ...(lists as Record<FindingKind, Finding[]>), isClean: findings.length === 0, judged };
}

/** How many findings of one kind are printed. */
const SHOWN = 10;

/** In lines, for people. */
export function formatVerdict(verdict: ScheduleVerdict): string {
  const { jobs, executions, transitions, runs } = verdict.judged;
  const size = `${jobs} jobs, ${executions} records, ${transitions} transitions, ${runs} runs`;
  if (verdict.isClean) return `clean (${size})`;
  const lines = FINDING_KINDS.flatMap((kind) => {
    const found = verdict[kind];
    const more = found.length > SHOWN ? [`  … and ${found.length - SHOWN} more`] : [];
    return found.length === 0 ? [] : [`${kind}: ${found.length}`, ...found.slice(0, SHOWN).map(lineOf), ...more];
  });
  return [`not clean (${size})`, ...lines].join('\n');
}

function lineOf({ jobId, executionId, scheduledAt, what }: Finding): string {
  const which = [jobId, scheduledAt?.toISOString(), executionId].filter(Boolean).join(' ');
  return `  ${which}: ${what}`;
}
