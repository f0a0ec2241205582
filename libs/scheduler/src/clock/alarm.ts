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
    if (!this.#rung && !signal.aborted) await this.#sleep(ms, signal);
    this.#rung = false;
  }

  /** `AbortSignal.any` would leave something behind in `signal` with every wait. */
  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const waiting = new AbortController();
    const stop = (): void => waiting.abort();
    this.#waiting = waiting;
    signal.addEventListener('abort', stop, { once: true });
    await this.clock.sleep(ms, waiting.signal);
    signal.removeEventListener('abort', stop);
    this.#waiting = null;
  }
}
