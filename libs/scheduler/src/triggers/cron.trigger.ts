import { Bounds, type BoundsOptions } from './bounds.js';
import { cronWallTimes, type CronWallTimes } from './cron-expression.js';
import { onlyKeys } from './plain-object.js';
import { shown } from './instant.js';
import { InvalidTriggerError, type DstRule, type Trigger } from './trigger.js';
import { EVERY_MATCH, lastFire, nextFire } from './wall-clock.js';
import { zoneNamed, type Zone } from './zone.js';

export interface CronOptions extends BoundsOptions {
  /** IANA time zone whose wall clock the expression is about. @default 'UTC' */
  timeZone?: string;
  /** What a change of the clocks does to an expression that restricts the hours; it does nothing to the others. @default { gap: 'shift', fold: 'first' } */
  dst?: DstRule;
  /** What `H` is drawn from; not empty. The same text always draws the same values. @default the expression */
  hashSeed?: string;
}

const DEFAULT_RULE = { gap: 'shift', fold: 'first' } as const satisfies Required<DstRule>;
const CHOICES = { gap: ['shift', 'next', 'skip'], fold: ['first', 'second', 'both'] } as const;

/** A schedule by the wall clock. */
class CronTrigger implements Trigger {
  readonly #rule: Required<DstRule>;

  constructor(
    private readonly walls: CronWallTimes,
    private readonly zone: Zone,
    private readonly options: CronOptions,
    private readonly bounds: Bounds,
  ) {
    this.#rule = walls.restrictsHours ? { ...DEFAULT_RULE, ...options.dst } : EVERY_MATCH;
  }

  nextAfter(after: Date): Date | null {
    return this.bounds.nextAfter(after, (ms) => nextFire(this.zone, this.walls, this.#rule, ms));
  }

  lastAtOrBefore(at: Date, notBefore: Date): Date | null {
    return this.bounds.lastAtOrBefore(at, notBefore, (ms, floor) =>
      lastFire(this.zone, this.walls, this.#rule, ms, floor),
    );
  }

  describe(): string {
    return `${this.walls.describe()} (${this.zone.name})${this.bounds.describe()}`;
  }

  toJSON(): object {
    const { dst, hashSeed } = this.options;
    return {
      kind: 'cron',
      expression: this.walls.expression,
      timeZone: this.zone.name,
      ...(dst !== undefined && { dst }),
      ...(hashSeed !== undefined && { hashSeed }),
      ...this.bounds.toJSON(),
    };
  }
}

/**
 * Fires at the wall-clock times of a crontab expression, to the second.
 *
 * Five fields (minute, hour, day of month, month, day of week) or six with the second first; names, lists, ranges, steps,
 * `L` (last), `5#3` (third Friday), `H` (drawn by hash), `?`, and nicknames such as `@daily`. 0 and 7 are Sunday. As in
 * crontab(5), when both day fields are restricted a day that matches *either* counts.
 *
 * When the clocks change: an expression that restricts the hours names wall-clock times, and each fires once. A time that
 * the change skips is read with the offset before it (02:30 runs at 03:30: RFC 5545, and "compatible" in TC39 Temporal), a
 * time that it repeats fires at the first of the two, and times that fall on one instant fire once; `dst` overrides this.
 * An expression that does not restrict the hours fires at every instant whose wall clock matches, and `dst` does nothing.
 *
 * The search for a fire gives up 50 years away, so a `dst` that drops every fire of an expression ends in `null`.
 * @throws InvalidTriggerError when the expression, the zone or an option is wrong, or the expression can never fire.
 */
export function cron(expression: string, options: CronOptions = {}): Trigger {
  onlyKeys(options, ['timeZone', 'dst', 'hashSeed', 'startAt', 'endAt'], 'The options of cron()');
  const { hashSeed, timeZone = 'UTC' } = options;
  if (hashSeed !== undefined && (typeof hashSeed !== 'string' || hashSeed === '')) {
    throw new InvalidTriggerError(
      `hashSeed is ${shown(hashSeed)}. Give a text that is not empty, such as the job's id.`,
    );
  }
  const dst = checkedRule(options.dst);
  const walls = cronWallTimes(expression, hashSeed);
  return new CronTrigger(walls, zoneNamed(timeZone), { dst, hashSeed }, new Bounds(options));
}

/** Only what was given, so that the trigger's JSON says no more than its author did. */
function checkedRule(rule: DstRule | undefined): DstRule | undefined {
  if (rule === undefined) return undefined;
  onlyKeys(rule, ['gap', 'fold'], 'dst');
  const given = Object.entries(rule).filter(([, value]) => value !== undefined);
  for (const key of ['gap', 'fold'] as const) {
    const choices: readonly unknown[] = CHOICES[key];
    if (rule[key] === undefined || choices.includes(rule[key])) continue;
    throw new InvalidTriggerError(`dst.${key} is ${shown(rule[key])}. Write one of ${choices.map(shown).join(', ')}.`);
  }
  return given.length === 0 ? undefined : (Object.fromEntries(given) as DstRule);
}
