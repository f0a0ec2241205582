import type { ExecutionInfo } from 'nestjs-vigil';
import { clockTime, duration, localTime, oneLine, relativeTime } from './words.js';

const ID_WIDTH = 22;
const STATUS_WIDTH = 10;
const DURATION_WIDTH = 8;

/** `14:03:21  heartbeat  succeeded  4 ms  for 14:03:21  beat 3`, in columns. */
export function columns(jobId: string, status: string, tookMs: number | null, forWhat: string, detail: string): string {
  const took = tookMs === null ? '' : duration(Math.max(0, tookMs));
  const cells = [jobId.padEnd(ID_WIDTH), status.padEnd(STATUS_WIDTH), took.padStart(DURATION_WIDTH), forWhat, detail];
  return `${clockTime(new Date())}  ${cells.join('  ')}`.trimEnd();
}

/** What a handler returned, if it is something to read. */
export function resultDetail({ result, attempt }: ExecutionInfo): string {
  const text = typeof result === 'string' ? result : result === null ? '' : JSON.stringify(result);
  return oneLine(attempt > 1 ? `${text} (attempt ${attempt})` : text);
}

export function failureDetail({ error, attempt, reason }: ExecutionInfo, retryAt: Date | null): string {
  const why = oneLine(error?.message ?? reason ?? 'no reason given');
  if (retryAt) return `attempt ${attempt}: ${why}; again ${relativeTime(retryAt)}`;
  return attempt > 1 ? `${why} (attempt ${attempt}, the last)` : why;
}

/** What the run is for. */
export function instants({ scheduledAt, untilAt }: ExecutionInfo): string {
  return untilAt ? `${localTime(scheduledAt)} to ${localTime(untilAt)}` : localTime(scheduledAt);
}
