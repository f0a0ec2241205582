import { decide } from '../../src/engine/decide.js';
import { draftJob, newJobRow } from '../../src/engine/job-draft.js';
import type { JobSettings } from '../../src/engine/job-settings.js';
import type { JobEntity } from '../../src/store/job.entity.js';
import type { Decisions, JobAdvance, JobSnapshot } from '../../src/store/job-store.js';
import { anchored } from '../../src/triggers/built-in.js';
import { every } from '../../src/triggers/interval.trigger.js';
import type { Duration, Trigger } from '../../src/triggers/trigger.js';

export const CREATED = new Date('2026-01-01T00:00:00.000Z');
export const after = (seconds: number): Date => new Date(CREATED.getTime() + seconds * 1_000);
/** Seconds after the job's creation. */
const at = (instant: Date | null | undefined): number | null =>
  instant ? (instant.getTime() - CREATED.getTime()) / 1_000 : null;

/** Nothing of a job runs or waits. */
export const NONE_ACTIVE = { active: 0, stopping: 0, queued: 0, queuedFires: 0, pending: [] };

export interface Situation extends JobSettings, Partial<Omit<JobSnapshot, 'job' | 'isDue'>> {
  every?: Duration;
  /** Seconds after the job's creation; its first instant is at 1. */
  now: number;
  slots?: number;
  /** Seconds after the job's creation: up to here it fell into a pause of the cluster. */
  missedUntil?: number;
  maxRuns?: number;
  jitterMs?: number;
  change?: Partial<JobEntity>;
  /** What the job's trigger is seen through. */
  seen?: (trigger: Trigger) => Trigger;
}

interface Decided extends Decisions {
  /** The records, in words. */
  says: string[];
  advance: JobAdvance | undefined;
  next: number | null;
  last: number | null;
}

/** A job as its settings say, new, every second unless told otherwise. */
export function aRow(
  id: string,
  { every: interval = '1s', maxRuns, jitterMs = 0, ...settings }: Partial<Situation> = {},
): JobEntity {
  const schedule = { kind: 'trigger' as const, trigger: every(interval), maxRuns: maxRuns ?? null, jitterMs };
  const draft = draftJob({ id, handler: id, schedule, data: null, source: 'code', settings: [settings] });
  return newJobRow(draft, CREATED);
}

/** What one pass decides about one job. `queuedFires` are all that is queued, unless told otherwise. */
export function decideOne(situation: Situation): Decided {
  const { now, change, slots = 10, missedUntil, seen = (trigger: Trigger) => trigger, ...rest } = situation;
  const { active = 0, stopping = 0, queued = 0, queuedFires = queued, pending = [], ...settings } = rest;
  const job = { ...aRow('job', settings), ...change };
  const isDue = job.wakeAt !== null && job.wakeAt <= after(now);
  const trigger = seen(anchored(every(settings.every ?? '1s'), CREATED));
  const decisions = decide(
    {
      now: after(now),
      missedUntil: missedUntil === undefined ? null : after(missedUntil),
      jobs: [{ job, isDue, active, stopping, queued, queuedFires, pending }],
    },
    { canRun: () => true, triggerOf: () => trigger, slots: new Map([['default', slots]]) },
  );
  const says = decisions.records.map(({ status, scheduledAt, untilAt, instantCount }) =>
    untilAt === null
      ? `${status} ${at(scheduledAt)}`
      : `${status} ${at(scheduledAt)}..${at(untilAt)} (${instantCount})`,
  );
  const [advance] = decisions.advances;
  return { ...decisions, says, advance, next: at(advance?.nextRunAt), last: at(advance?.lastInstant) };
}
