import { Temporal } from 'temporal-polyfill';
import { InvalidTriggerError } from './trigger.js';

export const DAY_MS = 86_400_000;
/** Schedules live in the years 1 to 9999; nothing fires outside of them. */
export const EARLIEST_MS = Date.UTC(2000, 0, 1) - 63_082_281_600_000;
export const LATEST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Milliseconds of a `Date` that a caller passed. */
export function millisecondsOf(date: Date, name: string): number {
  const ms = date instanceof Date ? date.getTime() : Number.NaN;
  if (Number.isNaN(ms)) throw new InvalidTriggerError(`${name} is ${shown(date)}. Pass a valid Date.`);
  return ms;
}

/** Milliseconds of a `Date` or of ISO 8601 text with an offset, such as what `JSON.stringify` makes of a `Date`. */
export function readInstant(value: unknown, name: string): number {
  const ms = typeof value === 'string' ? textInstant(value, name) : millisecondsOf(value as Date, name);
  if (ms < EARLIEST_MS || ms > LATEST_MS) {
    throw new InvalidTriggerError(`${name} is outside of the years 1 to 9999. Give an instant within them.`);
  }
  return ms;
}

/** A value as an error message shows it: short, and never a throw of its own. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString();
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

function textInstant(text: string, name: string): number {
  try {
    return Temporal.Instant.from(text).epochMilliseconds;
  } catch (error) {
    const why = isLocalTime(text)
      ? 'says no offset, so it is a different instant in every time zone'
      : 'is not an ISO 8601 instant';
    throw new InvalidTriggerError(
      `${name} ${shown(text)} ${why}. Write it with Z or an offset: "2026-11-22T10:00:00Z", "2026-11-22T11:00:00+01:00".`,
      { cause: error },
    );
  }
}

function isLocalTime(text: string): boolean {
  try {
    Temporal.PlainDateTime.from(text);
    return true;
  } catch {
    return false;
  }
}
