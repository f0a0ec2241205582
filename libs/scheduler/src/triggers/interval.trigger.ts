import prettyMilliseconds from 'pretty-ms';
import { Bounds, type BoundsOptions } from './bounds.js';
import { BUILT_IN, type BuiltInTrigger } from './built-in.js';
import { durationMs } from './duration.js';
import { readInstant } from './instant.js';
import { onlyKeys } from './plain-object.js';
import type { Duration, Trigger } from './trigger.js';

export interface IntervalOptions extends BoundsOptions {
  /** The instant the intervals are counted from, in both directions. @default startAt; without it, the instant the job was first seen, and where there is no job the Unix epoch */
  anchor?: Date;
}

/** A schedule by elapsed time. */
class IntervalTrigger implements BuiltInTrigger {
  readonly [BUILT_IN] = true;
  readonly #anchorMs: number | null;

  constructor(
    private readonly duration: Duration,
    private readonly intervalMs: number,
    private readonly anchor: Date | undefined,
    private readonly bounds: Bounds,
  ) {
    this.#anchorMs = anchor === undefined ? bounds.givenStartMs : readInstant(anchor, 'anchor');
  }

  get isOnWholeSeconds(): boolean {
    return this.intervalMs % 1_000 === 0 && (this.#anchorMs ?? 0) % 1_000 === 0;
  }

  nextAfter(after: Date): Date | null {
    return this.bounds.nextAfter(after, (ms) => this.#last(ms) + this.intervalMs);
  }

  lastAtOrBefore(at: Date, notBefore: Date): Date | null {
    return this.bounds.lastAtOrBefore(at, notBefore, (ms) => this.#last(ms));
  }

  describe(): string {
    const words = prettyMilliseconds(this.intervalMs, { verbose: true, hideYear: true, secondsDecimalDigits: 3 });
    return `every ${words}${this.bounds.describe()}`;
  }

  toJSON(): object {
    return {
      kind: 'every',
      every: this.duration,
      ...(this.anchor !== undefined && { anchor: new Date(this.#anchorMs ?? 0).toISOString() }),
      ...this.bounds.toJSON(),
    };
  }

  /** The same intervals counted from `anchor`, unless they are counted from a given instant already. */
  withAnchor(anchor: Date): Trigger {
    if (this.#anchorMs !== null) return this;
    return new IntervalTrigger(this.duration, this.intervalMs, new Date(readInstant(anchor, 'anchor')), this.bounds);
  }

  /** The multiple of the interval at or before: always counted from the anchor, so that nothing adds up. */
  #last(ms: number): number {
    const elapsed = (ms - (this.#anchorMs ?? 0)) % this.intervalMs;
    return ms - (elapsed < 0 ? elapsed + this.intervalMs : elapsed);
  }
}

/**
 * Fires every so much elapsed time, counted from an anchor: it never drifts, and a change of the clocks does nothing to it.
 * The first fire after the anchor is the anchor plus the interval. With `startAt` and no anchor, the first fire is at `startAt`.
 * @param duration More than zero and whole milliseconds: '30s', '15 m', '1.5h', 'PT15M'. A day is 24 hours.
 * @throws InvalidTriggerError when the duration or an option is wrong.
 */
export function every(duration: Duration, options: IntervalOptions = {}): Trigger {
  const intervalMs = durationMs(duration);
  onlyKeys(options, ['anchor', 'startAt', 'endAt'], 'The options of every()');
  return new IntervalTrigger(duration, intervalMs, options.anchor, new Bounds(options));
}
