import type { JobEntity } from '../store/job.entity.js';
import { countBetween, nextFire } from '../triggers/misfire.js';
import { InvalidTriggerError, type Trigger } from '../triggers/trigger.js';
import { onlyInstant } from './job-draft.js';

/** About this many fires of one job are decided in one pass; the rest follows in the next. */
export const MAX_FIRES_PER_PASS = 100;
/** And of all jobs together: what a pass records has to be written before its statement is too late. */
const MAX_FIRES_OF_ALL = 1_000;
/** So many of a job are looked at together, however many jobs are due: policies say what becomes of what is due at once. */
const MIN_FIRES_PER_PASS = 10;
/** Up to so many missed instants have a record each; more of them share one. */
export const MAX_RECORDED_SINGLY = 10;
/** Missed instants are counted up to here; one more means "more than". */
const MAX_COUNTED = 1_000;

/** Instants that are over and will not run: one, or a range that is counted. */
export interface MissedRange {
  from: Date;
  until: Date;
  /** `MAX_COUNTED + 1`: more than that. */
  count: number;
}
export interface DueInstants {
  /** In order. */
  missed: MissedRange[];
  /** In order. */
  fires: Date[];
  /** The first instant that was not decided before; null: there is none. It lies ahead when nothing is due. */
  first: Date | null;
}

/** How many fires of each job a pass decides in which so many jobs are due. */
export function firesPerJob(dueJobs: number): number {
  return Math.min(MAX_FIRES_PER_PASS, Math.max(MIN_FIRES_PER_PASS, Math.floor(MAX_FIRES_OF_ALL / dueJobs)));
}

/** Which of a job's due instants run and which are missed, by its misfire policy; about `limit` fires at most. Pure. */
export function dueInstants(job: JobEntity, trigger: Trigger, now: Date, limit: number): DueInstants {
  const first = firstUndecided(job, trigger);
  if (first === null || first > now) return { missed: [], fires: [], first };
  const latest = latestDue(trigger, first, now);
  const runsFrom = later(job.misfire === 'coalesce' ? latest : first, graceFrom(job, now) ?? first);
  const fires = instantsFrom(trigger, runsFrom, first, latest, limit);
  return { missed: missedBefore(trigger, first, fires[0] ?? null, latest), fires, first };
}

/** The same where nothing runs of what has passed. */
export function passedInstants(job: JobEntity, trigger: Trigger, now: Date): Omit<DueInstants, 'fires'> {
  const first = firstUndecided(job, trigger);
  if (first === null || first > now) return { missed: [], first };
  return { missed: missedBefore(trigger, first, null, latestDue(trigger, first, now)), first };
}

/** What of it fell into a pause of the cluster that is over; a schedule's only instant is kept, for it has no other. */
export function pausedInstants(job: JobEntity, trigger: Trigger, missedUntil: Date | null): MissedRange[] {
  const { wakeAt } = job;
  if (missedUntil === null || wakeAt === null || wakeAt > missedUntil || onlyInstant(trigger) !== null) return [];
  return passedInstants(job, trigger, missedUntil).missed;
}

/** What was decided is never decided again, also when a clock or a hand set `next_run_at` back. */
export function firstUndecided(job: JobEntity, trigger: Trigger): Date | null {
  if (job.nextRunAt === null || job.lastInstant === null || job.nextRunAt > job.lastInstant) return job.nextRunAt;
  return nextFire(trigger, job.lastInstant);
}

/** What is older is too late; null: nothing is. Nobody looks at an instant before its jitter is over. */
function graceFrom({ misfireGraceMs, jitterMs }: JobEntity, now: Date): Date | null {
  return misfireGraceMs === null ? null : new Date(now.getTime() - misfireGraceMs - jitterMs);
}

function latestDue(trigger: Trigger, first: Date, now: Date): Date {
  const second = nextFire(trigger, first);
  if (second === null || second > now) return first;
  const latest = trigger.lastAtOrBefore(now, first) ?? first;
  if (latest >= first && latest <= now) return latest;
  throw new InvalidTriggerError(
    `The trigger "${trigger.describe()}" says that its last fire up to ${now.toISOString()} is at ${String(latest)}. Its lastAtOrBefore(at, notBefore) must return an instant after notBefore and not after at, or null.`,
  );
}

/**
 * At most `limit`, or one more when that is the last: it would be left alone, and alone it would pass for one on time.
 * `first` is an instant by what the row says, whatever the trigger thinks of it.
 */
function instantsFrom(trigger: Trigger, from: Date, first: Date, latest: Date, limit: number): Date[] {
  const instants: Date[] = [];
  let next = from <= first ? first : nextFire(trigger, justBefore(from));
  while (next !== null && next <= latest && (instants.length < limit || next >= latest)) {
    instants.push(next);
    next = next < latest ? nextFire(trigger, next) : null;
  }
  return instants;
}

function missedBefore(trigger: Trigger, first: Date, firstFire: Date | null, latest: Date): MissedRange[] {
  if (firstFire !== null && firstFire <= first) return [];
  const until = firstFire === null ? latest : (trigger.lastAtOrBefore(justBefore(firstFire), first) ?? first);
  const few = instantsFrom(trigger, first, first, until, MAX_RECORDED_SINGLY);
  if (few.at(-1)?.getTime() === until.getTime() && few.length <= MAX_RECORDED_SINGLY) {
    return few.map((instant) => ({ from: instant, until: instant, count: 1 }));
  }
  const { count, exceeded } = countBetween(trigger, first, until, MAX_COUNTED);
  return [{ from: first, until, count: exceeded ? MAX_COUNTED + 1 : Math.max(1, count) }];
}

function justBefore(instant: Date): Date {
  return new Date(instant.getTime() - 1);
}
function later(a: Date, b: Date): Date {
  return a > b ? a : b;
}
