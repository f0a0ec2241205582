import type { JobEntity } from '../store/job.entity.js';
import { nextFire } from '../triggers/misfire.js';
import type { Trigger } from '../triggers/trigger.js';
import { firstUndecided } from './due-instants.js';
import { InvalidJobError } from './job-settings.js';

/** So many instants are submitted at once, at most. */
const MAX_SUBMITTED = 10_000;

export interface BackfilledTime {
  from: Date;
  /** Included. */
  to: Date;
}

/**
 * The job's instants of a time that its schedule has come past: it would run the others itself. Pure.
 * Throws `InvalidJobError`, which says what to give instead.
 */
export function backfilledInstants(job: JobEntity, trigger: Trigger, { from, to }: BackfilledTime, now: Date): Date[] {
  const where = `backfill: job "${job.id}"`;
  if (to > now) {
    throw new InvalidJobError(
      `${where}: to is ${to.toISOString()}, which lies in the future. Give a time that has passed; it is ${now.toISOString()}.`,
    );
  }
  const first = firstUndecided(job, trigger);
  if (first !== null && to >= first) {
    throw new InvalidJobError(
      `${where}: its schedule decides about its instants from ${first.toISOString()} on itself, and to is ` +
        `${to.toISOString()}. Give a to that lies before ${first.toISOString()}${orResume(job)}.`,
    );
  }
  const instants: Date[] = [];
  let next = nextFire(trigger, new Date(from.getTime() - 1));
  while (next !== null && next <= to) {
    const last = instants.at(-1);
    if (last !== undefined && instants.length === MAX_SUBMITTED) throw tooMany(where, last, next);
    instants.push(next);
    next = nextFire(trigger, next);
  }
  return instants;
}

/** What fell into a pause is past the schedule only when the pause is over. */
function orResume({ id, state }: JobEntity): string {
  return state === 'paused' || state === 'quarantined' ? `, or call resumeJob("${id}") first: it is ${state}` : '';
}

function tooMany(where: string, last: Date, next: Date): InvalidJobError {
  return new InvalidJobError(
    `${where} has more than ${MAX_SUBMITTED} instants in that time. Split it: give this call the to ` +
      `${last.toISOString()}, and the next one the from ${next.toISOString()} and a batchId of its own.`,
  );
}
