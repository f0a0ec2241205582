import { Bounds } from './bounds.js';
import {
  anchored,
  BUILT_IN,
  droppedOf,
  firesAt,
  isEveryMillisecond,
  isMoved,
  isOnWholeSeconds,
  lastByHalving,
  MOST_STEPS,
  nextWithin,
  partInWords,
  Steps,
  unbrokenUntil,
  type BuiltInTrigger,
} from './built-in.js';
import { readInstant, shown } from './instant.js';
import { InvalidTriggerError, type Trigger } from './trigger.js';
import { SEARCH_MS, type Grid } from './wall-clock.js';

/** So many are combined at the most. */
export const MOST_TRIGGERS = 100;

/** How several triggers make one. */
interface Combination {
  /** The first fire in (`afterMs`, `untilMs`]. */
  nextWithin(triggers: readonly Trigger[], afterMs: number, untilMs: number, steps: Steps): number | null;
  isOnWholeSeconds(triggers: readonly Trigger[]): boolean;
  isEveryMillisecond(triggers: readonly Trigger[]): boolean;
  unbrokenUntil(triggers: readonly Trigger[], ms: number, gridMs: Grid): number;
  dropped(triggers: readonly Trigger[], afterMs: number, untilMs: number): Iterable<number>;
  isMoved(triggers: readonly Trigger[], ms: number): boolean;
  describe(inWords: readonly string[]): string;
  toJSON(json: readonly object[]): object;
}

/** A trigger made of others. */
class CombinedTrigger implements BuiltInTrigger {
  readonly [BUILT_IN] = true;
  readonly #bounds = new Bounds();

  constructor(
    private readonly combination: Combination,
    private readonly triggers: readonly Trigger[],
  ) {}

  get isOnWholeSeconds(): boolean {
    return this.combination.isOnWholeSeconds(this.triggers);
  }

  get isEveryMillisecond(): boolean {
    return this.combination.isEveryMillisecond(this.triggers);
  }

  nextAfter(after: Date): Date | null {
    return this.#bounds.nextAfter(after, (ms) => this.nextWithin(ms, Infinity, new Steps(this)));
  }

  lastAtOrBefore(at: Date, notBefore: Date): Date | null {
    const steps = new Steps(this, 2 * MOST_STEPS);
    const next = (afterMs: number, untilMs: number) => this.nextWithin(afterMs, untilMs, steps);
    return this.#bounds.lastAtOrBefore(at, notBefore, (ms, floor) => lastByHalving(next, ms, floor));
  }

  nextWithin(afterMs: number, untilMs: number, steps: Steps): number | null {
    return this.combination.nextWithin(this.triggers, afterMs, untilMs, steps);
  }

  unbrokenUntil(ms: number, gridMs: Grid): number {
    return this.combination.unbrokenUntil(this.triggers, ms, gridMs);
  }

  dropped(afterMs: number, untilMs: number): Iterable<number> {
    return this.combination.dropped(this.triggers, afterMs, untilMs);
  }

  isMoved(ms: number): boolean {
    return this.combination.isMoved(this.triggers, ms);
  }

  /** Whole seconds: others of the triggers fire on those, and an interval should be able to agree with them. */
  withAnchor(anchor: Date): Trigger {
    const wholeSecond = new Date(Math.floor(readInstant(anchor, 'anchor') / 1_000) * 1_000);
    const triggers = this.triggers.map((trigger) => anchored(trigger, wholeSecond));
    return triggers.every((each, place) => each === this.triggers[place])
      ? this
      : new CombinedTrigger(this.combination, triggers);
  }

  describe(): string {
    return this.combination.describe(this.triggers.map(partInWords));
  }

  toJSON(): object {
    return this.combination.toJSON(this.triggers.map((trigger) => trigger.toJSON()));
  }
}

const ALL_OF: Combination = {
  /** Each in turn is asked for its first fire at or after the instant that the others agree on so far. */
  nextWithin(triggers, afterMs, untilMs, steps) {
    let candidate = afterMs + 1;
    let horizon = Infinity;
    for (let place = 0, agreeing = 0; agreeing < triggers.length; place = (place + 1) % triggers.length) {
      const fire = nextWithin(triggers[place]!, candidate - 1, Math.min(untilMs, horizon), steps);
      if (fire === null) return null;
      if (horizon === Infinity) horizon = fire + SEARCH_MS;
      agreeing = fire === candidate ? agreeing + 1 : 1;
      candidate = fire;
    }
    return candidate;
  },
  isOnWholeSeconds: (triggers) => triggers.some(isOnWholeSeconds),
  isEveryMillisecond: (triggers) => triggers.every(isEveryMillisecond),
  unbrokenUntil: (triggers, ms, gridMs) => Math.min(...triggers.map((each) => unbrokenUntil(each, ms, gridMs))),
  // what is dropped is no fire that the others could agree with
  dropped: () => [],
  isMoved: (triggers, ms) => triggers.some((each) => isMoved(each, ms)),
  describe: (inWords) => inWords.join('; and at the same instant '),
  toJSON: (triggers) => ({ kind: 'allOf', triggers }),
};

const ANY_OF: Combination = {
  nextWithin(triggers, afterMs, untilMs, steps) {
    let first: number | null = null;
    for (const trigger of triggers) first = nextWithin(trigger, afterMs, first ?? untilMs, steps) ?? first;
    return first;
  },
  isOnWholeSeconds: (triggers) => triggers.every(isOnWholeSeconds),
  isEveryMillisecond: (triggers) => triggers.some(isEveryMillisecond),
  unbrokenUntil: (triggers, ms, gridMs) => Math.max(...triggers.map((each) => unbrokenUntil(each, ms, gridMs))),
  dropped: (triggers, afterMs, untilMs) =>
    triggers.flatMap((each) => [...droppedOf(each, afterMs, untilMs)]).sort((a, b) => a - b),
  isMoved: (triggers, ms) => triggers.some((each) => isMoved(each, ms) && firesAt(each, ms, new Steps(each))),
  describe: (inWords) => inWords.join('; or '),
  toJSON: (triggers) => ({ kind: 'anyOf', triggers }),
};

const EXCEPT: Combination = {
  nextWithin([trigger, ...excluded], afterMs, untilMs, steps) {
    let from = afterMs;
    let horizon = Infinity;
    for (;;) {
      const fire = nextWithin(trigger!, from, Math.min(untilMs, horizon), steps);
      if (fire === null) return null;
      if (horizon === Infinity) horizon = fire + SEARCH_MS;
      const excluding = excluded.find((each) => firesAt(each, fire, steps));
      if (excluding === undefined) return fire;
      from = unbrokenUntil(excluding, fire, isOnWholeSeconds(trigger!) ? 1_000 : 1);
    }
  },
  isOnWholeSeconds: ([trigger]) => isOnWholeSeconds(trigger!),
  isEveryMillisecond: ([trigger]) => isEveryMillisecond(trigger!),
  unbrokenUntil: (_triggers, ms) => ms,
  *dropped([trigger, ...excluded], afterMs, untilMs) {
    for (const ms of droppedOf(trigger!, afterMs, untilMs)) {
      if (!excluded.some((each) => firesAt(each, ms, new Steps(each)))) yield ms;
    }
  },
  isMoved: ([trigger], ms) => isMoved(trigger!, ms),
  describe: ([trigger, ...excluded]) => `${trigger}; but not ${excluded.join(', nor ')}`,
  toJSON: ([trigger, ...excluded]) => ({ kind: 'except', trigger, excluded }),
};

/**
 * Fires at the instants at which all of the triggers fire. An interval without an anchor is counted from the whole second
 * in which its job was created: give it an `anchor` on which the others fire, too.
 *
 * Finding the next fire takes at most 10,000 questions to the triggers; when they have not agreed by then, asking throws
 * InvalidTriggerError, and a job with such a trigger is quarantined. Where they do not agree within 50 years there is no fire.
 * @throws InvalidTriggerError when one of the arguments is no trigger, or there are none, or more than 100.
 */
export function allOf(...triggers: Trigger[]): Trigger {
  return new CombinedTrigger(ALL_OF, checked('allOf', triggers, 1));
}

/**
 * Fires at every instant at which at least one of the triggers fires: once, also where several do.
 * @throws InvalidTriggerError when one of the arguments is no trigger, or there are none, or more than 100.
 */
export function anyOf(...triggers: Trigger[]): Trigger {
  return new CombinedTrigger(ANY_OF, checked('anyOf', triggers, 1));
}

/**
 * Fires when the trigger does, but not at the instants at which one of the excluded ones fires. Whole days are left out
 * with `days()`: by date, by weekday, or from one date to another. A cron expression names whole seconds, and leaves out
 * an interval only where that fires on them.
 * @throws InvalidTriggerError when one of the arguments is no trigger, none is excluded, or more than 99 are.
 */
export function except(trigger: Trigger, ...excluded: Trigger[]): Trigger {
  return new CombinedTrigger(EXCEPT, checked('except', [trigger, ...excluded], 2));
}

function checked(name: string, triggers: readonly unknown[], least: number): readonly Trigger[] {
  if (triggers.length < least || triggers.length > MOST_TRIGGERS) {
    throw new InvalidTriggerError(
      `${name}() was given ${triggers.length} triggers. Give it ${least} to ${MOST_TRIGGERS}.`,
    );
  }
  for (const [place, trigger] of triggers.entries()) {
    const complaint = notATrigger(trigger);
    if (complaint !== null)
      throw new InvalidTriggerError(`Argument ${place + 1} of ${name}(), ${shown(trigger)}, ${complaint}`);
  }
  return triggers as readonly Trigger[];
}

/** What is wrong with it, or null. */
export function notATrigger(trigger: unknown): string | null {
  const missing = (['nextAfter', 'lastAtOrBefore', 'describe', 'toJSON'] as const).find(
    (method) => typeof (trigger as Partial<Trigger> | null | undefined)?.[method] !== 'function',
  );
  if (missing === undefined) return null;
  return `has no method ${missing}(). Give what cron(), every(), at(), calendar(), days(), allOf(), anyOf() or except() returns, or an object with the methods of Trigger.`;
}
