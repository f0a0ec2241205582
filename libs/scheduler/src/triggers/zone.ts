import { Temporal } from 'temporal-polyfill';
import { BoundedCache } from './bounded-cache.js';
import { shown } from './instant.js';
import { InvalidTriggerError } from './trigger.js';

/** A stretch of time, [`startMs`, `endMs`), in which a zone keeps one offset. Wall clock = instant + offset. */
export interface Period {
  readonly startMs: number;
  readonly endMs: number;
  readonly offsetMs: number;
  /** Offset of the period before; its own when there is none. */
  readonly offsetBeforeMs: number;
  /** Offset of the period after; its own when there is none. */
  readonly offsetAfterMs: number;
}

/** Which edition of the IANA database this process computes with, such as '2026b'; null: nobody says. */
export const ZONE_DATA: string | null = process.versions.tz ?? null;

const ZONES_KEPT = 256;
const PERIODS_KEPT = 256;
const zones = new BoundedCache<Zone>(ZONES_KEPT);

/** A time zone of the IANA database, with the periods that were asked for lately. */
export class Zone {
  readonly #periods: Period[] = [];
  #latest: Period | null = null;

  constructor(readonly name: string) {}

  /** The period that contains the instant. */
  periodAt(ms: number): Period {
    if (this.#latest === null || ms < this.#latest.startMs || ms >= this.#latest.endMs) {
      this.#latest = this.#known(ms) ?? this.#remember(this.#lookUp(ms));
    }
    return this.#latest;
  }

  #known(ms: number): Period | undefined {
    return this.#periods.findLast((period) => period.startMs <= ms && ms < period.endMs);
  }

  #remember(period: Period): Period {
    this.#periods.push(period);
    if (this.#periods.length > PERIODS_KEPT) this.#periods.shift();
    return period;
  }

  #lookUp(ms: number): Period {
    const now = this.#at(ms);
    // 'previous' is strictly before: a millisecond later, a change at this very instant counts.
    const start = this.#at(ms + 1).getTimeZoneTransition('previous');
    const end = now.getTimeZoneTransition('next');
    const offsetMs = offsetOf(now);
    return {
      startMs: start?.epochMilliseconds ?? -Infinity,
      endMs: end?.epochMilliseconds ?? Infinity,
      offsetMs,
      offsetBeforeMs: start ? offsetOf(this.#at(start.epochMilliseconds - 1)) : offsetMs,
      offsetAfterMs: end ? offsetOf(end) : offsetMs,
    };
  }

  #at(ms: number): Temporal.ZonedDateTime {
    return Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(this.name);
  }
}

/** The zone of that name, checked. */
export function zoneNamed(name: unknown): Zone {
  if (typeof name !== 'string') throw notAZone(name);
  return zones.get(name, () => {
    // Newer Intl takes an offset, and Temporal even a whole date with a zone in brackets; Intl refuses the latter.
    if (/^[+-]/.test(name)) throw notAZone(name);
    try {
      new Intl.DateTimeFormat('en', { timeZone: name });
    } catch (error) {
      throw notAZone(name, error);
    }
    return new Zone(name);
  });
}

function offsetOf(time: Temporal.ZonedDateTime): number {
  return time.offsetNanoseconds / 1_000_000;
}

function notAZone(name: unknown, cause?: unknown): InvalidTriggerError {
  return new InvalidTriggerError(
    `${shown(name)} is not an IANA time zone. Write a name such as "Europe/Paris", "America/New_York" or "UTC".`,
    { cause },
  );
}
