/**
 * When a job fires: a value, pure and total. The built-in ones are made by `cron()`, `every()`, `at()`, `calendar()`,
 * `days()`, `allOf()`, `anyOf()` and `except()`; any object that keeps these promises is a trigger too. Instants are whole milliseconds, and every result is a new `Date`.
 */
export interface Trigger {
  /** The first fire strictly after `after`, or `null` when there is none. */
  nextAfter(after: Date): Date | null;
  /** The last fire in (`notBefore`, `at`], found without stepping through all of them, or `null` when there is none. */
  lastAtOrBefore(at: Date, notBefore: Date): Date | null;
  /** In words, for people. */
  describe(): string;
  /** Plain data from which `parseTrigger` makes a trigger with the same fires. */
  toJSON(): object;
}

/**
 * A length of elapsed time: '30s', '15 m', '1.5h' (units ms, s, m, h, d, w) or ISO 8601 ('PT15M').
 * A bare number does not compile: nobody knows its unit.
 */
export type Duration = `${number}${DurationUnit}` | `${number} ${DurationUnit}` | `P${string}`;
type DurationUnit = 'ms' | 's' | 'm' | 'h' | 'd' | 'w';

/** What a change of the clocks does to `calendar()` and to an expression that restricts the hours. It does nothing to the others. */
export interface DstRule {
  /**
   * A wall-clock time that the change skips. `shift`: it is read with the offset before the change, so 02:30 runs at 03:30
   * (RFC 5545). `next`: it runs at the first instant after the gap. `skip`: it does not run that day.
   * @default 'shift'
   */
  gap?: 'shift' | 'next' | 'skip';
  /**
   * A wall-clock time that the change repeats: it runs at the first of the two, at the second, or at both.
   * @default 'first'
   */
  fold?: 'first' | 'second' | 'both';
}

/** A schedule that cannot be what its author meant. The message says what was wrong and what to write instead. */
export class InvalidTriggerError extends Error {
  override readonly name = 'InvalidTriggerError';
}
