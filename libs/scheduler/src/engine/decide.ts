import { randomUUID } from 'node:crypto';

import type {
  Decisions,
  JobAdvance,
  JobQuarantine,
  JobSnapshot,
  NewExecution,
  PassSnapshot,
} from '../store/job-store.js';
import type { JobEntity } from '../store/job.entity.js';
import { wakeAfterJitter } from '../triggers/jitter.js';
import { nextFire } from '../triggers/misfire.js';
import type { Trigger } from '../triggers/trigger.js';
import { dueInstants, type MissedRange } from './due-instants.js';
import { describeError } from './json.js';
import { checkRow } from './job-row.js';
import { executorOf } from './job-settings.js';

/** A run that starts later than this after its instant is a catch-up run. */
const CATCH_UP_AFTER_MS = 60_000;
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
export function decide({ now, jobs }: PassSnapshot, context: DecideContext): Decisions {
  const decisions = jobs.toSorted(byUrgency).map((snapshot) => {
    try {
      return decideJob(snapshot, now, context);
    } catch (error) {
      return { ...NOTHING, quarantine: quarantine(snapshot.job, error) };
    }
  });
  return {
    records: decisions.flatMap(({ records }) => records),
    advances: decisions.flatMap(({ advance }) => advance ?? []),
    quarantines: decisions.flatMap(({ quarantine: each }) => each ?? []),
    claims: decisions.flatMap(({ claims }) => claims),
    cancels: decisions.flatMap(({ cancels }) => cancels),
  };
}

function byUrgency(a: JobSnapshot, b: JobSnapshot): number {
  return b.job.priority - a.job.priority || (a.job.wakeAt?.getTime() ?? 0) - (b.job.wakeAt?.getTime() ?? 0);
}

interface JobDecision {
  records: NewExecution[];
  advance: JobAdvance | null;
  quarantine: JobQuarantine | null;
  claims: string[];
  cancels: string[];
}
const NOTHING: JobDecision = { records: [], advance: null, quarantine: null, claims: [], cancels: [] };

function decideJob(snapshot: JobSnapshot, now: Date, context: DecideContext): JobDecision {
  if (!context.canRun(snapshot.job)) return NOTHING;
  checkRow(snapshot.job);
  const places = new Places(snapshot, context.slots);
  const claims = snapshot.pending.filter((execution) => places.claim(execution.isReoffered)).map(({ id }) => id);
  const decision: JobDecision = { ...NOTHING, records: [], claims };
  if (!snapshot.isDue) return decision;
  const trigger = context.triggerOf(snapshot.job);
  return trigger === null ? decision : decideFires(snapshot.job, trigger, now, places, decision);
}

function decideFires(job: JobEntity, trigger: Trigger, now: Date, places: Places, decision: JobDecision): JobDecision {
  const { missed, fires, first } = dueInstants(job, trigger, now);
  if (missed !== null) decision.records.push(missedRecord(job, missed, lateReason(job, missed)));
  const isBacklog = job.misfire === 'all' && fires.length > 1;
  let decided = missed?.until ?? null;
  let runs = 0;
  for (const fire of fires) {
    if (job.maxRuns !== null && job.runCount + runs >= job.maxRuns) break;
    const place = places.forFire(isBacklog ? 'queue-all' : job.overlap);
    if (place === 'wait') return { ...decision, advance: waitForRoom(job, fire, now, decided, runs) };
    if (job.overlap === 'cancel-running' && place === 'pending' && places.isFull) decision.cancels = [job.uid];
    const isCatchUp = missed !== null || fires.length > 1 || now.getTime() - fire.getTime() > CATCH_UP_AFTER_MS;
    decision.records.push(fireRecord(job, fire, place, isCatchUp));
    if (place !== 'skipped') runs += 1;
    decided = fire;
  }
  const next = decided === null ? first : nextFire(trigger, decided);
  return { ...decision, advance: advanceTo(job, trigger, next, decided, runs) };
}

type Place = 'running' | 'pending' | 'skipped';

/** The room a job has under `maxInstances`, its queue, and this node's free slots. */
class Places {
  #active: number;
  #queued: number;
  readonly #job: JobEntity;
  readonly #executor: string;

  constructor(
    { job, active, queued }: JobSnapshot,
    private readonly slots: Map<string, number>,
  ) {
    this.#job = job;
    this.#active = active;
    this.#queued = queued;
    this.#executor = executorOf(job.capability);
  }

  get isFull(): boolean {
    return this.#active >= this.#job.maxInstances;
  }

  /** What was claimed before already counts as active and needs a slot only. */
  claim(isReoffered: boolean): boolean {
    if ((!isReoffered && this.isFull) || !this.#takeSlot()) return false;
    if (!isReoffered) {
      this.#active += 1;
      this.#queued -= 1;
    }
    return true;
  }

  /** `wait`: the queue is full, so the job itself waits. */
  forFire(overlap: JobEntity['overlap']): Place | 'wait' {
    if (this.#active + this.#queued < this.#job.maxInstances) return this.#start();
    switch (overlap) {
      case 'skip':
        return 'skipped';
      case 'queue-one':
      case 'cancel-running':
        return this.#queued === 0 ? this.#queue() : 'skipped';
      case 'queue-all':
        return this.#queued < this.#job.maxQueue ? this.#queue() : 'wait';
    }
  }

  #start(): Place {
    if (!this.#takeSlot()) return this.#queue();
    this.#active += 1;
    return 'running';
  }

  #queue(): Place {
    this.#queued += 1;
    return 'pending';
  }

  #takeSlot(): boolean {
    const free = this.slots.get(this.#executor) ?? 0;
    if (free <= 0) return false;
    this.slots.set(this.#executor, free - 1);
    return true;
  }
}

function fireRecord(job: JobEntity, scheduledAt: Date, place: Place, isCatchUp: boolean): NewExecution {
  const reason =
    place === 'skipped' ? `maxInstances: ${job.maxInstances} was reached (overlap: '${job.overlap}')` : null;
  return { ...recordOf(job, scheduledAt), status: place, isCatchUp, reason };
}

function lateReason(job: JobEntity, { count }: MissedRange): string {
  const what = count === 1 ? 'its time had passed' : `${count > 1_000 ? 'more than 1,000' : count} instants had passed`;
  return `${what} when the job could be looked at (misfire: '${job.misfire}')`;
}

/** The ledger's line of instants that will not run. */
export function missedRecord(job: JobEntity, { from, until, count }: MissedRange, reason: string): NewExecution {
  const untilAt = count === 1 ? null : until;
  return { ...recordOf(job, from), untilAt, instantCount: count, status: 'missed', reason };
}

/** Makes the ledger's line of one instant; its id is made here so that a lost answer can be looked up. */
function recordOf(job: JobEntity, scheduledAt: Date) {
  return {
    id: randomUUID(),
    jobUid: job.uid,
    kind: 'schedule' as const,
    scheduledAt,
    untilAt: null,
    instantCount: 1,
    isCatchUp: false,
  };
}

function advanceTo(
  job: JobEntity,
  trigger: Trigger,
  next: Date | null,
  decided: Date | null,
  runs: number,
): JobAdvance {
  const isOver = job.maxRuns !== null && job.runCount + runs >= job.maxRuns;
  const nextRunAt = isOver ? null : next;
  const wakeAt = wakeAfterJitter(trigger, job.uid, nextRunAt, job.jitterMs);
  return { uid: job.uid, nextRunAt, wakeAt, lastInstant: decided, runs };
}

function waitForRoom(job: JobEntity, fire: Date, now: Date, decided: Date | null, runs: number): JobAdvance {
  const wakeAt = new Date(now.getTime() + QUEUE_FULL_WAIT_MS);
  return { uid: job.uid, nextRunAt: fire, wakeAt, lastInstant: decided, runs };
}

function quarantine({ uid, id }: JobEntity, error: unknown): JobQuarantine {
  return { uid, reason: `${describeError(error).message} (resumeJob("${id}") tries again)` };
}
