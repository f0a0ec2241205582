import type { DstRule } from '../../src/triggers/trigger.js';
import { FURTHEST, SlowClock } from './slow-clock.js';
import { slowExpression, type SlowExpression } from './slow-expression.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const YEAR = 366 * DAY;
const CLOCKS_KEPT = 40;

/** How far fires are looked for, in growing steps. The rarest day, a fifth Monday of February, comes within 40 years. */
const SPANS = [3 * HOUR, 3 * DAY, 40 * DAY, 500 * DAY, 9 * YEAR, 41 * YEAR];
/** Fires further away than this are not found. */
export const FURTHEST_FIRE = 41 * YEAR;

const clocks = new Map<string, SlowClock>();

/** The clock of that zone, with what it has seen; the latest ones are kept. */
export function slowClock(zone: string): SlowClock {
  const clock = clocks.get(zone) ?? new SlowClock(zone);
  clocks.set(zone, clock);
  for (const oldest of clocks.keys()) if (clocks.size > CLOCKS_KEPT) clocks.delete(oldest);
  return clock;
}

/**
 * Every fire in (`afterMs`, `untilMs`], from the definition of the wall-clock rule alone: for each date that the expression
 * names and each time of day that it names, where the zone's clock shows that. Knows nothing of Temporal or cron-parser.
 */
export function slowFires(
  expression: string,
  zone: string,
  rule: DstRule,
  afterMs: number,
  untilMs: number,
): readonly number[] {
  return firesOf(slowExpression(expression), slowClock(zone), rule, afterMs, untilMs);
}

/** The first `count` fires after an instant, fewer where there are no more within 41 years. */
export function slowNext(expression: string, zone: string, rule: DstRule, afterMs: number, count: number): number[] {
  const [named, clock] = [slowExpression(expression), slowClock(zone)];
  return growing(count, (span) => firesOf(named, clock, rule, afterMs, afterMs + span)).slice(0, count);
}

/** The last `count` fires at or before an instant, latest first. */
export function slowPrevious(expression: string, zone: string, rule: DstRule, atMs: number, count: number): number[] {
  const [named, clock] = [slowExpression(expression), slowClock(zone)];
  return growing(count, (span) => firesOf(named, clock, rule, atMs - span, atMs).toReversed()).slice(0, count);
}

function growing(count: number, within: (span: number) => readonly number[]): readonly number[] {
  for (const span of SPANS) {
    const fires = within(span);
    if (fires.length >= count || span === SPANS.at(-1)) return fires;
  }
  return [];
}

function firesOf(
  named: SlowExpression,
  clock: SlowClock,
  rule: DstRule,
  afterMs: number,
  untilMs: number,
): readonly number[] {
  const fires = new Set<number>();
  const [firstWall, lastWall] = [afterMs - FURTHEST, untilMs + FURTHEST];
  for (let date = Math.floor(firstWall / DAY) * DAY; date <= lastWall; date += DAY) {
    if (!named.names(date)) continue;
    for (const time of named.timesOfDay) {
      const wall = date + time;
      if (wall < firstWall || wall > lastWall) continue;
      for (const ms of instantsOf(wall, named.isOfEveryHour, clock, rule))
        if (ms > afterMs && ms <= untilMs) fires.add(ms);
    }
  }
  return [...fires].sort((a, b) => a - b);
}

/** When a wall-clock time that is named fires. */
function instantsOf(wall: number, isOfEveryHour: boolean, clock: SlowClock, rule: DstRule): number[] {
  const shown = clock.instantsOf(wall);
  if (isOfEveryHour || shown.length === 1) return shown;
  const [first] = shown;
  if (first === undefined) return instantsOfSkipped(wall, clock, rule.gap ?? 'shift');
  switch (rule.fold ?? 'first') {
    case 'first':
      return [first];
    case 'second':
      return shown.slice(-1);
    case 'both':
      return shown;
  }
}

function instantsOfSkipped(wall: number, clock: SlowClock, gap: 'shift' | 'next' | 'skip'): number[] {
  const change = clock.gapAt(wall);
  if (change === null) throw new Error(`${clock.zone} neither shows nor skips ${new Date(wall).toISOString()}.`);
  switch (gap) {
    case 'shift':
      return [change.asBeforeMs];
    case 'next':
      return [change.endMs];
    case 'skip':
      return [];
  }
}
