import { DAY_MS, EARLIEST_MS, LATEST_MS } from './instant.js';
import type { WallTimes } from './wall-clock.js';

/** Some days of the calendar, counted from 1970-01-01. */
export interface DaySet {
  /** The first one at or after. */
  from(day: number): number | null;
  /** The last one at or before. */
  upTo(day: number): number | null;
}

/** An unbroken stretch is followed this far; from there it is looked at again. */
const DAYS_FOLLOWED = 400;

/** Every millisecond of some days. */
export class DayWallTimes implements WallTimes {
  constructor(private readonly days: DaySet) {}

  next(wallMs: number): number | null {
    const wall = Math.max(wallMs + 1, EARLIEST_MS);
    const day = this.days.from(Math.floor(wall / DAY_MS));
    const next = day === null ? Infinity : Math.max(wall, day * DAY_MS);
    return next > LATEST_MS ? null : next;
  }

  previous(wallMs: number): number | null {
    const wall = Math.min(wallMs - 1, LATEST_MS);
    const day = this.days.upTo(Math.floor(wall / DAY_MS));
    const previous = day === null ? -Infinity : Math.min(wall, (day + 1) * DAY_MS - 1);
    return previous < EARLIEST_MS ? null : previous;
  }

  unbrokenUntil(wallMs: number): number {
    let day = Math.floor(wallMs / DAY_MS);
    if (this.days.from(day) !== day) return wallMs;
    for (let followed = 0; followed < DAYS_FOLLOWED && this.days.from(day + 1) === day + 1; followed += 1) day += 1;
    return (day + 1) * DAY_MS - 1;
  }
}
