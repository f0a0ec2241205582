import type { SchedulerEvents } from '../engine/engine-events.js';
import { InvalidJobError } from '../engine/job-settings.js';
import { shown } from '../triggers/instant.js';

const EVENTS = Object.keys({
  'job.added': true,
  'job.modified': true,
  'job.removed': true,
  'job.paused': true,
  'job.resumed': true,
  'job.quarantined': true,
  'job.orphaned': true,
  'job.rescheduled': true,
  'job.taken': true,
  'job.left': true,
  'execution.started': true,
  'execution.succeeded': true,
  'execution.failed': true,
  'execution.missed': true,
  'execution.skipped': true,
  'execution.cancelled': true,
  'execution.timed-out': true,
  'execution.abandoned': true,
  'execution.taken-over': true,
  'execution.rescued': true,
  'execution.released': true,
  'execution.unrecorded': true,
  'execution.progress': true,
  'execution.log': true,
  'audit.repaired': true,
  'scheduler.state': true,
  'scheduler.failure': true,
} satisfies Record<keyof SchedulerEvents, true>);

/** A listener for an event that never comes would wait for ever. */
export function checkEvent(where: string, event: unknown): asserts event is keyof SchedulerEvents {
  if (EVENTS.includes(event as string)) return;
  throw new InvalidJobError(`${where}: ${shown(event)} is not an event. Events: ${EVENTS.join(', ')}.`);
}
