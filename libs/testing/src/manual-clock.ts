import type { Clock } from 'nestjs-vigil';

interface Sleeper {
  readonly dueMs: number;
  wake(): void;
}

/** Turns of the event loop given to what a wake-up sets off, before time goes on. */
const SETTLING_TURNS = 3;
const MOST_WAKES_AT_ONE_MOMENT = 100_000;

/**
 * A clock turned by hand: nothing that sleeps wakes before `advance` reaches its moment. A sleep of nothing, too, waits
 * for the next `advance`, so a loop that never pauses cannot run away.
 */
export class ManualClock implements Clock {
  #sleepers: Sleeper[] = [];
  #monotonicMs = 0;
  /** Between the wall clock and the monotonic one: a sum of sleeps of parts of a millisecond would go astray. */
  #offsetMs: number;
  #advancing = false;

  /** @param start what the wall clock shows at first; default 2026-01-01T00:00:00Z */
  constructor(start: Date | string = '2026-01-01T00:00:00Z') {
    this.#offsetMs = new Date(start).getTime();
    if (Number.isNaN(this.#offsetMs)) throw new RangeError(`"${String(start)}" is no date. Give an ISO 8601 date.`);
  }

  /** How many sleep now. */
  get sleepers(): number {
    return this.#sleepers.length;
  }

  now(): Date {
    return new Date(this.#offsetMs + this.#monotonicMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper = { dueMs: this.#monotonicMs + Math.max(0, ms), wake };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  /**
   * Lets `ms` go by: wakes each sleeper at its moment, the earliest first, those of one moment in the order they fell
   * asleep, and lets what it sets off settle before the next. Input and output that is under way is not waited for.
   *
   * @throws RangeError for a negative time; Error while another call is under way
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw new RangeError(`Time cannot advance by ${ms} ms. Use step() for a step of the wall clock.`);
    if (this.#advancing) throw new Error('The clock is being advanced already. Await that call first.');
    this.#advancing = true;
    try {
      await this.#advanceTo(this.#monotonicMs + ms);
    } finally {
      this.#advancing = false;
    }
  }

  /** The wall clock jumps, forward or (negative) back, as when somebody sets it. Nobody wakes: sleeps are elapsed time. */
  step(ms: number): void {
    this.#offsetMs += ms;
  }

  async #advanceTo(targetMs: number): Promise<void> {
    await settle();
    let wakes = 0;
    for (let next = this.#earliest(); next && next.dueMs <= targetMs; next = this.#earliest()) {
      wakes = next.dueMs > this.#monotonicMs ? 0 : wakes + 1;
      if (wakes > MOST_WAKES_AT_ONE_MOMENT) {
        throw new Error(`Something sleeps for 0 ms again and again at ${this.now().toISOString()}. Let it pause.`);
      }
      this.#moveTo(next.dueMs);
      next.wake();
      await settle();
    }
    this.#moveTo(targetMs);
  }

  #earliest(): Sleeper | undefined {
    return this.#sleepers.reduce<Sleeper | undefined>(
      (earliest, sleeper) => (earliest && earliest.dueMs <= sleeper.dueMs ? earliest : sleeper),
      undefined,
    );
  }

  #moveTo(monotonicMs: number): void {
    this.#monotonicMs = monotonicMs;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLING_TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
}
