import type { ClusterPause, PauseNote } from './job-store.js';
import type { MemoryData } from './memory-data.js';
import { later } from './memory-pass.js';

/** Whoever said it first is known. */
export function pauseCluster(data: MemoryData, { reason, by }: PauseNote, now: Date): ClusterPause {
  const { pause, missedUntil } = data.pauses;
  if (pause !== null) return pause;
  const made = { reason, by, at: now };
  data.putPauses({ pause: made, missedUntil });
  return made;
}

export function resumeCluster(data: MemoryData, { catchUp }: { catchUp: boolean }, now: Date): boolean {
  const { pause, missedUntil } = data.pauses;
  if (pause === null) return false;
  data.putPauses({ pause: null, missedUntil: catchUp ? missedUntil : later(missedUntil, now) });
  return true;
}
