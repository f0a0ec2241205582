import { ZONES_SETTLED_MS } from '../../store/audit-finding.js';
import type { JobEntity } from '../../store/job.entity.js';
import type { JobChange } from '../../store/job-store.js';
import { wakeAfterJitter } from '../../triggers/jitter.js';
import { nextFire } from '../../triggers/misfire.js';
import type { Trigger } from '../../triggers/trigger.js';
import { ZONE_DATA } from '../../triggers/zone.js';

/** A change of the rules moves a wall-clock time by so much at most, unless it moves the date line. */
const LARGEST_MOVE_MS = 4 * 3_600_000;

/**
 * The next run of a job as the zone data of this process have it; null: it is left as it is. Only a run that is more than a
 * day away moves: from half a day ahead on, the first fire is the same one, whichever way the rules moved it, and none
 * that was decided. One that a hand set elsewhere stays where it is.
 */
export function withNewerZones(job: JobEntity, trigger: Trigger, now: Date): JobChange['set'] | null {
  const { nextRunAt, state } = job;
  if (state !== 'active' || nextRunAt === null || nextRunAt.getTime() - now.getTime() <= ZONES_SETTLED_MS) return null;
  const next = nextFire(trigger, new Date(now.getTime() + ZONES_SETTLED_MS / 2));
  const isSame = next !== null && Math.abs(next.getTime() - nextRunAt.getTime()) <= LARGEST_MOVE_MS;
  if (!isSame) return { tzVersion: ZONE_DATA };
  return { tzVersion: ZONE_DATA, nextRunAt: next, wakeAt: wakeAfterJitter(trigger, job.uid, next, job.jitterMs) };
}
