import type { JobSync, NewExecution } from '../store/job-store.js';
import type { JobEntity } from '../store/job.entity.js';
import { anchored } from '../triggers/built-in.js';
import { wakeAfterJitter } from '../triggers/jitter.js';
import { nextFire } from '../triggers/misfire.js';
import { parseTrigger } from '../triggers/trigger-spec.js';
import type { Trigger } from '../triggers/trigger.js';
import { dueInstants, type DueInstants, type MissedRange } from './due-instants.js';
import { inWords, onlyInstant } from './job-draft.js';
import { isSameJson } from './json.js';
import { countMissed, missedRecords } from './new-records.js';

/** How late an instant may be that nodes were about to run when its schedule changed. */
const ON_TIME_MS = 60_000;
/** The grace of a policy under which everything up to now is too late. */
const NONE = -1;

/**
 * The row in its schedule, which may be another one than that of `existing`. An unchanged schedule keeps its place; of
 * another one the first fire is next that is neither over nor decided, and what was due until now and will not run is
 * recorded. Throws what the trigger throws.
 *
 * @param why what the ledger says of instants that will not run
 */
export function placed(row: JobEntity, trigger: Trigger, existing: JobEntity, now: Date, why: string): JobSync {
  const words = inWords(trigger);
  const isOver = row.maxRuns !== null && row.runCount >= row.maxRuns;
  const wakeAfter = (at: Date | null): Date | null => wakeAfterJitter(trigger, row.uid, at, row.jitterMs);
  if (keepsItsPlace({ ...row, ...words }, existing, isOver)) {
    const { nextRunAt, jitterMs, tzVersion } = existing;
    const wakeAt = jitterMs === row.jitterMs ? existing.wakeAt : wakeAfter(nextRunAt);
    return { row: { ...row, ...words, ...stateOf(existing), nextRunAt, wakeAt, tzVersion } };
  }
  const onTime = isOver ? null : onTimeOf(existing, trigger, now);
  const { missed } = onTime ?? dueOf(existing, now, NONE);
  const done = decided(row, missed);
  const nextRunAt = isOver ? null : (onTime?.fire ?? firstAfter(trigger, now, done.lastInstant));
  const wakeAt = onTime?.wakeAt ?? wakeAfter(nextRunAt);
  const place = { ...done, nextRunAt, wakeAt };
  const records = lost(existing, missed, why);
  return { row: { ...row, ...words, ...stateAfter(existing, nextRunAt), ...place }, records };
}

/** The row without a place, because its new schedule cannot be asked: what was due by the old one is over. */
export function unplaced(row: JobEntity, existing: JobEntity, now: Date, why: string): JobSync {
  const { missed } = dueOf(existing, now, NONE);
  return { row: { ...row, ...decided(row, missed) }, records: lost(existing, missed, why) };
}

export function stateOf({ state, stateReason, stateBy, stateAt }: JobEntity) {
  return { state, stateReason, stateBy, stateAt };
}

function decided({ lastInstant, missedCount }: JobEntity, missed: readonly MissedRange[]) {
  return { lastInstant: missed.at(-1)?.until ?? lastInstant, missedCount: missedCount + countMissed(missed) };
}

/** An unchanged schedule keeps its next run, and a job that is finished by it stays so. */
function keepsItsPlace(row: JobEntity, existing: JobEntity, isOver: boolean): boolean {
  const isSame = existing.source === row.source && isSameJson(row.trigger, existing.trigger);
  if (!isSame || existing.state === 'quarantined') return false;
  return row.maxRuns === existing.maxRuns || (existing.nextRunAt !== null && !isOver);
}

/** A pause stays a pause, a quarantined job gets another chance, and a finished one lives again if there is more to run. */
function stateAfter(existing: JobEntity, nextRunAt: Date | null): Partial<JobEntity> {
  const state = existing.state === 'paused' ? 'paused' : nextRunAt === null ? 'finished' : 'active';
  return state === existing.state ? stateOf(existing) : { state };
}

/** The first fire that is neither over nor decided; of a schedule that fires once, its instant while it is not decided. */
function firstAfter(trigger: Trigger, now: Date, decided: Date | null): Date | null {
  const from = decided !== null && decided > now ? decided : now;
  const only = onlyInstant(trigger);
  return nextFire(trigger, from) ?? (only !== null && (decided === null || only > decided) ? only : null);
}

/**
 * The fire of the old schedule that is due at this moment: nodes were about to run it, and it is left to them, unless the
 * new schedule has fires since then. `missed`: what was due before it.
 */
function onTimeOf(
  job: JobEntity,
  trigger: Trigger,
  now: Date,
): { fire: Date; wakeAt: Date; missed: DueInstants['missed'] } | null {
  if (job.state !== 'active' || job.nextRunAt === null) return null;
  const wakeAt = job.wakeAt ?? job.nextRunAt;
  const jitterMs = Math.max(0, wakeAt.getTime() - job.nextRunAt.getTime());
  const { missed, fires } = dueOf(job, now, ON_TIME_MS + jitterMs);
  const [fire] = fires;
  if (fire === undefined) return null;
  const next = nextFire(trigger, fire);
  if (next !== null && next <= now) return null;
  return { fire, wakeAt: fire > job.nextRunAt ? fire : wakeAt, missed };
}

/** What was due and not decided by the schedule in the row: the latest is a fire within the grace, the others are missed. */
function dueOf(job: JobEntity, now: Date, misfireGraceMs: number): Pick<DueInstants, 'missed' | 'fires'> {
  try {
    const trigger = anchored(parseTrigger(job.trigger as object), job.anchor);
    return dueInstants({ ...job, misfire: 'coalesce', misfireGraceMs, jitterMs: 0 }, trigger, now, 1);
  } catch {
    return firstDueOf(job, now, misfireGraceMs);
  }
}

/** Of a schedule that only its own version could read, the row knows one instant. */
function firstDueOf(job: JobEntity, now: Date, graceMs: number): Pick<DueInstants, 'missed' | 'fires'> {
  const { nextRunAt: first, lastInstant } = job;
  const isDue = first !== null && first <= now && !(lastInstant !== null && first <= lastInstant);
  if (!isDue) return { missed: [], fires: [] };
  if (now.getTime() - first.getTime() <= graceMs) return { missed: [], fires: [first] };
  return { missed: [{ from: first, until: first, count: 1 }], fires: [] };
}

function lost(job: JobEntity, missed: readonly MissedRange[], why: string): NewExecution[] {
  return missedRecords(job, missed, () => (job.state === 'active' ? why : `the job was ${job.state}`));
}
