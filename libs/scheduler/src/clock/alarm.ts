import type { Clock } from './clock.js';

/** A wait that can be cut short. Rings while nobody waits are kept, so no wake-up is ever lost. */
export class Alarm {
  #rung = false;
  #waiting: AbortController | null = null;

  constructor(private readonly clock: Clock) {}

  ring(): void {
    this.#rung = true;
    this.#waiting?.abort();
  }

  /** Until `ms` are over, the alarm rings, or `signal` aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung) {
      this.#waiting = new AbortController();
      await this.clock.sleep(ms, AbortSignal.any([signal, this.#waiting.signal]));
      this.#waiting = null;
    }
    this.#rung = false;
  }
}
