import { Bounds } from './bounds.js';
import { BUILT_IN, type BuiltInTrigger } from './built-in.js';
import { DayWallTimes, type DaySet } from './day-wall-times.js';
import { DAY_MS, EARLIEST_MS, shown } from './instant.js';
import { onlyKeys } from './plain-object.js';
import { Timeline } from './timeline.js';
import { InvalidTriggerError, type Trigger } from './trigger.js';
import { EVERY_MATCH, type Grid } from './wall-clock.js';
import { zoneNamed, type Zone } from './zone.js';

const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** Which days; exactly one of `dates`, `weekdays`, and `from` with `to`. */
export interface DaysOptions {
  /** Single days, such as a list of holidays: '2026-12-25'; at most 2,000. */
  dates?: readonly string[];
  /** Days of the week: 'SAT', 'SUN'. */
  weekdays?: readonly Weekday[];
  /** The first day of a stretch. */
  from?: string;
  /** The last day of the stretch, which belongs to it. */
  to?: string;
  /** IANA time zone in which a day begins and ends at midnight. @default 'UTC' */
  timeZone?: string;
}

const HOW_TO =
  "Write one of { dates: ['2026-12-25'] }, { weekdays: ['SAT', 'SUN'] } and { from: '2026-12-24', to: '2027-01-02' }.";
const MOST_DATES = 2_000;
const DATES_SHOWN = 5;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

type Chosen = Pick<DaysOptions, 'dates' | 'weekdays' | 'from' | 'to'>;

/** Whole days. */
class DaysTrigger implements BuiltInTrigger {
  readonly [BUILT_IN] = true;
  readonly isEveryMillisecond = true;
  readonly #bounds = new Bounds();
  readonly #timeline: Timeline;

  constructor(
    private readonly chosen: Chosen,
    set: DaySet,
    private readonly zone: Zone,
  ) {
    this.#timeline = new Timeline(zone, new DayWallTimes(set), EVERY_MATCH);
  }

  nextAfter(after: Date): Date | null {
    return this.#bounds.nextAfter(after, (ms) => this.#timeline.next(ms));
  }

  lastAtOrBefore(at: Date, notBefore: Date): Date | null {
    return this.#bounds.lastAtOrBefore(at, notBefore, (ms, floor) => this.#timeline.last(ms, floor));
  }

  unbrokenUntil(ms: number, gridMs: Grid): number {
    return this.#timeline.unbrokenUntil(ms, gridMs);
  }

  describe(): string {
    return `all day ${this.#inWords()} (${this.zone.name})`;
  }

  toJSON(): object {
    return { kind: 'days', ...structuredClone(this.chosen), timeZone: this.zone.name };
  }

  #inWords(): string {
    const { dates, weekdays, from, to } = this.chosen;
    if (weekdays) return `on ${weekdays.join(', ')}`;
    if (!dates) return `from ${from} to ${to}`;
    return dates.length > DATES_SHOWN
      ? `on ${dates.length} dates from ${dates[0]} to ${dates.at(-1)}`
      : `on ${dates.join(', ')}`;
  }
}

/**
 * Every millisecond of some whole days: not a schedule of its own, but what `except()` leaves out and `allOf()` keeps to.
 *
 *     except(cron('0 9 * * *'), days({ weekdays: ['SAT', 'SUN'] }), days({ dates: holidays }))
 *
 * A day lasts from midnight to midnight on the zone's wall clock, 23 or 25 hours where the clocks change.
 * @throws InvalidTriggerError when there is not exactly one choice of days, or a date, a weekday or the zone is wrong.
 */
export function days(options: DaysOptions): Trigger {
  onlyKeys(options, ['dates', 'weekdays', 'from', 'to', 'timeZone'], 'The options of days()');
  const { dates, weekdays, from, to, timeZone = 'UTC' } = options;
  const zone = zoneNamed(timeZone);
  const choices = [dates, weekdays, from ?? to].filter((choice) => choice !== undefined);
  if (choices.length !== 1) throw new InvalidTriggerError(`days() needs one choice of days. ${HOW_TO}`);
  if (dates !== undefined) return ofDates(dates, zone);
  return weekdays === undefined ? ofStretch(from, to, zone) : ofWeekdays(weekdays, zone);
}

function ofDates(given: unknown, zone: Zone): Trigger {
  if (!Array.isArray(given) || given.length === 0 || given.length > MOST_DATES) {
    throw new InvalidTriggerError(`dates is ${shown(given)}, not a list of 1 to ${MOST_DATES} dates. ${HOW_TO}`);
  }
  const named = Array.from(given as unknown[], (date) => dayNumber(date, 'dates'));
  const numbers = [...new Set(named)].sort((a, b) => a - b);
  const dates = numbers.map((day) => new Date(day * DAY_MS).toISOString().slice(0, 10));
  const set: DaySet = {
    from: (day) => numbers.find((number) => number >= day) ?? null,
    upTo: (day) => numbers.findLast((number) => number <= day) ?? null,
  };
  return new DaysTrigger({ dates }, set, zone);
}

function ofWeekdays(given: unknown, zone: Zone): Trigger {
  const list: unknown[] = Array.isArray(given) ? Array.from(given as unknown[]) : [given];
  const wrong = list.findIndex((each) => !WEEKDAYS.includes(each as Weekday));
  if (list.length === 0 || wrong >= 0) {
    throw new InvalidTriggerError(
      `weekdays has ${shown(list[wrong])}. Write a list of some of ${WEEKDAYS.join(', ')}.`,
    );
  }
  const weekdays = WEEKDAYS.filter((weekday) => list.includes(weekday));
  // 1970-01-01 was a Thursday
  const has = (day: number): boolean => weekdays.includes(WEEKDAYS[(((day + 4) % 7) + 7) % 7]!);
  const nearest = (day: number, step: 1 | -1): number => (has(day) ? day : nearest(day + step, step));
  const set: DaySet = { from: (day) => nearest(day, 1), upTo: (day) => nearest(day, -1) };
  return new DaysTrigger({ weekdays }, set, zone);
}

function ofStretch(from: unknown, to: unknown, zone: Zone): Trigger {
  const first = dayNumber(from, 'from');
  const last = dayNumber(to, 'to');
  if (first > last)
    throw new InvalidTriggerError(`days() goes from ${shown(from)} to ${shown(to)}. Write the earlier date first.`);
  const set: DaySet = {
    from: (day) => (day > last ? null : Math.max(day, first)),
    upTo: (day) => (day < first ? null : Math.min(day, last)),
  };
  return new DaysTrigger({ from: from as string, to: to as string }, set, zone);
}

function dayNumber(date: unknown, name: string): number {
  const instant = new Date(typeof date === 'string' && DATE.test(date) ? `${date}T00:00:00.000Z` : Number.NaN);
  // a day that its month does not have would be one of the next month
  const isDay = !Number.isNaN(instant.getTime()) && instant.toISOString().startsWith(`${date as string}T`);
  if (isDay && instant.getTime() >= EARLIEST_MS) return instant.getTime() / DAY_MS;
  throw new InvalidTriggerError(`${name} has ${shown(date)}, which is not a date. Write it as "2026-12-25".`);
}
