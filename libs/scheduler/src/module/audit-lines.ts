import type { SchedulerEvents } from '../engine/engine-events.js';

const WRONG: Record<SchedulerEvents['audit.repaired']['what'], string> = {
  'running-unowned': 'was running without a node that exists',
  'pending-expired': 'was still waiting after its expires_at',
  'pending-jobless': 'was waiting for a job that is gone',
  'pending-unreachable': 'was waiting for a time that never comes',
  'pending-elsewhere': 'was waiting for nodes that do not run its job',
  'pending-owned': 'was waiting although a node owned it or it had ended',
  'ended-open': 'had ended although a node owned it or it had no end',
  'unknown-status': 'has a status that means nothing',
  'job-without-next-run': 'was active without a next run',
  'job-asleep': 'was not going to be looked at when its next run is due',
  'job-of-unknown-state': 'had a state that means nothing',
  'job-orphaned': 'was announced by no node',
  'job-announced': 'was labelled orphaned without being so',
};

/** What was wrong, and what was done. */
export function auditLine({ what, id, now }: SchedulerEvents['audit.repaired']): string {
  const who = what.startsWith('job-') ? `Job "${id}"` : `Execution ${id}`;
  const done = now === null ? 'Nothing repairs that: mend the row with SQL.' : `That was repaired; it is ${now} now.`;
  return `${who} ${WRONG[what]}, which must not happen. ${done}`;
}
