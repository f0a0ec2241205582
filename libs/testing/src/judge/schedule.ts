import type { JobEntity, JobExecutionEntity, Trigger } from 'nestjs-vigil';
import type { HandlerRun } from '../ledger-judge.js';

/** What the judge reads of a job. */
export type JudgedJob = Pick<
  JobEntity,
  | 'id'
  | 'uid'
  | 'trigger'
  | 'state'
  | 'createdAt'
  | 'nextRunAt'
  | 'wakeAt'
  | 'lastInstant'
  | 'maxInstances'
  | 'maxRuns'
  | 'runCount'
  | 'jitterMs'
>;

/** What the judge reads of an execution. */
export type JudgedExecution = Pick<
  JobExecutionEntity,
  | 'id'
  | 'jobId'
  | 'jobUid'
  | 'kind'
  | 'scheduledAt'
  | 'untilAt'
  | 'instantCount'
  | 'status'
  | 'attempt'
  | 'maxAttempts'
  | 'crashes'
  | 'maxCrashes'
  | 'leaseEpoch'
  | 'owner'
  | 'nodeName'
  | 'expiresAt'
  | 'startedAt'
  | 'claimedAt'
  | 'finishedAt'
>;

/** An attempt that did not end its execution. */
export interface JudgedAttempt {
  executionId: string;
  attempt: number;
  startedAt: Date;
  finishedAt: Date;
}

/** The part of an execution's row that a transition is judged by. */
export interface TransitionState {
  status: JudgedExecution['status'];
  leaseEpoch: number;
  owner: string | null;
  attempt: number;
  availableAt: Date;
}

/** One write of one row of the ledger. */
export interface Transition {
  /** The order of the writes. */
  sequence: number;
  executionId: string;
  jobId: string;
  jobUid: string;
  /** null: the row was new. */
  from: TransitionState | null;
  /** null: the row was deleted. */
  to: TransitionState | null;
  /** The database's clock at the write. */
  at: Date;
  /** Who has run it last, by name. */
  nodeName: string | null;
  /** Until when the lease of the node ran that held the execution before this write; null: nobody held it. */
  holderLeaseUntil: Date | null;
  /** Of the connection that wrote; give each node a name of its own, and a stranger's outcome is found by it. */
  applicationName: string;
  backendPid: number;
}

/** Everything that `judgeSchedule` needs from a store. */
export interface RecordedSchedule {
  jobs: readonly JudgedJob[];
  executions: readonly JudgedExecution[];
  attempts: readonly JudgedAttempt[];
  transitions?: readonly Transition[] | undefined;
}

export interface JudgedTime {
  from: Date;
  until: Date;
}

export interface JudgeInput extends RecordedSchedule {
  /** What the handlers noted themselves, with `node`, the name of the node that ran them, where there are several. */
  runs?: readonly HandlerRun[] | undefined;
  /** By the database's clock: what was due by then had to be decided. */
  until: Date;
  /** Executions must have ended, too: nothing runs and nothing waits any more. @default false */
  isSettled?: boolean;
  /** A run that starts later than this after its instant is late. @default not judged */
  lateAfterMs?: number;
  /** When nothing could start: what was due meanwhile is not late. */
  outages?: readonly JudgedTime[];
  /** Somebody set the database's clock: what compares two of its instants is not judged. @default false */
  isClockSet?: boolean;
  /** By job id: a trigger that `parseTrigger` cannot make, or from when on the job is judged (its history was pruned, its schedule edited). */
  schedules?: Readonly<Record<string, { trigger?: Trigger; from?: Date }>>;
}

/**
 * `missed`: a due instant without a record. `doubled`: an instant with two records, or one claim that ran twice.
 * `extra`: a record of no instant. `overlapping`: more at once than `maxInstances`, or a run taken from a node whose lease
 * was not over. `early`: started before its time. `late`: started after the bound, and no outage says why.
 * `staleEpoch`: written by somebody who no longer held the execution. `impossible`: a state or a step that the life of an
 * execution does not know. `unfinished`: it never ended.
 */
export const FINDING_KINDS = [
  'missed',
  'doubled',
  'extra',
  'overlapping',
  'early',
  'late',
  'staleEpoch',
  'impossible',
  'unfinished',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

export interface Finding {
  kind: FindingKind;
  jobId: string;
  executionId?: string;
  scheduledAt?: Date;
  /** A sentence. */
  what: string;
}

/** Makes the finding of an execution. */
export function findingOf(
  kind: FindingKind,
  execution: Pick<JudgedExecution, 'id' | 'jobId' | 'scheduledAt'>,
  what: string,
): Finding {
  return { kind, jobId: execution.jobId, executionId: execution.id, scheduledAt: execution.scheduledAt, what };
}

export const ACTIVE: readonly string[] = ['pending', 'running'];

/** Groups by a key, in the order given. */
export function grouped<Key, Item>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
