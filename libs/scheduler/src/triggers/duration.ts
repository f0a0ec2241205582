import ms, { type StringValue } from 'ms';
import { Temporal } from 'temporal-polyfill';
import { DAY_MS, shown } from './instant.js';
import { InvalidTriggerError, type Duration } from './trigger.js';

const WITH_UNIT = /^(\d+\.?\d*|\.\d+) ?(ms|s|m|h|d|w)$/;
const CALENDAR_UNIT = /^\d+\.?\d* ?(M|mo|months?|y|yrs?|years?)$/;
const LONGEST_TEXT = 100;
const HOW_TO = 'Write a number and a unit (ms, s, m, h, d, w) such as "30s" or "1.5h", or ISO 8601 such as "PT15M".';

/**
 * The whole milliseconds of a duration; more than zero. A day is 24 hours and a week 7 days of elapsed time, whatever the
 * clocks do.
 * @throws InvalidTriggerError for anything else: no unit, a sign, zero, months and years, a fraction of a millisecond.
 */
export function durationMs(duration: Duration): number {
  const text: unknown = duration;
  if (typeof text === 'number') throw new InvalidTriggerError(`The duration ${text} has no unit. ${HOW_TO}`);
  if (typeof text !== 'string' || text.length > LONGEST_TEXT) {
    throw new InvalidTriggerError(`${shown(text)} is not a duration. ${HOW_TO}`);
  }
  const exact = text.startsWith('P') ? isoMs(text) : unitMs(text);
  const whole = Math.round(exact);
  if (!Number.isSafeInteger(whole) || Math.abs(exact - whole) > 1e-6) {
    throw new InvalidTriggerError(`The duration ${shown(text)} is not a whole number of milliseconds. ${HOW_TO}`);
  }
  if (whole <= 0) throw new InvalidTriggerError(`The duration ${shown(text)} is not more than zero. ${HOW_TO}`);
  return whole;
}

function unitMs(text: string): number {
  if (CALENDAR_UNIT.test(text)) throw noFixedLength(text);
  if (!WITH_UNIT.test(text)) throw new InvalidTriggerError(`${shown(text)} is not a duration. ${HOW_TO}`);
  return ms(text as StringValue);
}

function isoMs(text: string): number {
  const duration = isoDuration(text);
  if (duration.years !== 0 || duration.months !== 0) throw noFixedLength(text);
  const { weeks, days } = duration;
  return duration.with({ weeks: 0, days: 0 }).total('milliseconds') + (weeks * 7 + days) * DAY_MS;
}

function isoDuration(text: string): Temporal.Duration {
  try {
    return Temporal.Duration.from(text);
  } catch (error) {
    throw new InvalidTriggerError(`${shown(text)} is not an ISO 8601 duration. ${HOW_TO}`, { cause: error });
  }
}

function noFixedLength(text: string): InvalidTriggerError {
  return new InvalidTriggerError(
    `The duration ${shown(text)} has months or years, which have no fixed length. ` +
      'Use cron for a schedule by the calendar ("0 0 1 * *" is the first day of every month), or calendar({ months: 1 }, …).',
  );
}
