import type { CronFieldCollection } from 'cron-parser';
import { DAY_MS } from './instant.js';

const LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
/** The search gives up this many months away: 50 years. The rarest day, a 29 February of a given weekday, comes within 40. */
const MONTHS_SEARCHED = 600;

/** A month of the calendar, and which of its days match: bit 0 is the 1st. Days are counted from 1970-01-01. */
interface Month {
  readonly year: number;
  /** 0 to 11 */
  readonly index: number;
  readonly firstDay: number;
  readonly length: number;
  readonly matches: number;
}

/** The days an expression names, by its day of month, month and day of week. */
export class CronDays {
  readonly #months: number;
  readonly #dates: number;
  readonly #hasLastDate: boolean;
  readonly #weekdays: number;
  readonly #lastWeekdays: number;
  readonly #nth: number;
  readonly #isAnyDate: boolean;
  readonly #isAnyWeekday: boolean;
  #latest: Month;

  constructor({ month, dayOfMonth, dayOfWeek }: CronFieldCollection) {
    const numbers = (values: readonly unknown[]): number[] => values.filter((value) => typeof value === 'number');
    const lastOf = (values: readonly unknown[]): number[] =>
      values.filter((value) => typeof value === 'string').map((value) => Number.parseInt(value, 10));
    this.#months = bits(month.values.map((value) => value - 1));
    this.#dates = bits(numbers(dayOfMonth.values).map((date) => date - 1));
    this.#hasLastDate = dayOfMonth.hasLastChar;
    this.#weekdays = bits(numbers(dayOfWeek.values).map((weekday) => weekday % 7));
    this.#lastWeekdays = bits(lastOf(dayOfWeek.values).map((weekday) => weekday % 7));
    this.#nth = dayOfWeek.nthDay;
    this.#isAnyDate = dayOfMonth.isWildcard;
    this.#isAnyWeekday = dayOfWeek.isWildcard;
    this.#latest = this.#monthOf(0);
  }

  has(day: number): boolean {
    const { firstDay, matches } = this.#monthWith(day);
    return hasBit(matches, day - firstDay);
  }

  /** The first day at or after; null: there is none within 50 years. */
  from(day: number): number | null {
    let month = this.#monthWith(day);
    let left = month.matches & (-1 << (day - month.firstDay));
    for (let looked = 0; left === 0; looked += 1) {
      if (looked === MONTHS_SEARCHED) return null;
      month = this.#after(month);
      left = month.matches;
    }
    this.#latest = month;
    return month.firstDay + 31 - Math.clz32(left & -left);
  }

  /** The last day at or before; null: there is none within 50 years. */
  upTo(day: number): number | null {
    let month = this.#monthWith(day);
    let left = month.matches & (-1 >>> (31 - (day - month.firstDay)));
    for (let looked = 0; left === 0; looked += 1) {
      if (looked === MONTHS_SEARCHED) return null;
      month = this.#before(month);
      left = month.matches;
    }
    this.#latest = month;
    return month.firstDay + 31 - Math.clz32(left);
  }

  /** The last of the consecutive days that begin with `day`, which is one; its month's end at the latest. */
  unbrokenFrom(day: number): number {
    const { firstDay, length, matches } = this.#monthWith(day);
    let last = day;
    while (last + 1 < firstDay + length && hasBit(matches, last + 1 - firstDay)) last += 1;
    return last;
  }

  /** What is asked for one after the other lies in one month, as a rule. */
  #monthWith(day: number): Month {
    const { firstDay, length } = this.#latest;
    if (day < firstDay || day >= firstDay + length) this.#latest = this.#monthOf(day);
    return this.#latest;
  }

  #monthOf(day: number): Month {
    const date = new Date(day * DAY_MS);
    return this.#month(date.getUTCFullYear(), date.getUTCMonth(), day - date.getUTCDate() + 1);
  }

  #after({ year, index, firstDay, length }: Month): Month {
    return index === 11 ? this.#month(year + 1, 0, firstDay + length) : this.#month(year, index + 1, firstDay + length);
  }

  #before({ year, index, firstDay }: Month): Month {
    const [itsYear, itsIndex] = index === 0 ? [year - 1, 11] : [year, index - 1];
    return this.#month(itsYear, itsIndex, firstDay - lengthOf(itsYear, itsIndex));
  }

  #month(year: number, index: number, firstDay: number): Month {
    const length = lengthOf(year, index);
    const matches = hasBit(this.#months, index) ? this.#matches(firstDay, length) : 0;
    return { year, index, firstDay, length, matches };
  }

  /** As in crontab(5): where both are restricted, either counts. */
  #matches(firstDay: number, length: number): number {
    const all = -1 >>> (32 - length);
    if (this.#isAnyDate && this.#isAnyWeekday) return all;
    const byDate = (this.#dates & all) | (this.#hasLastDate ? 1 << (length - 1) : 0);
    if (this.#isAnyWeekday) return byDate;
    // 1970-01-01 was a Thursday
    const byWeekday = this.#byWeekday((((firstDay + 4) % 7) + 7) % 7, length);
    return this.#isAnyDate ? byWeekday : byDate | byWeekday;
  }

  #byWeekday(firstWeekday: number, length: number): number {
    let matches = 0;
    for (let place = 0; place < length; place += 1) {
      const weekday = (firstWeekday + place) % 7;
      const isNth = this.#nth === 0 || Math.floor(place / 7) + 1 === this.#nth;
      const isLast = place + 7 >= length && hasBit(this.#lastWeekdays, weekday);
      if ((isNth && hasBit(this.#weekdays, weekday)) || isLast) matches |= 1 << place;
    }
    return matches;
  }
}

function lengthOf(year: number, index: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return index === 1 && isLeap ? 29 : (LENGTHS[index] ?? 31);
}

function bits(places: readonly number[]): number {
  return places.reduce((all, place) => all | (1 << place), 0);
}
function hasBit(all: number, place: number): boolean {
  return (all & (1 << place)) !== 0;
}
