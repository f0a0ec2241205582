import type { DstRule } from '../../src/triggers/trigger.js';

const MINUTE = 60_000;
/** A clock changes by at most a day. */
const MARGIN = 25 * 60 * MINUTE;

/** A five-field expression of plain numbers, read with nothing but string functions: `*`, `a`, `a-b`, `a,b`, `*` + `/n`. */
function matcher(expression: string): { matches: (wallMs: number) => boolean; restrictsHours: boolean } {
  const texts = expression.split(' ');
  const [minutes, hours, days, months, weekdays] = texts.map((text, index) => values(text, index));
  const isStar = (index: number): boolean => texts[index] === '*';
  const matches = (wallMs: number): boolean => {
    const wall = new Date(wallMs);
    if (!minutes!.has(wall.getUTCMinutes()) || !hours!.has(wall.getUTCHours())) return false;
    if (!months!.has(wall.getUTCMonth() + 1)) return false;
    const [byDay, byWeekday] = [days!.has(wall.getUTCDate()), weekdays!.has(wall.getUTCDay())];
    return isStar(2) || isStar(4) ? byDay && byWeekday : byDay || byWeekday;
  };
  return { matches, restrictsHours: hours!.size < 24 };
}

function values(text: string, index: number): Set<number> {
  const [low, high] = (
    [
      [0, 59],
      [0, 23],
      [1, 31],
      [1, 12],
      [0, 6],
    ] as const
  )[index]!;
  const found = new Set<number>();
  for (const part of text.split(',')) {
    const [range, step = '1'] = part.split('/');
    const [from = low, to = range === '*' ? high : from] = range === '*' ? [] : range!.split('-').map(Number);
    for (let value = from; value <= to; value += Number(step)) found.add(value);
  }
  return found;
}

interface WallClock {
  text: Intl.DateTimeFormat;
  shown: Map<number, number>;
}
const clocks = new Map<string, WallClock>();

function clockOf(zone: string): WallClock {
  const known = clocks.get(zone);
  if (known) return known;
  const all = 'numeric';
  const fields = { year: all, month: all, day: all, hour: all, minute: all } as const;
  const text = new Intl.DateTimeFormat('en-US', { timeZone: zone, calendar: 'gregory', hourCycle: 'h23', ...fields });
  const clock = { text, shown: new Map<number, number>() };
  clocks.set(zone, clock);
  return clock;
}

function wallOf({ text, shown }: WallClock, ms: number): number {
  const known = shown.get(ms);
  if (known !== undefined) return known;
  const [month, day, year, hour, minute] = text.format(ms).match(/\d+/g)!.map(Number);
  const wall = Date.UTC(year!, month! - 1, day, hour, minute);
  shown.set(ms, wall);
  return wall;
}

/**
 * Every fire in (`fromMs`, `toMs`], from the definition alone: looks at the wall clock of every minute, and knows nothing
 * of offsets, periods or cron-parser.
 */
export function slowFires(expression: string, zone: string, rule: DstRule, fromMs: number, toMs: number): number[] {
  const { matches, restrictsHours } = matcher(expression);
  const { gap = 'shift', fold = 'first' } = restrictsHours ? rule : ({ gap: 'skip', fold: 'both' } as const);
  const shownAt = new Map<number, number[]>();
  const fires = new Set<number>();
  const clock = clockOf(zone);
  let previousWall = wallOf(clock, fromMs - MARGIN);
  for (let ms = fromMs - MARGIN; ms <= toMs + MARGIN; ms += MINUTE) {
    const wall = wallOf(clock, ms);
    shownAt.set(wall, [...(shownAt.get(wall) ?? []), ms]);
    for (let skipped = previousWall + MINUTE; skipped < wall && gap !== 'skip'; skipped += MINUTE) {
      // Shifted: as if the clock had gone on as before.
      if (matches(skipped)) fires.add(gap === 'next' ? ms : ms - MINUTE + (skipped - previousWall));
    }
    previousWall = wall;
  }
  for (const [wall, instants] of shownAt) {
    if (!matches(wall)) continue;
    if (fold !== 'second') fires.add(instants[0]!);
    if (fold !== 'first') fires.add(instants.at(-1)!);
  }
  return [...fires].filter((ms) => ms > fromMs && ms <= toMs).sort((a, b) => a - b);
}
