import { passedInstants } from '../../engine/due-instants.js';
import { countMissed, missedRecords } from '../../engine/new-records.js';
import type { JobChange } from '../../store/job-store.js';
import type { JobEntity } from '../../store/job.entity.js';
import { wakeAfterJitter } from '../../triggers/jitter.js';
import { nextFire } from '../../triggers/misfire.js';
import type { Trigger } from '../../triggers/trigger.js';
import { noteOf, type Note } from './arguments.js';

/** null: it does not run anyway. */
export function pausing(job: JobEntity, now: Date, note: Note): JobChange | null {
  return job.state === 'active' ? { set: inState('paused', now, note) } : null;
}

/**
 * null: it was neither paused nor quarantined. What fell into the pause is recorded as missed, and the job goes on after
 * it; with `catchUp` it is left due, and the job's misfire policy decides.
 */
export function resuming(
  job: JobEntity,
  trigger: Trigger,
  now: Date,
  { catchUp = false, ...note }: Note & { catchUp?: boolean },
): JobChange | null {
  if (job.state !== 'paused' && job.state !== 'quarantined') return null;
  const active = { ...inState('active', now, note), consecutiveFailures: 0 };
  if (catchUp && job.nextRunAt !== null) {
    const wakeAt = wakeAfterJitter(trigger, job.uid, job.nextRunAt, job.jitterMs);
    return { set: { ...active, wakeAt } };
  }
  const { missed, first } = passedInstants(job, trigger, now);
  const last = missed.at(-1);
  const nextRunAt = last === undefined ? (first ?? firstEver(job, trigger, now)) : nextFire(trigger, last.until);
  return {
    set: {
      ...active,
      state: nextRunAt === null ? 'finished' : 'active',
      nextRunAt,
      wakeAt: wakeAfterJitter(trigger, job.uid, nextRunAt, job.jitterMs),
      ...(last === undefined ? {} : { lastInstant: last.until }),
      missedCount: job.missedCount + countMissed(missed),
    },
    records: missedRecords(job, missed, () => `the job was ${job.state}`),
  };
}

/** Of a job whose trigger could not be asked when it was declared; null: it has run as often as it may. */
function firstEver(job: JobEntity, trigger: Trigger, now: Date): Date | null {
  const isOver = job.maxRuns !== null && job.runCount >= job.maxRuns;
  if (isOver) return null;
  return nextFire(trigger, job.lastInstant !== null && job.lastInstant > now ? job.lastInstant : now);
}

function inState(state: JobEntity['state'], now: Date, note: Note): Partial<JobEntity> {
  const { reason, by } = noteOf(note);
  return { state, stateAt: now, stateReason: reason, stateBy: by };
}
