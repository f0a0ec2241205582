import type { Clock } from '../../clock/clock.js';

/** Something that is done now and then, and whose failure waits for its next time as well. */
export class Rounds {
  #nextMs: number;

  constructor(
    private readonly clock: Clock,
    firstAfterMs: number,
    /** How long after a round began the next one begins. */
    private readonly everyMs: () => number,
  ) {
    this.#nextMs = clock.monotonicMs() + firstAfterMs;
  }

  /** Until `signal` aborts, or `round` rejects; called again, it goes on with the next. */
  async run(signal: AbortSignal, round: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      await this.clock.sleep(Math.max(0, this.#nextMs - this.clock.monotonicMs()), signal);
      if (signal.aborted) return;
      // before anything can fail: what fails is done later, not again and again
      this.#nextMs = this.clock.monotonicMs() + this.everyMs();
      await round();
    }
  }
}
