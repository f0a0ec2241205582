const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;

/** No clock has ever been further from UTC. */
export const FURTHEST = 16 * HOUR;

/** From `fromMs` on the clock runs `offsetMs` ahead of UTC, until the next stretch. */
interface Stretch {
  readonly fromMs: number;
  readonly offsetMs: number;
}

/**
 * What the clock on the wall of a zone shows, from `Intl.DateTimeFormat` alone: it is looked at once an hour, and where the
 * offset has changed meanwhile, at the seconds between. No zone has changed its clock twice within an hour. A wall-clock
 * time is written as the milliseconds it would be in UTC.
 */
export class SlowClock {
  readonly #format: Intl.DateTimeFormat;
  readonly #days = new Map<number, readonly Stretch[]>();

  constructor(readonly zone: string) {
    const date = { year: 'numeric', month: 'numeric', day: 'numeric' } as const;
    const time = { hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23' } as const;
    this.#format = new Intl.DateTimeFormat('en-US', { timeZone: zone, calendar: 'gregory', ...date, ...time });
  }

  /** What the wall clock shows at an instant, in whole seconds. */
  look(ms: number): number {
    const [month, day, year, hour, minute, second] = this.#format.format(ms).match(/\d+/g)!.map(Number);
    return Date.UTC(year!, month! - 1, day, hour, minute, second);
  }

  /** The same, from what was seen before. */
  wallAt(ms: number): number {
    return ms + this.#stretchAt(ms).offsetMs;
  }

  /** All instants at which the wall clock shows this time, ascending. */
  instantsOf(wall: number): number[] {
    const stretches = this.#stretchesNear(wall);
    const [only] = stretches;
    if (stretches.length === 1) return [wall - only!.offsetMs];
    const candidates = new Set(stretches.map(({ offsetMs }) => wall - offsetMs));
    return [...candidates].filter((ms) => this.wallAt(ms) === wall).sort((a, b) => a - b);
  }

  /** The change that leaves this time out: when it is, and the instant of the time if the clock had gone on as before. */
  gapAt(wall: number): { endMs: number; asBeforeMs: number } | null {
    const stretches = this.#stretchesNear(wall);
    for (const [index, { fromMs, offsetMs }] of stretches.entries()) {
      const before = stretches[index - 1];
      if (before === undefined || wall < fromMs + before.offsetMs || wall >= fromMs + offsetMs) continue;
      return { endMs: fromMs, asBeforeMs: wall - before.offsetMs };
    }
    return null;
  }

  #stretchAt(ms: number): Stretch {
    return this.#stretchesOf(Math.floor(ms / DAY)).findLast(({ fromMs }) => fromMs <= ms)!;
  }

  /** All stretches in which the clock may show this time, without those that only go on with the one before. */
  #stretchesNear(wall: number): Stretch[] {
    const near: Stretch[] = [];
    for (let day = Math.floor((wall - FURTHEST) / DAY); day <= Math.floor((wall + FURTHEST) / DAY); day += 1) {
      for (const stretch of this.#stretchesOf(day)) {
        if (stretch.offsetMs !== near.at(-1)?.offsetMs) near.push(stretch);
      }
    }
    return near;
  }

  #stretchesOf(day: number): readonly Stretch[] {
    const known = this.#days.get(day);
    if (known) return known;
    const startMs = day * DAY;
    const stretches: Stretch[] = [{ fromMs: startMs, offsetMs: this.#offsetAt(startMs) }];
    for (let ms = startMs + HOUR; ms <= startMs + DAY; ms += HOUR) {
      const offsetMs = this.#offsetAt(ms);
      if (offsetMs === stretches.at(-1)!.offsetMs) continue;
      const fromMs = this.#firstWith(offsetMs, ms - HOUR, ms);
      if (fromMs < startMs + DAY) stretches.push({ fromMs, offsetMs });
    }
    this.#days.set(day, stretches);
    return stretches;
  }

  /** The first second in (`afterMs`, `atMs`] with this offset. */
  #firstWith(offsetMs: number, afterMs: number, atMs: number): number {
    let [before, from] = [afterMs, atMs];
    while (from - before > SECOND) {
      const middle = before + Math.floor((from - before) / 2 / SECOND) * SECOND;
      if (this.#offsetAt(middle) === offsetMs) from = middle;
      else before = middle;
    }
    return from;
  }

  #offsetAt(ms: number): number {
    return this.look(ms) - ms;
  }
}
