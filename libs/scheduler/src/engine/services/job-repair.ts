import { ASLEEP_AFTER_MS } from '../../store/audit-finding.js';
import { JOB_STATES, type JobEntity } from '../../store/job.entity.js';
import type { JobChange } from '../../store/job-store.js';
import { quarantinedBecause } from '../../store/quarantine.js';
import { wakeAfterJitter } from '../../triggers/jitter.js';
import { nextFire } from '../../triggers/misfire.js';
import type { Trigger } from '../../triggers/trigger.js';
import { onlyInstant } from '../job-draft.js';
import { describeError } from '../json.js';

const STATES: ReadonlySet<string> = new Set(JOB_STATES);

/**
 * What mends a job that would never run again; null: nothing is wrong with it, or this node cannot tell. No instant is
 * lost: it goes on with the first one that is not decided, and the next pass deals with what was missed.
 *
 * @param triggerOf as `DecideContext.triggerOf`: null when only others can compute it, throws when nobody can
 */
export function jobRepair(
  job: JobEntity,
  now: Date,
  triggerOf: (job: JobEntity) => Trigger | null,
): JobChange['set'] | null {
  try {
    if (!STATES.has(job.state)) throw new Error(`Its state was "${job.state}", which means nothing.`);
    if (job.state !== 'active') return null;
    if (!isInstant(job.nextRunAt)) return withNextRun(job, now, triggerOf(job));
    return isAsleep(job, job.nextRunAt, now) ? { wakeAt: job.nextRunAt } : null;
  } catch (error) {
    const stateReason = quarantinedBecause(job.id, describeError(error).message);
    return { state: 'quarantined', stateReason, stateBy: null, stateAt: now };
  }
}

function withNextRun(job: JobEntity, now: Date, trigger: Trigger | null): JobChange['set'] | null {
  if (trigger === null) return null;
  const nextRunAt = nextFire(trigger, job.lastInstant ?? job.createdAt) ?? neverDecided(job, trigger);
  if (nextRunAt === null) return { state: 'finished', stateReason: null, stateBy: null, stateAt: now, wakeAt: null };
  return { nextRunAt, wakeAt: wakeAfterJitter(trigger, job.uid, nextRunAt, job.jitterMs) };
}

/** A run-once job whose instant had passed when it was added. */
function neverDecided(job: JobEntity, trigger: Trigger): Date | null {
  return job.lastInstant === null ? onlyInstant(trigger) : null;
}

function isAsleep({ wakeAt, jitterMs }: JobEntity, nextRunAt: Date, now: Date): boolean {
  if (!isInstant(wakeAt)) return true;
  return wakeAt.getTime() > Math.max(nextRunAt.getTime(), now.getTime()) + jitterMs + ASLEEP_AFTER_MS;
}

/** What the database calls infinity is no date here. */
function isInstant(at: Date | null): at is Date {
  return at !== null && !Number.isNaN(at.getTime());
}
