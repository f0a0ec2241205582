import type { Clock } from '../clock/clock.js';

/** A job that nothing could be done for is not looked at again for so long, so that others have its place in a pass. */
const ASIDE_MS = 1_000;

/** Jobs, by their uids, that a pass has seen in vain. */
export class PutAside {
  readonly #until = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  add(uid: string): void {
    this.#until.set(uid, this.clock.monotonicMs() + ASIDE_MS);
  }

  clear(): void {
    this.#until.clear();
  }

  uids(): string[] {
    const now = this.clock.monotonicMs();
    for (const [uid, until] of this.#until) if (until <= now) this.#until.delete(uid);
    return [...this.#until.keys()];
  }

  /** How many milliseconds until the next of them is looked at again; Infinity: there is none. */
  leftMs(): number {
    return Math.max(1, Math.min(...this.#until.values()) - this.clock.monotonicMs());
  }
}
