import type { JobEntity } from '../../store/job.entity.js';
import { anchored } from '../../triggers/built-in.js';
import { notATrigger } from '../../triggers/combined.trigger.js';
import { shown } from '../../triggers/instant.js';
import { droppedRuns, nextRunsOf, type NextRun } from '../../triggers/next-runs.js';
import { InvalidTriggerError, type Trigger } from '../../triggers/trigger.js';

/** Of a schedule that no job has yet: as if a job with it was created now. Throws `InvalidTriggerError`. */
export function previewOfTrigger(trigger: Trigger, now: Date, count: number): NextRun[] {
  const complaint = notATrigger(trigger);
  if (complaint !== null) throw new InvalidTriggerError(`nextRuns: the trigger, ${shown(trigger)}, ${complaint}`);
  return nextRunsOf(anchored(trigger, now), now, count);
}

/**
 * From the first instant that is not decided; of a job that stands still, from now on, because what passes meanwhile
 * does not run. Ends where `maxRuns` is reached.
 */
export function previewOfJob(job: JobEntity, trigger: Trigger, now: Date, count: number): NextRun[] {
  if (job.state === 'finished' || job.nextRunAt === null) return [];
  const { nextRunAt } = job;
  const decided = job.lastInstant?.getTime() ?? -Infinity;
  const undecided = Math.max(nextRunAt.getTime() - 1, decided);
  const after = new Date(job.state === 'active' ? undecided : Math.max(undecided, now.getTime()));
  const runs = nextRunsOf(trigger, after, count);
  // an instant by what the row says, whatever the trigger thinks of it
  const isSetByHand = after < nextRunAt && runs[0]?.at.getTime() !== nextRunAt.getTime() && count > 0;
  // when the next run was found, what the clocks drop before it was passed over
  const dropped = droppedRuns(trigger, new Date(Math.max(decided, now.getTime())), after, count);
  const all = [...(isSetByHand ? [{ at: nextRunAt }] : dropped), ...runs].slice(0, count);
  return job.maxRuns === null ? all : firstOf(all, job.maxRuns - job.runCount);
}

/** What is dropped is no run. */
function firstOf(runs: readonly NextRun[], runsLeft: number): NextRun[] {
  let left = runsLeft;
  return runs.filter(({ clockChange }) => {
    if (left <= 0) return false;
    if (clockChange !== 'dropped') left -= 1;
    return true;
  });
}
