import { Bounds, type BoundsOptions } from './bounds.js';
import {
  anchored,
  BUILT_IN,
  droppedOf,
  isEveryMillisecond,
  isMoved,
  isOnWholeSeconds,
  nextWithin,
  partInWords,
  Steps,
  unbrokenUntil,
  type BuiltInTrigger,
} from './built-in.js';
import type { Trigger } from './trigger.js';
import type { Grid } from './wall-clock.js';

/** Another trigger's fires, between two instants. */
class WithinTrigger implements BuiltInTrigger {
  readonly [BUILT_IN] = true;

  constructor(
    private readonly trigger: Trigger,
    private readonly bounds: Bounds,
  ) {}

  nextAfter(after: Date): Date | null {
    return this.bounds.nextAfter(after, (ms) => this.nextWithin(ms, Infinity, new Steps(this)));
  }

  lastAtOrBefore(at: Date, notBefore: Date): Date | null {
    return this.bounds.lastAtOrBefore(
      at,
      notBefore,
      (ms, floor) => this.trigger.lastAtOrBefore(new Date(ms), new Date(floor))?.getTime() ?? null,
    );
  }

  describe(): string {
    return `${partInWords(this.trigger)}${this.bounds.describe()}`;
  }

  toJSON(): object {
    return { kind: 'within', trigger: this.trigger.toJSON(), ...this.bounds.toJSON() };
  }

  get isOnWholeSeconds(): boolean {
    return isOnWholeSeconds(this.trigger);
  }

  get isEveryMillisecond(): boolean {
    return isEveryMillisecond(this.trigger);
  }

  nextWithin(afterMs: number, untilMs: number, steps: Steps): number | null {
    const { startMs, endMs } = this.bounds;
    return nextWithin(this.trigger, Math.max(afterMs, startMs - 1), Math.min(untilMs, endMs), steps);
  }

  unbrokenUntil(ms: number, gridMs: Grid): number {
    return this.bounds.unbrokenUntil(ms, () => unbrokenUntil(this.trigger, ms, gridMs));
  }

  dropped(afterMs: number, untilMs: number): Iterable<number> {
    const { startMs, endMs } = this.bounds;
    return droppedOf(this.trigger, Math.max(afterMs, startMs - 1), Math.min(untilMs, endMs));
  }

  isMoved(ms: number): boolean {
    return isMoved(this.trigger, ms);
  }

  withAnchor(anchor: Date): Trigger {
    return new WithinTrigger(anchored(this.trigger, anchor), this.bounds);
  }
}

/** The fires of any trigger, the user's own included, that lie within the bounds. An interval without an anchor is counted from `startAt`. */
export function within(trigger: Trigger, options: BoundsOptions): Trigger {
  const bounds = new Bounds(options);
  const { givenStartMs } = bounds;
  return new WithinTrigger(givenStartMs === null ? trigger : anchored(trigger, new Date(givenStartMs)), bounds);
}
