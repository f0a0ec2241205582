import type { DstRule } from './trigger.js';
import {
  EVERY_MATCH,
  lastFire,
  nextFire,
  skippedTimes,
  unbrokenUntil,
  type Grid,
  type SkippedTime,
  type WallTimes,
} from './wall-clock.js';
import type { Zone } from './zone.js';

/** How many answers are remembered: the instants around now of a job that is due, forward and backward. */
const ANSWERS_KEPT = 8;

/**
 * The instants of wall-clock times in a zone. Many jobs ask for the same ones at about the same time: an answer holds
 * for every instant up to it, so that most of them are looked up.
 */
export class Timeline {
  readonly #next = new Answers();
  readonly #last = new Answers();

  constructor(
    private readonly zone: Zone,
    private readonly walls: WallTimes,
    private readonly rule: Required<DstRule>,
  ) {}

  /** The first fire strictly after. */
  next(afterMs: number): number | null {
    const known = this.#next.at(afterMs);
    if (known !== undefined) return known;
    const fire = nextFire(this.zone, this.walls, this.rule, afterMs);
    if (fire !== null) this.#next.add(afterMs, fire, fire);
    return fire;
  }

  /** The last fire in (`notBeforeMs`, `atMs`]. */
  last(atMs: number, notBeforeMs: number): number | null {
    const known = this.#last.at(atMs);
    if (known !== undefined) return known > notBeforeMs ? known : null;
    const fire = lastFire(this.zone, this.walls, this.rule, atMs, notBeforeMs);
    if (fire !== null) this.#last.add(fire, atMs + 1, fire);
    return fire;
  }

  unbrokenUntil(ms: number, gridMs: Grid): number {
    return unbrokenUntil(this.zone, this.walls, this.rule, ms, gridMs);
  }

  /** The skipped times that do not run: when they would have, in (`afterMs`, `untilMs`], in order. */
  *dropped(afterMs: number, untilMs: number): Generator<number> {
    for (const { atMs, isDropped } of this.#skipped(afterMs, untilMs)) if (isDropped) yield atMs;
  }

  /** Whether the fire at `ms` is that of a skipped time. */
  isMoved(ms: number): boolean {
    for (const { isDropped } of this.#skipped(ms - 1, ms)) if (!isDropped) return true;
    return false;
  }

  /**
   * Where every instant counts whose wall clock matches, a change of the clocks skips nothing. That is this very rule: one
   * of the same words, written for times that are named, does drop some.
   */
  #skipped(afterMs: number, untilMs: number): Iterable<SkippedTime> {
    return this.rule === EVERY_MATCH ? [] : skippedTimes(this.zone, this.walls, this.rule, afterMs, untilMs);
  }
}

interface Answer {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly fire: number;
}

/** The latest answers, each with the stretch of questions it answers. */
class Answers {
  readonly #kept: Answer[] = [];
  #place = 0;

  at(ms: number): number | undefined {
    for (const { fromMs, untilMs, fire } of this.#kept) if (ms >= fromMs && ms < untilMs) return fire;
    return undefined;
  }

  /** `fire` is the answer for [`fromMs`, `untilMs`). */
  add(fromMs: number, untilMs: number, fire: number): void {
    this.#kept[this.#place] = { fromMs, untilMs, fire };
    this.#place = (this.#place + 1) % ANSWERS_KEPT;
  }
}
