import { droppedOf, isMoved } from './built-in.js';
import { nextFire } from './misfire.js';
import type { Trigger } from './trigger.js';

/** When a schedule fires, and what a change of the clocks makes of it. */
export interface NextRun {
  at: Date;
  /**
   * `moved`: the wall clock never shows the time that was named, and it runs at `at` instead. `dropped`: it does not run,
   * because `dst` says so or because another run is at that instant; `at` is when it would have been, read with the offset
   * before the change.
   */
  clockChange?: 'moved' | 'dropped';
}

/** The first `count` times in (`after`, `until`] that a change of the clocks drops. */
export function droppedRuns(trigger: Trigger, after: Date, until: Date, count: number): NextRun[] {
  const runs: NextRun[] = [];
  for (const ms of droppedOf(trigger, after.getTime(), until.getTime())) {
    if (runs.length === count) break;
    runs.push({ at: new Date(ms), clockChange: 'dropped' });
  }
  return runs;
}

/** The next `count` times after `after`, in order, the dropped ones before a fire among them; fewer where the schedule ends. */
export function nextRunsOf(trigger: Trigger, after: Date, count: number): NextRun[] {
  const runs: NextRun[] = [];
  let from = after;
  while (runs.length < count) {
    const next = nextFire(trigger, from);
    if (next === null) break;
    runs.push(...droppedRuns(trigger, from, next, count - runs.length));
    if (runs.length === count) break;
    runs.push(isMoved(trigger, next.getTime()) ? { at: next, clockChange: 'moved' } : { at: next });
    from = next;
  }
  return runs;
}
