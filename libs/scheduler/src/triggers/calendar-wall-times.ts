import { DAY_MS, EARLIEST_MS, LATEST_MS } from './instant.js';
import type { WallTimes } from './wall-clock.js';

const DAYS_OF_A_MONTH = 146_097 / 4_800;

/** How far apart the dates are; both parts add up. */
export interface CalendarStep {
  months: number;
  days: number;
}

/**
 * A time of day on every so many-th date. Each date is counted from the first one, so that nothing adds up: monthly from
 * 31 January is 28 February, and then 31 March.
 */
export class CalendarWallTimes implements WallTimes {
  /** How many days a step takes on average. */
  readonly #averageDays: number;

  /** @param firstDay days since 1970-01-01 */
  constructor(
    private readonly firstDay: number,
    private readonly step: CalendarStep,
    private readonly timeMs: number,
  ) {
    this.#averageDays = step.months * DAYS_OF_A_MONTH + step.days;
  }

  next(wallMs: number): number | null {
    const after = Math.max(wallMs, EARLIEST_MS - 1);
    let count = Math.max(0, this.#estimate(after));
    while (count > 0 && this.#wall(count - 1) > after) count -= 1;
    while (this.#wall(count) <= after) count += 1;
    const wall = this.#wall(count);
    return wall > LATEST_MS ? null : wall;
  }

  previous(wallMs: number): number | null {
    const before = Math.min(wallMs, LATEST_MS + 1);
    let count = Math.max(0, this.#estimate(before));
    while (this.#wall(count) < before) count += 1;
    while (count >= 0 && this.#wall(count) >= before) count -= 1;
    const wall = count < 0 ? -Infinity : this.#wall(count);
    return wall < EARLIEST_MS ? null : wall;
  }

  unbrokenUntil(wallMs: number): number {
    return wallMs;
  }

  /** About how many steps: months are of different lengths, and over the years that evens out. */
  #estimate(wallMs: number): number {
    return Math.floor((Math.min(wallMs, LATEST_MS) / DAY_MS - this.firstDay) / this.#averageDays);
  }

  #wall(count: number): number {
    const { months, days } = this.step;
    const first = months === 0 ? this.firstDay : monthsLater(this.firstDay, months * count);
    return (first + days * count) * DAY_MS + this.timeMs;
  }
}

/** The same day of a later month, or that month's last where it is shorter. */
function monthsLater(day: number, months: number): number {
  const date = new Date(day * DAY_MS);
  const first = new Date(0);
  first.setUTCFullYear(date.getUTCFullYear(), date.getUTCMonth() + months, 1);
  const after = new Date(first);
  after.setUTCMonth(first.getUTCMonth() + 1);
  const length = (after.getTime() - first.getTime()) / DAY_MS;
  return first.getTime() / DAY_MS + Math.min(date.getUTCDate(), length) - 1;
}
