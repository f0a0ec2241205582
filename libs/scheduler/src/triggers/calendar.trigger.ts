import { BUILT_IN, type BuiltInTrigger } from './built-in.js';
import { CalendarWallTimes, type CalendarStep } from './calendar-wall-times.js';
import { checkedRule, DEFAULT_RULE } from './dst-rule.js';
import { Bounds } from './bounds.js';
import { DAY_MS, readInstant, shown } from './instant.js';
import { onlyKeys } from './plain-object.js';
import { Timeline } from './timeline.js';
import { InvalidTriggerError, type DstRule, type Trigger } from './trigger.js';
import { zoneNamed, type Zone } from './zone.js';

/** How far apart the dates are; at least one of them, each a whole number of at least 1. */
export interface CalendarInterval {
  days?: number;
  weeks?: number;
  months?: number;
  years?: number;
}
export interface CalendarOptions {
  /** The time of day on the zone's wall clock: '07:30' or '07:30:15'. */
  at: string;
  /** The dates are counted from the one this instant has in the zone; nothing fires before it. */
  from: Date;
  /** IANA time zone of the dates and of the time of day. @default 'UTC' */
  timeZone?: string;
  /** What a change of the clocks does to the time of day. @default { gap: 'shift', fold: 'first' } */
  dst?: DstRule;
}

const UNITS = ['years', 'months', 'weeks', 'days'] as const;
const MOST_OF_A_UNIT = 10_000;
const TIME_OF_DAY = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/;

/** A schedule by the calendar. */
class CalendarTrigger implements BuiltInTrigger {
  readonly [BUILT_IN] = true;
  readonly isOnWholeSeconds = true;

  constructor(
    private readonly interval: CalendarInterval,
    private readonly options: Pick<CalendarOptions, 'at' | 'dst'>,
    private readonly zone: Zone,
    private readonly timeline: Timeline,
    private readonly bounds: Bounds,
  ) {}

  nextAfter(after: Date): Date | null {
    return this.bounds.nextAfter(after, (ms) => this.timeline.next(ms));
  }

  lastAtOrBefore(at: Date, notBefore: Date): Date | null {
    return this.bounds.lastAtOrBefore(at, notBefore, (ms, floor) => this.timeline.last(ms, floor));
  }

  dropped(afterMs: number, untilMs: number): Iterable<number> {
    return this.timeline.dropped(Math.max(afterMs, this.bounds.startMs - 1), untilMs);
  }

  isMoved(ms: number): boolean {
    return this.timeline.isMoved(ms);
  }

  describe(): string {
    const units = UNITS.flatMap((unit) => {
      const count = this.interval[unit];
      return count === undefined ? [] : count === 1 ? unit.slice(0, -1) : `${count} ${unit}`;
    });
    const { startMs } = this.bounds;
    const first = new Date(startMs + this.zone.periodAt(startMs).offsetMs).toISOString().slice(0, 10);
    return `every ${units.join(' and ')} at ${this.options.at}, counted from ${first} (${this.zone.name})`;
  }

  toJSON(): object {
    const { at, dst } = this.options;
    return {
      kind: 'calendar',
      every: { ...this.interval },
      at,
      from: new Date(this.bounds.startMs).toISOString(),
      timeZone: this.zone.name,
      ...(dst !== undefined && { dst: { ...dst } }),
    };
  }
}

/**
 * Fires at a time of day on every so many-th day, week, month or year of the calendar, as a zone's wall clock has it.
 * Units add up: `{ weeks: 1, days: 3 }` is every ten days, `{ years: 1, months: 6 }` every 18 months.
 *
 * Every date is counted from the first, so that nothing adds up: monthly from 31 January is 28 (or 29) February, then 31
 * March; yearly from 29 February is the 28th in other years. When the clocks change, a skipped time of day is read with
 * the offset before the change and a repeated one fires the first time, as with `cron()`; `dst` overrides this.
 * @throws InvalidTriggerError when the interval, the time of day, the zone or an option is wrong.
 */
export function calendar(every: CalendarInterval, options: CalendarOptions): Trigger {
  const interval = checkedInterval(every);
  onlyKeys(options, ['at', 'from', 'timeZone', 'dst'], 'The options of calendar()');
  const timeMs = timeOfDay(options.at);
  const fromMs = readInstant(options.from, 'from');
  const { timeZone = 'UTC' } = options;
  const zone = zoneNamed(timeZone);
  const dst = checkedRule(options.dst);
  const firstDay = Math.floor((fromMs + zone.periodAt(fromMs).offsetMs) / DAY_MS);
  const walls = new CalendarWallTimes(firstDay, stepOf(interval), timeMs);
  const timeline = new Timeline(zone, walls, { ...DEFAULT_RULE, ...dst });
  const bounds = new Bounds({ startAt: new Date(fromMs) });
  return new CalendarTrigger(interval, { at: options.at, ...(dst && { dst }) }, zone, timeline, bounds);
}

function checkedInterval(every: CalendarInterval): CalendarInterval {
  onlyKeys(every, UNITS, 'The interval of calendar()');
  const given = UNITS.filter((unit) => every[unit] !== undefined);
  const wrong = given.find((unit) => {
    const count = every[unit];
    return !(Number.isInteger(count) && (count as number) >= 1 && (count as number) <= MOST_OF_A_UNIT);
  });
  if (wrong !== undefined) {
    throw new InvalidTriggerError(
      `The interval of calendar() has ${wrong}: ${shown(every[wrong])}. Write a whole number from 1 to ${MOST_OF_A_UNIT}.`,
    );
  }
  if (given.length > 0) return Object.fromEntries(given.map((unit) => [unit, every[unit]]));
  throw new InvalidTriggerError(
    'The interval of calendar() is empty. Write { days: 1 }, { weeks: 2 } or { months: 1 }.',
  );
}

function stepOf({ years = 0, months = 0, weeks = 0, days = 0 }: CalendarInterval): CalendarStep {
  return { months: years * 12 + months, days: weeks * 7 + days };
}

function timeOfDay(text: unknown): number {
  const [, hour, minute, second = '0'] = typeof text === 'string' ? (TIME_OF_DAY.exec(text) ?? []) : [];
  if (hour !== undefined) return (Number(hour) * 3_600 + Number(minute) * 60 + Number(second)) * 1_000;
  throw new InvalidTriggerError(
    `at is ${shown(text)}, which is not a time of day. Write "07:30" or "07:30:15", from "00:00" to "23:59:59".`,
  );
}
