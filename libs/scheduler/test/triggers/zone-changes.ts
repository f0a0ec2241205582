import { SlowClock } from './slow-clock.js';

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
/** The shortest time between two changes of a clock in these years is a week (America/Boa_Vista, October 2000). */
const STEP = 5 * DAY;

export const FIRST_MS = Date.UTC(1970, 0, 1);
export const LAST_MS = Date.UTC(2038, 0, 1);

/** The instants, 1970 to 2037, at which the zone's clock changes, found by looking at what `Intl` shows every few days. */
export function changesOf(zone: string): number[] {
  const clock = new SlowClock(zone);
  const offsetAt = (ms: number): number => clock.look(ms) - ms;
  const changes: number[] = [];
  let [before, offsetBefore] = [FIRST_MS, offsetAt(FIRST_MS)];
  for (let ms = FIRST_MS + STEP; ms <= LAST_MS; ms += STEP) {
    const offset = offsetAt(ms);
    if (offset !== offsetBefore) changes.push(firstOther(offsetAt, offsetBefore, before, ms));
    [before, offsetBefore] = [ms, offset];
  }
  return changes;
}

/** The first second in (`beforeMs`, `fromMs`] with another offset. */
function firstOther(offsetAt: (ms: number) => number, offset: number, beforeMs: number, fromMs: number): number {
  let [before, from] = [beforeMs, fromMs];
  while (from - before > SECOND) {
    const middle = before + Math.floor((from - before) / 2 / SECOND) * SECOND;
    if (offsetAt(middle) === offset) before = middle;
    else from = middle;
  }
  return from;
}
