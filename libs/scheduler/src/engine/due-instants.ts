import type { JobEntity } from '../store/job.entity.js';
import { countBetween, nextFire } from '../triggers/misfire.js';
import { InvalidTriggerError, type Trigger } from '../triggers/trigger.js';

/** At most this many fires of one job are decided in one pass; the rest follows in the next. */
export const MAX_FIRES_PER_PASS = 100;
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
  missed: MissedRange | null;
  /** In order. */
  fires: Date[];
  /** The first instant that was not decided before; null: there is none. It lies ahead when nothing is due. */
  first: Date | null;
}

/** Which of a job's due instants run and which are missed, by its misfire policy. Pure. */
export function dueInstants(job: JobEntity, trigger: Trigger, now: Date): DueInstants {
  const first = firstUndecided(job, trigger);
  if (first === null || first > now) return { missed: null, fires: [], first };
  const latest = latestDue(trigger, first, now);
  const graceFrom = job.misfireGraceMs === null ? first : new Date(now.getTime() - job.misfireGraceMs);
  const runsFrom = job.misfire === 'coalesce' ? latest : first;
  const fires = firesFrom(trigger, later(runsFrom, graceFrom), first, latest);
  return { missed: missedBefore(trigger, first, fires[0] ?? null, latest), fires, first };
}

/** What was decided is never decided again, also when a clock or a hand set `next_run_at` back. */
function firstUndecided(job: JobEntity, trigger: Trigger): Date | null {
  if (job.nextRunAt === null || job.lastInstant === null || job.nextRunAt > job.lastInstant) return job.nextRunAt;
  return nextFire(trigger, job.lastInstant);
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

/** `first` is an instant by what the row says, whatever the trigger thinks of it. */
function firesFrom(trigger: Trigger, from: Date, first: Date, latest: Date): Date[] {
  const fires: Date[] = [];
  let next = from <= first ? first : nextFire(trigger, justBefore(from));
  while (next !== null && next <= latest && fires.length < MAX_FIRES_PER_PASS) {
    fires.push(next);
    next = next < latest ? nextFire(trigger, next) : null;
  }
  return fires;
}

function missedBefore(trigger: Trigger, first: Date, firstFire: Date | null, latest: Date): MissedRange | null {
  if (firstFire !== null && firstFire <= first) return null;
  const until = firstFire === null ? latest : (trigger.lastAtOrBefore(justBefore(firstFire), first) ?? first);
  const { count, exceeded } = countBetween(trigger, first, until, MAX_COUNTED);
  return { from: first, until, count: exceeded ? MAX_COUNTED + 1 : Math.max(1, count) };
}

function justBefore(instant: Date): Date {
  return new Date(instant.getTime() - 1);
}
function later(a: Date, b: Date): Date {
  return a > b ? a : b;
}
