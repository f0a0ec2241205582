import { DAY_MS } from './instant.js';
import type { DstRule } from './trigger.js';
import type { Period, Zone } from './zone.js';

/** Wall-clock times, written as the milliseconds they would be in UTC. */
export interface WallTimes {
  /** The first one strictly after. */
  next(wallMs: number): number | null;
  /** The last one strictly before. */
  previous(wallMs: number): number | null;
  /**
   * How far the times go on from `wallMs` with one each `gridMs`: the last of them, or an earlier one; `wallMs` itself
   * where the next is missing already.
   */
  unbrokenUntil(wallMs: number, gridMs: Grid): number;
}
/** How far apart fires are looked at: each millisecond, or each whole second. */
export type Grid = 1 | 1_000;

/** A wall-clock time that a change of the clocks skipped. */
export interface SkippedTime {
  /** When it runs instead, or would have with the offset before the change. */
  readonly atMs: number;
  /** It does not run: the rule says so, or another time runs at that instant. */
  readonly isDropped: boolean;
}

/** The search gives up this far from where it began. The rarest day of a calendar, a 29 February that is a given day of the week, comes within 40 years. */
export const SEARCH_MS = 50 * 366 * DAY_MS;
/** No zone has ever been further from UTC. An instant and its wall clock are never further apart. */
const LARGEST_OFFSET_MS = 16 * 3_600_000;

/** Every instant whose wall clock matches, whatever the clocks do. */
export const EVERY_MATCH: Required<DstRule> = { gap: 'skip', fold: 'both' };

/** The first instant strictly after `afterMs` at which the zone's wall clock shows one of these times. */
export function nextFire(zone: Zone, walls: WallTimes, rule: Required<DstRule>, afterMs: number): number | null {
  let after = afterMs;
  while (after <= afterMs + SEARCH_MS) {
    const period = zone.periodAt(after + 1);
    const fire = nextWithin(period, walls, rule, after);
    if (fire !== null) return fire;
    const fromMs = nextFrom(period, walls);
    if (fromMs === null) return null;
    after = fromMs - 1;
  }
  return null;
}

/** The last such instant in (`notBeforeMs`, `atMs`]. */
export function lastFire(
  zone: Zone,
  walls: WallTimes,
  rule: Required<DstRule>,
  atMs: number,
  notBeforeMs: number,
): number | null {
  const floor = Math.max(notBeforeMs, atMs - SEARCH_MS);
  let at = atMs;
  while (at > floor) {
    const period = zone.periodAt(at);
    const fire = lastWithin(period, walls, rule, at);
    if (fire !== null) return fire > floor ? fire : null;
    if (period.startMs === -Infinity) return null;
    const wall = walls.previous(period.startMs + Math.max(period.offsetMs, period.offsetBeforeMs));
    if (wall === null) return null;
    at = Math.min(period.startMs - 1, wall + LARGEST_OFFSET_MS);
  }
  return null;
}

/** How far the fires go on from the one at `ms` with one each `gridMs`: the last instant of the stretch, or an earlier one. */
export function unbrokenUntil(zone: Zone, walls: WallTimes, rule: Required<DstRule>, ms: number, gridMs: Grid): number {
  const period = zone.periodAt(ms);
  const { from, to } = wallsOf(period, rule);
  const wall = ms + period.offsetMs;
  if (wall < from || wall >= to) return ms;
  return Math.min(walls.unbrokenUntil(wall, gridMs), to - 1) - period.offsetMs;
}

/** What the changes of the clocks in (`afterMs`, `untilMs`] make of the times they skip, in order. */
export function* skippedTimes(
  zone: Zone,
  walls: WallTimes,
  rule: Required<DstRule>,
  afterMs: number,
  untilMs: number,
): Generator<SkippedTime> {
  const until = Math.min(untilMs, afterMs + SEARCH_MS);
  let fromMs: number | null = afterMs;
  while (fromMs !== null && fromMs <= until) {
    const period = zone.periodAt(fromMs);
    yield* skippedAt(period, walls, rule, afterMs, until);
    fromMs = nextFrom(period, walls);
  }
}

function* skippedAt(
  period: Period,
  walls: WallTimes,
  { gap }: Required<DstRule>,
  afterMs: number,
  untilMs: number,
): Generator<SkippedTime> {
  const { startMs, endMs, offsetMs, offsetBeforeMs } = period;
  if (offsetMs <= offsetBeforeMs || (gap === 'next' && startMs <= afterMs)) return;
  const to = Math.min(startMs + offsetMs, endMs + offsetBeforeMs);
  let latestMs = -Infinity;
  let wall = walls.next(Math.max(startMs - 1, afterMs) + offsetBeforeMs);
  for (; wall !== null && wall < to; wall = walls.next(wall)) {
    const atMs = gap === 'next' ? startMs : wall - offsetBeforeMs;
    if (atMs > untilMs) return;
    const isTaken = atMs === latestMs || walls.next(atMs + offsetMs - 1) === atMs + offsetMs;
    yield { atMs, isDropped: gap === 'skip' || isTaken };
    latestMs = atMs;
  }
}

/** An instant after the period, and not after anything that fires or is skipped there; null: there is nothing. */
function nextFrom({ endMs, offsetMs, offsetAfterMs }: Period, walls: WallTimes): number | null {
  if (endMs === Infinity) return null;
  const wall = walls.next(endMs + Math.min(offsetMs, offsetAfterMs) - 1);
  return wall === null ? null : Math.max(endMs, wall - LARGEST_OFFSET_MS);
}

function nextWithin(period: Period, walls: WallTimes, rule: Required<DstRule>, after: number): number | null {
  const { from, to } = wallsOf(period, rule);
  const wall = walls.next(Math.max(after + period.offsetMs, from - 1));
  const fire = wall !== null && wall < to ? wall - period.offsetMs : null;
  const gapEndMs = period.startMs + period.offsetMs - period.offsetBeforeMs;
  if (after >= gapEndMs || rule.gap === 'skip') return fire;
  const moved = nextOfGap(period, walls, rule.gap, after);
  return fire === null || (moved !== null && moved < fire) ? moved : fire;
}

function lastWithin(period: Period, walls: WallTimes, rule: Required<DstRule>, at: number): number | null {
  const { from, to } = wallsOf(period, rule);
  const wall = walls.previous(Math.min(at + period.offsetMs + 1, to));
  const fire = wall !== null && wall >= from ? wall - period.offsetMs : null;
  const gapEndMs = period.startMs + period.offsetMs - period.offsetBeforeMs;
  if (rule.gap === 'skip' || gapEndMs <= period.startMs || (fire !== null && fire >= gapEndMs)) return fire;
  const moved = lastOfGap(period, walls, rule.gap, at);
  return fire === null || (moved !== null && moved > fire) ? moved : fire;
}

/** The wall-clock times that belong to a period: what the clock shows in it, less what a neighbour that shows it too fires. */
function wallsOf(period: Period, { fold }: Required<DstRule>): { from: number; to: number } {
  const from = period.startMs + period.offsetMs;
  const to = period.endMs + period.offsetMs;
  switch (fold) {
    case 'first':
      return { from: Math.max(from, period.startMs + period.offsetBeforeMs), to };
    case 'second':
      return { from, to: Math.min(to, period.endMs + period.offsetAfterMs) };
    case 'both':
      return { from, to };
  }
}

/** The first fire after `after` of the times that the change at the period's start skipped. */
function nextOfGap(period: Period, walls: WallTimes, gap: 'shift' | 'next', after: number): number | null {
  const { startMs, endMs, offsetMs, offsetBeforeMs } = period;
  if (gap === 'next' && after >= startMs) return null;
  const wall = walls.next(Math.max(after, startMs - 1) + offsetBeforeMs);
  if (wall === null || wall >= Math.min(startMs + offsetMs, endMs + offsetBeforeMs)) return null;
  return gap === 'next' ? startMs : wall - offsetBeforeMs;
}

/** The last such fire at or before `at`. */
function lastOfGap(period: Period, walls: WallTimes, gap: 'shift' | 'next', at: number): number | null {
  const { startMs, endMs, offsetMs, offsetBeforeMs } = period;
  const to = Math.min(startMs + offsetMs, endMs + offsetBeforeMs);
  const wall = walls.previous(gap === 'next' ? to : Math.min(to, at + offsetBeforeMs + 1));
  if (wall === null || wall < startMs + offsetBeforeMs) return null;
  return gap === 'next' ? startMs : wall - offsetBeforeMs;
}
