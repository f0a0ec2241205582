import { missedRecord } from '../engine/decide.js';
import { dueInstants } from '../engine/due-instants.js';
import type { JobChange } from '../store/job-store.js';
import type { JobEntity } from '../store/job.entity.js';
import { wakeAfterJitter } from '../triggers/jitter.js';
import { nextFire } from '../triggers/misfire.js';
import type { Trigger } from '../triggers/trigger.js';
import type { Note } from './call-arguments.js';

/** null: it does not run anyway. */
export function pausing(job: JobEntity, now: Date, note: Note): JobChange | null {
  return job.state === 'active' ? { set: inState('paused', now, note) } : null;
}

/**
 * null: it was neither paused nor quarantined. What fell into the pause is recorded as one missed range, and the job
 * goes on after it; with `catchUp` it is left due, and the job's misfire policy decides.
 */
export function resuming(
  job: JobEntity,
  trigger: Trigger,
  now: Date,
  { catchUp = false, ...note }: Note & { catchUp?: boolean },
): JobChange | null {
  if (job.state !== 'paused' && job.state !== 'quarantined') return null;
  if (catchUp && job.nextRunAt !== null) {
    const wakeAt = wakeAfterJitter(trigger, job.uid, job.nextRunAt, job.jitterMs);
    return { set: { ...inState('active', now, note), wakeAt } };
  }
  // a negative grace: everything up to now is too late
  const { missed, first } = dueInstants({ ...job, misfire: 'skip', misfireGraceMs: -1 }, trigger, now);
  const nextRunAt = missed === null ? (first ?? firstEver(job, trigger, now)) : trigger.nextAfter(now);
  return {
    set: {
      ...inState(nextRunAt === null ? 'finished' : 'active', now, note),
      nextRunAt,
      wakeAt: wakeAfterJitter(trigger, job.uid, nextRunAt, job.jitterMs),
      ...(missed === null ? {} : { lastInstant: missed.until }),
    },
    records: missed === null ? [] : [missedRecord(job, missed, `the job was ${job.state}`)],
  };
}

/** Of a job whose trigger could not be asked when it was declared; null: it has run as often as it may. */
function firstEver(job: JobEntity, trigger: Trigger, now: Date): Date | null {
  const isOver = job.maxRuns !== null && job.runCount >= job.maxRuns;
  if (isOver) return null;
  return nextFire(trigger, job.lastInstant !== null && job.lastInstant > now ? job.lastInstant : now);
}

function inState(state: JobEntity['state'], now: Date, { reason, by }: Note): Partial<JobEntity> {
  return { state, stateAt: now, stateReason: reason ?? null, stateBy: by ?? null };
}
