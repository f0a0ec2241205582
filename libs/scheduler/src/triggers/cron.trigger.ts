import { Bounds, type BoundsOptions } from './bounds.js';
import { BoundedCache } from './bounded-cache.js';
import { BUILT_IN, type BuiltInTrigger } from './built-in.js';
import { cronExpression, type CronExpression } from './cron-expression.js';
import { checkedRule, DEFAULT_RULE } from './dst-rule.js';
import { onlyKeys } from './plain-object.js';
import { shown } from './instant.js';
import { Timeline } from './timeline.js';
import { InvalidTriggerError, type DstRule, type Trigger } from './trigger.js';
import { EVERY_MATCH, type Grid } from './wall-clock.js';
import { zoneNamed, type Zone } from './zone.js';

export interface CronOptions extends BoundsOptions {
  /** IANA time zone whose wall clock the expression is about. @default 'UTC' */
  timeZone?: string;
  /** What a change of the clocks does to an expression that restricts the hours; it does nothing to the others. @default { gap: 'shift', fold: 'first' } */
  dst?: DstRule;
  /** What `H` is drawn from; not empty. The same text always draws the same values. @default the expression */
  hashSeed?: string;
}

const TIMELINES_KEPT = 10_000;
/** Jobs with the same expression, zone and rule share their answers. */
const timelines = new BoundedCache<Timeline>(TIMELINES_KEPT);

/** A schedule by the wall clock. */
class CronTrigger implements BuiltInTrigger {
  readonly [BUILT_IN] = true;
  readonly isOnWholeSeconds = true;

  constructor(
    private readonly expression: CronExpression,
    private readonly zone: Zone,
    private readonly timeline: Timeline,
    private readonly options: CronOptions,
    private readonly bounds: Bounds,
  ) {}

  nextAfter(after: Date): Date | null {
    return this.bounds.nextAfter(after, (ms) => this.timeline.next(ms));
  }

  lastAtOrBefore(at: Date, notBefore: Date): Date | null {
    return this.bounds.lastAtOrBefore(at, notBefore, (ms, floor) => this.timeline.last(ms, floor));
  }

  unbrokenUntil(ms: number, gridMs: Grid): number {
    return this.bounds.unbrokenUntil(ms, () => this.timeline.unbrokenUntil(ms, gridMs));
  }

  dropped(afterMs: number, untilMs: number): Iterable<number> {
    const { startMs, endMs } = this.bounds;
    return this.timeline.dropped(Math.max(afterMs, startMs - 1), Math.min(untilMs, endMs));
  }

  isMoved(ms: number): boolean {
    return this.timeline.isMoved(ms);
  }

  describe(): string {
    return `${this.expression.describe()} (${this.zone.name})${this.bounds.describe()}`;
  }

  toJSON(): object {
    const { dst, hashSeed } = this.options;
    return {
      kind: 'cron',
      expression: this.expression.text,
      timeZone: this.zone.name,
      ...(dst !== undefined && { dst: { ...dst } }),
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
  const read = cronExpression(expression, hashSeed);
  const zone = zoneNamed(timeZone);
  const rule = read.walls.restrictsHours ? { ...DEFAULT_RULE, ...dst } : EVERY_MATCH;
  const key = [read.key, zone.name, rule.gap, rule.fold].join('\n');
  const timeline = timelines.get(key, () => new Timeline(zone, read.walls, rule));
  return new CronTrigger(read, zone, timeline, { dst, hashSeed }, new Bounds(options));
}
