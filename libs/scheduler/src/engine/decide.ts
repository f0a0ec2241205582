import type {
  Decisions,
  JobAdvance,
  JobCancel,
  JobQuarantine,
  JobSnapshot,
  NewExecution,
  PassSnapshot,
  PendingExecution,
} from '../store/job-store.js';
import type { JobEntity } from '../store/job.entity.js';
import { quarantinedBecause } from '../store/quarantine.js';
import { urgentSince } from '../store/urgency.js';
import { wakeAfterJitter } from '../triggers/jitter.js';
import { nextFire } from '../triggers/misfire.js';
import type { Trigger } from '../triggers/trigger.js';
import { ZONE_DATA } from '../triggers/zone.js';
import { dueInstants, firesPerJob, pausedInstants, type DueInstants, type MissedRange } from './due-instants.js';
import { describeError } from './json.js';
import { checkRow } from './job-row.js';
import { countMissed, fireRecord, missedRecords } from './new-records.js';
import { Places } from './places.js';

/** A run that starts later than this after its instant is a catch-up run. */
const CATCH_UP_AFTER_MS = 60_000;
/** An instant of `misfire: 'all'` that is looked at this much after its time is late. */
const LATE_AFTER_MS = 1_000;
/** How long a job waits whose queue is full. */
const QUEUE_FULL_WAIT_MS = 1_000;

export interface DecideContext {
  /** Null: this node cannot compute the job's schedule and leaves the job to others. Throws: nobody can. */
  triggerOf(job: JobEntity): Trigger | null;
  /** false: this node does not have the job's handler (any more, or yet), and leaves it to a node that has. */
  canRun(job: JobEntity): boolean;
  /** Free slots by executor; what a decision takes is taken off. */
  slots: Map<string, number>;
}

/**
 * What becomes of everything that one pass has locked. Synchronous, and without effects but on `slots`; a job that makes
 * it throw is quarantined and the others go on.
 */
export function decide({ now, missedUntil = null, jobs }: PassSnapshot, context: DecideContext): Decisions {
  const most = firesPerJob(jobs.filter(({ isDue }) => isDue).length);
  const decided = jobs.toSorted(byUrgency).map((snapshot) => {
    const places = new Places(snapshot, context.slots);
    try {
      return { places, ...decideJob(snapshot, places, { ...context, now, missedUntil, most }) };
    } catch (error) {
      return { places, ...NOTHING, quarantine: quarantine(snapshot.job, error) };
    }
  });
  // a backfill takes what every job's schedule has left
  const backfilled = decided.flatMap(({ places, backfill }) => places.claim(backfill));
  return {
    records: decided.flatMap(({ records }) => records),
    advances: decided.flatMap(({ advance }) => advance ?? []),
    quarantines: decided.flatMap(({ quarantine: each }) => each ?? []),
    claims: [...decided.flatMap(({ claims }) => claims), ...backfilled],
    cancels: decided.flatMap(({ cancel }) => cancel ?? []),
  };
}

/** Who waits longest goes first, and a priority is a head start: what is urgent overtakes, and age wins in the end. */
function byUrgency(a: JobSnapshot, b: JobSnapshot): number {
  const [first, second] = [waitsSince(a), waitsSince(b)];
  return first === second ? b.job.priority - a.job.priority : first - second;
}

/** What a backfill submitted waits for nobody's place. */
function waitsSince({ job, isDue, pending }: JobSnapshot): number {
  const waiting = pending.filter((execution) => !isBackfill(execution)).map((each) => each.urgentSince.getTime());
  const due = isDue && job.wakeAt !== null ? [urgentSince(job.wakeAt, job.priority).getTime()] : [];
  return Math.min(Infinity, ...waiting, ...due);
}

interface JobDecision {
  records: NewExecution[];
  advance: JobAdvance | null;
  quarantine: JobQuarantine | null;
  claims: string[];
  cancel: JobCancel | null;
  /** What waits of a backfill and has never started. */
  backfill: PendingExecution[];
}
const NOTHING: JobDecision = { records: [], advance: null, quarantine: null, claims: [], cancel: null, backfill: [] };

/** `most`: how many fires of one job. */
type Pass = DecideContext & { now: Date; missedUntil: Date | null; most: number };

function decideJob(snapshot: JobSnapshot, places: Places, { now, most, missedUntil, ...context }: Pass): JobDecision {
  const { job, isDue, pending } = snapshot;
  if (!context.canRun(job)) return NOTHING;
  checkRow(job);
  const trigger = isDue ? context.triggerOf(job) : null;
  const due = trigger === null ? null : dueOf(job, trigger, { now, missedUntil, most });
  // before anything is claimed: it may be what a newer fire replaces
  const cancel = due !== null && isReplacing(job, due, now) && places.room < 1 ? places.replace(REPLACED) : null;
  const claims = places.claim(pending.filter((execution) => !isBackfill(execution)));
  const decision = { ...NOTHING, claims, cancel, backfill: pending.filter(isBackfill) };
  return trigger === null || due === null ? decision : { ...decision, ...decideFires(job, trigger, due, now, places) };
}

type Due = DueInstants & {
  /** Of what is missed: what fell into a pause of the cluster. It comes before everything else. */
  paused: number;
};

function dueOf(
  job: JobEntity,
  trigger: Trigger,
  { now, missedUntil, most }: Pick<Pass, 'now' | 'missedUntil' | 'most'>,
): Due {
  const paused = pausedInstants(job, trigger, missedUntil);
  const last = paused.at(-1)?.until;
  if (last === undefined) return { ...dueInstants(job, trigger, now, most), paused: 0 };
  const after = { ...job, nextRunAt: nextFire(trigger, last), lastInstant: last };
  const due = dueInstants(after, trigger, now, most);
  return { ...due, missed: [...paused, ...due.missed], paused: paused.length };
}

function isBackfill({ kind, isReoffered }: PendingExecution): boolean {
  return kind === 'backfill' && !isReoffered;
}

const PAUSED = 'the cluster was paused';
const REPLACED = "a newer fire of its job was due (overlap: 'cancel-running')";

function isReplacing(job: JobEntity, { fires }: DueInstants, now: Date): boolean {
  const hasRunsLeft = job.maxRuns === null || job.runCount < job.maxRuns;
  return job.overlap === 'cancel-running' && fires.length > 0 && hasRunsLeft && !isBacklog(job, fires, now);
}

/** Late instants of `all` run, whatever runs already: they queue. */
function isBacklog({ misfire, jitterMs }: JobEntity, fires: readonly Date[], now: Date): boolean {
  const [first] = fires;
  if (misfire !== 'all' || first === undefined) return false;
  return fires.length > 1 || now.getTime() - first.getTime() >= jitterMs + LATE_AFTER_MS;
}

function decideFires(
  job: JobEntity,
  trigger: Trigger,
  due: Due,
  now: Date,
  places: Places,
): Pick<JobDecision, 'records' | 'advance'> {
  const { missed, fires, first } = due;
  const isLate = isBacklog(job, fires, now);
  // of several that are due at once the newest are left that have room
  const replaced = isReplacing(job, due, now) ? fires.length - Math.max(1, places.room) : 0;
  const paused = new Set(missed.slice(0, due.paused));
  const records = missedRecords(job, missed, (range) => (paused.has(range) ? PAUSED : lateReason(job, range)));
  const counts: Counts = { runs: 0, missed: countMissed(missed), skipped: 0, queued: 0 };
  let decided = missed.at(-1)?.until ?? null;
  for (const [index, fire] of fires.entries()) {
    if (job.maxRuns !== null && job.runCount + counts.runs >= job.maxRuns) break;
    const place = index < replaced ? 'skipped' : places.forFire(isLate ? 'queue-all' : job.overlap);
    if (place === 'wait') return { records, advance: waitForRoom(job, fire, now, decided, counts) };
    const reason = place !== 'skipped' ? null : index < replaced ? REPLACED : overlapReason(job);
    records.push(fireRecord(job, fire, { status: place, isCatchUp: isCatchUp(job, due, fire, now), reason }));
    if (place === 'skipped') counts.skipped += 1;
    else counts.runs += 1;
    if (place === 'pending') counts.queued += 1;
    decided = fire;
  }
  const next = decided === null ? first : nextFire(trigger, decided);
  return { records, advance: advanceTo(job, trigger, next, decided, counts) };
}

/** It stands for others that were missed, was due with others, or starts late. */
function isCatchUp(job: JobEntity, { missed, paused, fires }: Due, fire: Date, now: Date): boolean {
  const lateMs = now.getTime() - fire.getTime() - job.jitterMs;
  const standsForOthers = job.misfire === 'coalesce' && missed.length > paused;
  return standsForOthers || fires.length > 1 || lateMs > CATCH_UP_AFTER_MS || isBacklog(job, fires, now);
}

function overlapReason({ maxInstances, overlap }: JobEntity): string {
  return `maxInstances: ${maxInstances} was reached (overlap: '${overlap}')`;
}

function lateReason({ misfire }: JobEntity, { count }: MissedRange): string {
  const what = count === 1 ? 'too late to run' : `${count > 1_000 ? 'more than 1,000' : count} instants had passed`;
  return `${what} when the job could be looked at (misfire: '${misfire}')`;
}

/** How many of the decided instants became what. */
type Counts = Pick<JobAdvance, 'runs' | 'missed' | 'skipped' | 'queued'>;

function advanceTo(
  job: JobEntity,
  trigger: Trigger,
  next: Date | null,
  decided: Date | null,
  counts: Counts,
): JobAdvance {
  const isOver = job.maxRuns !== null && job.runCount + counts.runs >= job.maxRuns;
  const nextRunAt = isOver ? null : next;
  const wakeAt = wakeAfterJitter(trigger, job.uid, nextRunAt, job.jitterMs);
  return { uid: job.uid, nextRunAt, wakeAt, lastInstant: decided, tzVersion: ZONE_DATA, ...counts };
}

function waitForRoom(job: JobEntity, fire: Date, now: Date, decided: Date | null, counts: Counts): JobAdvance {
  const wakeAt = new Date(now.getTime() + QUEUE_FULL_WAIT_MS);
  const { uid, tzVersion } = job;
  return { uid, nextRunAt: fire, wakeAt, lastInstant: decided, tzVersion, ...counts };
}

function quarantine({ uid, id }: JobEntity, error: unknown): JobQuarantine {
  return { uid, reason: quarantinedBecause(id, describeError(error).message) };
}
