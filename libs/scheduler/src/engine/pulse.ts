import type { Clock } from '../clock/clock.js';

/** A loop that has not looked when it should have so often is not alive. */
const MISSED_LOOKS = 3;

/** When the loop last turned, well or not, and what its last pass was like. */
export class Pulse {
  #turnedMs = 0;
  #lastPassAt: Date | null = null;
  #latenessMs: number | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly peekEveryMs: number,
  ) {}

  get isAlive(): boolean {
    return this.clock.monotonicMs() - this.#turnedMs < MISSED_LOOKS * this.peekEveryMs;
  }
  get lastPass(): { lastPassAt: Date | null; latenessMs: number | null } {
    return { lastPassAt: this.#lastPassAt, latenessMs: this.#latenessMs };
  }

  turned(): void {
    this.#turnedMs = this.clock.monotonicMs();
  }

  /** `latenessMs`: of what it started; null: nothing. */
  passed(latenessMs: number | null): void {
    this.#lastPassAt = this.clock.now();
    if (latenessMs !== null) this.#latenessMs = latenessMs;
  }
}
