import { EARLIEST_MS, LATEST_MS, millisecondsOf, readInstant } from './instant.js';
import { InvalidTriggerError } from './trigger.js';

/** When a recurring schedule begins and ends. */
export interface BoundsOptions {
  /** Nothing fires before it; a fire at that instant counts. @default no beginning */
  startAt?: Date;
  /** Nothing fires after it; a fire at that instant counts. @default no end */
  endAt?: Date;
}

/** Keeps the fires of a schedule within [`startMs`, `endMs`], and turns dates into milliseconds and back. */
export class Bounds {
  readonly startMs: number;
  readonly endMs: number;
  /** The given start, if one was given. */
  readonly givenStartMs: number | null;
  readonly #givenEndMs: number | null;

  constructor({ startAt, endAt }: BoundsOptions = {}) {
    this.givenStartMs = startAt === undefined ? null : readInstant(startAt, 'startAt');
    this.#givenEndMs = endAt === undefined ? null : readInstant(endAt, 'endAt');
    this.startMs = this.givenStartMs ?? EARLIEST_MS;
    this.endMs = this.#givenEndMs ?? LATEST_MS;
    if (this.startMs > this.endMs) {
      throw new InvalidTriggerError(
        `startAt ${iso(this.startMs)} is after endAt ${iso(this.endMs)}. Give a startAt at or before endAt.`,
      );
    }
  }

  nextAfter(after: Date, next: (afterMs: number) => number | null): Date | null {
    const afterMs = Math.max(millisecondsOf(after, 'after'), this.startMs - 1);
    if (afterMs >= this.endMs) return null;
    const fire = next(afterMs);
    return fire === null || fire > this.endMs ? null : new Date(fire);
  }

  lastAtOrBefore(at: Date, notBefore: Date, last: (atMs: number, notBeforeMs: number) => number | null): Date | null {
    const atMs = Math.min(millisecondsOf(at, 'at'), this.endMs);
    const notBeforeMs = Math.max(millisecondsOf(notBefore, 'notBefore'), this.startMs - 1);
    const fire = atMs > notBeforeMs ? last(atMs, notBeforeMs) : null;
    return fire === null || fire <= notBeforeMs ? null : new Date(fire);
  }

  /** How far an unbroken stretch goes on from `ms`: not from outside of the bounds, and not past their end. */
  unbrokenUntil(ms: number, unbounded: () => number): number {
    return ms < this.startMs || ms > this.endMs ? ms : Math.min(unbounded(), this.endMs);
  }

  /** `, from … until …`, or nothing. */
  describe(): string {
    const { startAt, endAt } = this.toJSON();
    return [startAt && `, from ${startAt}`, endAt && `${startAt ? '' : ','} until ${endAt}`].filter(Boolean).join('');
  }

  toJSON(): { startAt?: string; endAt?: string } {
    return {
      ...(this.givenStartMs !== null && { startAt: iso(this.givenStartMs) }),
      ...(this.#givenEndMs !== null && { endAt: iso(this.#givenEndMs) }),
    };
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
