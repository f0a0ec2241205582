import { BUILT_IN, type BuiltInTrigger } from './built-in.js';
import { millisecondsOf, readInstant } from './instant.js';
import type { Trigger } from './trigger.js';

/** One instant. */
class DateTrigger implements BuiltInTrigger {
  readonly [BUILT_IN] = true;
  readonly isOnWholeSeconds: boolean;

  constructor(private readonly instantMs: number) {
    this.isOnWholeSeconds = instantMs % 1_000 === 0;
  }

  nextAfter(after: Date): Date | null {
    return millisecondsOf(after, 'after') < this.instantMs ? new Date(this.instantMs) : null;
  }

  lastAtOrBefore(at: Date, notBefore: Date): Date | null {
    const isWithin =
      millisecondsOf(notBefore, 'notBefore') < this.instantMs && this.instantMs <= millisecondsOf(at, 'at');
    return isWithin ? new Date(this.instantMs) : null;
  }

  describe(): string {
    return `once at ${new Date(this.instantMs).toISOString()}`;
  }

  toJSON(): object {
    return { kind: 'at', at: new Date(this.instantMs).toISOString() };
  }
}

/**
 * Fires once.
 * @param instant A `Date`, or ISO 8601 text that says its offset: '2026-11-22T10:00:00Z', '2026-11-22T11:00:00+01:00'. What is
 * finer than a millisecond is cut off.
 * @throws InvalidTriggerError when it is neither, or the text has no offset.
 */
export function at(instant: Date | string): Trigger {
  return new DateTrigger(readInstant(instant, 'The instant of at()'));
}
