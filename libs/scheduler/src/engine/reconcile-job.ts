import type { JobSync, NewExecution, SyncInput } from '../store/job-store.js';
import type { JobEntity } from '../store/job.entity.js';
import { anchored } from '../triggers/built-in.js';
import { wakeAfterJitter } from '../triggers/jitter.js';
import { nextFire } from '../triggers/misfire.js';
import { parseTrigger } from '../triggers/trigger-spec.js';
import type { Trigger } from '../triggers/trigger.js';
import { dueInstants, type DueInstants, type MissedRange } from './due-instants.js';
import { hashOf, inWords, newJobRow, onlyInstant, rowWithoutTiming, triggerFor, type JobDraft } from './job-draft.js';
import { describeError } from './json.js';
import { countMissed, missedRecords } from './new-records.js';

/** How late an instant may be that nodes were about to run when its schedule changed. */
const ON_TIME_MS = 60_000;
/** The grace of a policy under which everything up to now is too late. */
const NONE = -1;

/**
 * What a deploy does to a declared job; null: nothing. The version in force is the one the cluster saw last among its
 * live nodes, so an old replica that restarts restores nothing. A job added at run time that has the id is left alone
 * until it is finished. Never throws: a job whose trigger does is quarantined, and tried again at the next boot.
 */
export function reconcileJob(
  draft: JobDraft,
  { inForce, existing, now }: Pick<SyncInput, 'inForce' | 'existing' | 'now'>,
): JobSync | null {
  if (existing === null) return { row: firstRow(draft, now) };
  if (isAddedAtRunTime(existing)) return null;
  if (hashOf(draft) !== inForce || existing.codeHash === inForce) return null;
  const row = sameJob(rowWithoutTiming(draft, now), existing);
  try {
    return timed(row, triggerFor(draft.schedule, row.anchor), existing, now);
  } catch (error) {
    return untimed(row, existing, now, error);
  }
}

/** Whoever added it has the say, also when code comes to declare its id; what is finished has nothing left to say. */
export function isAddedAtRunTime({ source, state }: JobEntity): boolean {
  return source === 'dynamic' && state !== 'finished';
}

/** What a deploy does not touch. A run-time job that is finished leaves its history, and not the count of its runs. */
function sameJob(row: JobEntity, existing: JobEntity): JobEntity {
  const { uid, lastInstant, missedCount, createdAt } = existing;
  const same = { ...row, uid, lastInstant, missedCount, createdAt, version: existing.version + 1 };
  if (existing.source === 'dynamic') return same;
  return {
    ...same,
    anchor: existing.anchor,
    runCount: existing.runCount,
    consecutiveFailures: existing.consecutiveFailures,
  };
}

function firstRow(draft: JobDraft, now: Date): JobEntity {
  try {
    return newJobRow(draft, now);
  } catch (error) {
    return { ...rowWithoutTiming(draft, now), ...quarantine(draft.id, error) };
  }
}

/** Without a hash it is in no version, so that the next boot tries again. */
function quarantine(id: string, error: unknown): Pick<JobEntity, 'state' | 'stateReason' | 'schedule' | 'codeHash'> {
  const stateReason = `${describeError(error).message} (resumeJob("${id}") tries again)`;
  return { state: 'quarantined', stateReason, schedule: 'not known', codeHash: null };
}

/** A paused job stays paused: who resumes it hears what is wrong. */
function untimed(row: JobEntity, existing: JobEntity, now: Date, error: unknown): JobSync | null {
  const broken = { ...row, ...quarantine(row.id, error), ...(existing.state === 'paused' && stateOf(existing)) };
  if (existing.codeHash === null && existing.stateReason === broken.stateReason) return null;
  const { missed } = dueOf(existing, now, NONE);
  return { row: { ...broken, ...decided(row, missed) }, records: lost(existing, missed) };
}

/** Throws what the trigger throws. */
function timed(row: JobEntity, trigger: Trigger, existing: JobEntity, now: Date): JobSync {
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
  return { row: { ...row, ...words, ...stateAfter(existing, nextRunAt), ...place }, records: lost(existing, missed) };
}

function decided({ lastInstant, missedCount }: JobEntity, missed: readonly MissedRange[]) {
  return { lastInstant: missed.at(-1)?.until ?? lastInstant, missedCount: missedCount + countMissed(missed) };
}

/** An unchanged schedule keeps its next run, and a job that is finished by it stays so. */
function keepsItsPlace(row: JobEntity, existing: JobEntity, isOver: boolean): boolean {
  const isSame = existing.source === 'code' && canonical(row.trigger) === canonical(existing.trigger);
  if (!isSame || existing.state === 'quarantined') return false;
  return row.maxRuns === existing.maxRuns || (existing.nextRunAt !== null && !isOver);
}

function stateOf({ state, stateReason, stateBy, stateAt }: JobEntity) {
  return { state, stateReason, stateBy, stateAt };
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

function lost(job: JobEntity, missed: readonly MissedRange[]): NewExecution[] {
  const why = job.state === 'active' ? 'its schedule was changed by a deploy' : `the job was ${job.state}`;
  return missedRecords(job, missed, () => why);
}

/** `jsonb` gives keys back in an order of its own. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    each !== null && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}
