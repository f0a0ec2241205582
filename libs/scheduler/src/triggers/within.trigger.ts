import { Bounds, type BoundsOptions } from './bounds.js';
import { anchored } from './interval.trigger.js';
import type { Trigger } from './trigger.js';

/** Another trigger's fires, between two instants. */
class WithinTrigger implements Trigger {
  constructor(
    private readonly trigger: Trigger,
    private readonly bounds: Bounds,
  ) {}

  nextAfter(after: Date): Date | null {
    return this.bounds.nextAfter(after, (ms) => this.trigger.nextAfter(new Date(ms))?.getTime() ?? null);
  }

  lastAtOrBefore(at: Date, notBefore: Date): Date | null {
    return this.bounds.lastAtOrBefore(
      at,
      notBefore,
      (ms, floor) => this.trigger.lastAtOrBefore(new Date(ms), new Date(floor))?.getTime() ?? null,
    );
  }

  describe(): string {
    return `${this.trigger.describe()}${this.bounds.describe()}`;
  }

  toJSON(): object {
    return { kind: 'within', trigger: this.trigger.toJSON(), ...this.bounds.toJSON() };
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
