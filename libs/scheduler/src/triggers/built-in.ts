import { nextFire } from './misfire.js';
import { InvalidTriggerError, type Trigger } from './trigger.js';
import type { Grid } from './wall-clock.js';

/** A user's own trigger may have methods of any name: ours are known by this. */
export const BUILT_IN: unique symbol = Symbol('built-in trigger');

/** What our triggers tell those that are made of them, beside the port. What one does not tell, nobody relies on. */
export interface BuiltInTrigger extends Trigger {
  readonly [BUILT_IN]: true;
  /** The first fire in (`afterMs`, `untilMs`], of a trigger that asks others. */
  nextWithin?(afterMs: number, untilMs: number, steps: Steps): number | null;
  /** Every fire is at a whole second. */
  readonly isOnWholeSeconds?: boolean;
  /** It fires every millisecond of some stretch of time: no job can follow that. */
  readonly isEveryMillisecond?: boolean;
  /**
   * How far the fires go on from the one at `ms` with one each `gridMs`: the last instant of the stretch, or an earlier
   * one; `ms` itself when it does not fire then.
   */
  unbrokenUntil?(ms: number, gridMs: Grid): number;
  /** The times that a change of the clocks skips and that do not run: when they would have, in (`afterMs`, `untilMs`], in order. */
  dropped?(afterMs: number, untilMs: number): Iterable<number>;
  /** Whether the fire at `ms` is that of a time which a change of the clocks skips. */
  isMoved?(ms: number): boolean;
  /** The same, counted from `anchor` where nothing else was given. */
  withAnchor?(anchor: Date): Trigger;
}

/** What one answer of a trigger may cost that is made of others: so many times one of them is asked. */
export const MOST_STEPS = 10_000;

/** Where a search for the last fire begins: so near, and then sixteen times as far. */
const FIRST_SPAN_MS = 60_000;

/** The steps that are left for one answer, however deep the triggers are nested. */
export class Steps {
  #taken = 0;

  constructor(
    private readonly trigger: Trigger,
    private readonly most = MOST_STEPS,
  ) {}

  take(afterMs: number): void {
    if (this.#taken < this.most) {
      this.#taken += 1;
      return;
    }
    throw new InvalidTriggerError(
      `The trigger "${this.trigger.describe()}" was asked for a fire, and after ${this.most} steps, at ` +
        `${new Date(afterMs).toISOString()}, there was none yet. Its parts leave nothing, or hardly ever agree. Give ` +
        'intervals an anchor on which the others fire too, and leave out whole days with days().',
    );
  }
}

function asBuiltIn(trigger: Trigger): BuiltInTrigger | null {
  return BUILT_IN in trigger ? (trigger as BuiltInTrigger) : null;
}

/** The first fire of any trigger in (`afterMs`, `untilMs`]. */
export function nextWithin(trigger: Trigger, afterMs: number, untilMs: number, steps: Steps): number | null {
  const own = asBuiltIn(trigger);
  if (own?.nextWithin) return own.nextWithin(afterMs, untilMs, steps);
  steps.take(afterMs);
  const fire = nextFire(trigger, new Date(afterMs))?.getTime() ?? null;
  return fire === null || fire > untilMs ? null : fire;
}

export function firesAt(trigger: Trigger, ms: number, steps: Steps): boolean {
  return nextWithin(trigger, ms - 1, ms, steps) === ms;
}

/**
 * The last fire in (`notBeforeMs`, `atMs`], of a trigger that only looks forward: halved in, not stepped through. Of one
 * that fires often the last fire is near, and what is long ago is not looked at.
 */
export function lastByHalving(
  next: (afterMs: number, untilMs: number) => number | null,
  atMs: number,
  notBeforeMs: number,
): number | null {
  let last: number | null = null;
  /** There is none after it. */
  let untilMs = atMs;
  for (let spanMs = FIRST_SPAN_MS; last === null && untilMs > notBeforeMs; spanMs *= 16) {
    const fromMs = Math.max(notBeforeMs, atMs - spanMs);
    last = next(fromMs, untilMs);
    if (last === null) untilMs = fromMs;
  }
  while (last !== null && last < untilMs) {
    const middle: number = last + Math.floor((untilMs - last) / 2);
    const fire = next(middle, untilMs);
    if (fire === null) untilMs = middle;
    else last = fire;
  }
  return last;
}

/** In words, as a part of other words: in brackets where it has parts of its own, or nobody knew what belongs together. */
export function partInWords(trigger: Trigger): string {
  const words = trigger.describe();
  return words.includes('; ') ? `(${words})` : words;
}

export function isOnWholeSeconds(trigger: Trigger): boolean {
  return asBuiltIn(trigger)?.isOnWholeSeconds === true;
}

export function isEveryMillisecond(trigger: Trigger): boolean {
  return asBuiltIn(trigger)?.isEveryMillisecond === true;
}

export function unbrokenUntil(trigger: Trigger, ms: number, gridMs: Grid): number {
  return asBuiltIn(trigger)?.unbrokenUntil?.(ms, gridMs) ?? ms;
}

export function droppedOf(trigger: Trigger, afterMs: number, untilMs: number): Iterable<number> {
  return asBuiltIn(trigger)?.dropped?.(afterMs, untilMs) ?? [];
}

export function isMoved(trigger: Trigger, ms: number): boolean {
  return asBuiltIn(trigger)?.isMoved?.(ms) === true;
}

/**
 * Binds the anchor of an interval that has none, so that `every('15m')` fires 15 minutes after `anchor` (of a job, its
 * creation), also within another trigger. Any other trigger is returned as it is.
 * @throws InvalidTriggerError when `anchor` is not a valid Date.
 */
export function anchored(trigger: Trigger, anchor: Date): Trigger {
  return asBuiltIn(trigger)?.withAnchor?.(anchor) ?? trigger;
}
