import { seededRandom } from './random.js';

/** How long: always the same, or anything between two bounds. In milliseconds. */
export type Duration = number | { minMs: number; maxMs: number };

export type Direction = 'to-server' | 'to-client';

export interface DelayOptions {
  /** @default both */
  direction?: Direction;
  /** Which delays are drawn between two bounds. @default 1 */
  seed?: number;
}

export interface ThrottleOptions {
  /** @default both */
  direction?: Direction;
}

/** What all connections go through: how late and how slow they are. Calm at first. */
export class Weather {
  readonly #delays = new Map<Direction, () => number>();
  readonly #bytesPerSecond = new Map<Direction, number>();

  delay(duration: Duration, { direction, seed = 1 }: DelayOptions): void {
    const random = seededRandom(seed);
    checkDuration(duration);
    for (const each of directions(direction)) this.#delays.set(each, () => draw(duration, random));
  }

  throttle(bytesPerSecond: number, { direction }: ThrottleOptions): void {
    if (!(bytesPerSecond > 0)) throw new RangeError(`Throttle to more than 0 bytes per second, not ${bytesPerSecond}.`);
    for (const each of directions(direction)) this.#bytesPerSecond.set(each, bytesPerSecond);
  }

  calm(): void {
    this.#delays.clear();
    this.#bytesPerSecond.clear();
  }

  /** How long the next message takes. */
  delayMs(direction: Direction): number {
    return this.#delays.get(direction)?.() ?? 0;
  }

  bytesPerSecond(direction: Direction): number {
    return this.#bytesPerSecond.get(direction) ?? Infinity;
  }
}

export function draw(duration: Duration, random: () => number): number {
  if (typeof duration === 'number') return duration;
  return duration.minMs + random() * (duration.maxMs - duration.minMs);
}

export function checkDuration(duration: Duration): void {
  const { minMs, maxMs } = typeof duration === 'number' ? { minMs: duration, maxMs: duration } : duration;
  if (minMs >= 0 && maxMs >= minMs && maxMs < 2 ** 31) return;
  throw new RangeError(`A delay is 0 ms or more, with minMs <= maxMs; got ${JSON.stringify(duration)}.`);
}

function directions(direction: Direction | undefined): Direction[] {
  return direction ? [direction] : ['to-server', 'to-client'];
}
