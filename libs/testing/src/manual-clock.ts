import { AsyncLocalStorage } from 'node:async_hooks';

import { durationMs, type Clock, type Duration } from 'nestjs-vigil';

import { FollowedWork } from './followed-work.js';

interface Sleeper {
  readonly dueMs: number;
  wake(): void;
}

/** What a manual clock knows of work that it follows. */
export interface Followed {
  /** For the message when time cannot go on, such as 'the run of "report"'. */
  what: string;
  /** Whether it may be waiting for what only time brings, such as its timeout. Asked when it has been waited for. */
  mayNeedTime?(): boolean | Promise<boolean>;
}

export interface AdvanceOptions {
  /**
   * How long work that is under way is waited for at each moment, in milliseconds of real time, before it counts as
   * stuck. 0: time goes on whatever is under way. @default 2_000
   */
  patienceMs?: number;
  /** More wake-ups than this are taken for a mistake; a run of a job takes one or two. @default 200_000 */
  mostWakes?: number;
}

const PATIENCE_MS = 2_000;
/** Turns of the event loop given to what a wake-up sets off, before time goes on. */
const SETTLING_TURNS = 3;
const MOST_WAKES_AT_ONE_MOMENT = 100_000;
/** Some tens of seconds of real time. */
const MOST_WAKES = 200_000;
/** Kept, so that a test's fake timers do not stop it. */
const { setImmediate } = globalThis;

/**
 * A clock turned by hand: nothing that sleeps wakes before `advance` reaches its moment. A sleep of nothing, too, waits
 * for the next `advance`, so a loop that never pauses cannot run away.
 */
export class ManualClock implements Clock {
  readonly #work = new Set<FollowedWork>();
  readonly #current = new AsyncLocalStorage<FollowedWork>();
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
    const work = this.#current.getStore();
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        signal?.removeEventListener('abort', wake);
        work?.wakes();
        resolve();
      };
      const sleeper = { dueMs: this.#monotonicMs + Math.max(0, ms), wake };
      this.#sleepers.push(sleeper);
      work?.fallsAsleep();
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  /**
   * Does `work`, and lets time go on only while it sleeps on this clock, and when it has ended. `quietScheduler` follows
   * every run.
   */
  async follow<T>(followed: Followed, work: () => Promise<T>): Promise<T> {
    const entry = new FollowedWork(followed, this.now());
    this.#work.add(entry);
    try {
      return await this.#current.run(entry, work);
    } finally {
      this.#work.delete(entry);
      entry.ends();
    }
  }

  /**
   * Lets `time` go by, a duration such as '1d' or milliseconds: wakes each sleeper at its moment, the earliest first, those
   * of one moment in the order they fell asleep, and lets what it sets off settle before the next. Work that the clock
   * follows is waited for in real time, unless it sleeps on this clock; other input and output is not.
   *
   * @throws RangeError for a negative time; Error while another call is under way, when followed work is stuck, and after
   * `mostWakes`
   */
  async advance(time: number | Duration, options: AdvanceOptions = {}): Promise<void> {
    const ms = typeof time === 'number' ? time : durationMs(time);
    if (!(ms >= 0)) throw new RangeError(`Time cannot advance by ${ms} ms. Use step() for a step of the wall clock.`);
    if (this.#advancing) throw new Error('The clock is being advanced already. Await that call first.');
    this.#advancing = true;
    try {
      await this.#advanceTo(this.#monotonicMs + ms, options);
    } finally {
      this.#advancing = false;
    }
  }

  /** The wall clock jumps, forward or (negative) back, as when somebody sets it. Nobody wakes: sleeps are elapsed time. */
  step(ms: number): void {
    this.#offsetMs += ms;
  }

  async #advanceTo(targetMs: number, options: AdvanceOptions): Promise<void> {
    const { patienceMs = PATIENCE_MS, mostWakes = MOST_WAKES } = options;
    const until = new Date(this.#offsetMs + targetMs);
    await this.#settle(patienceMs);
    let wakes = 0;
    let wakesNow = 0;
    for (let next = this.#earliest(); next && next.dueMs <= targetMs; next = this.#earliest()) {
      wakesNow = next.dueMs > this.#monotonicMs ? 0 : wakesNow + 1;
      if (wakesNow > MOST_WAKES_AT_ONE_MOMENT) {
        throw new Error(`Something sleeps for 0 ms again and again at ${this.now().toISOString()}. Let it pause.`);
      }
      if (++wakes > mostWakes) throw this.#tooOften(mostWakes, until);
      this.#moveTo(next.dueMs);
      next.wake();
      await this.#settle(patienceMs);
    }
    this.#moveTo(targetMs);
  }

  #tooOften(mostWakes: number, until: Date): Error {
    return new Error(
      `On the way to ${until.toISOString()} the clock has woken ${mostWakes} sleepers, and it is only ${this.now().toISOString()}: ` +
        'something is due very often. Advance by less, pause the jobs that the test is not about, or write ' +
        'advance(time, { mostWakes }) with more.',
    );
  }

  async #settle(patienceMs: number): Promise<void> {
    await turns();
    if (patienceMs === 0) return;
    for (let busy = this.#busy(); busy !== undefined; busy = this.#busy()) {
      if (!(await busy.settles(patienceMs))) await this.#passOver(busy, patienceMs);
      await turns();
    }
  }

  #busy(): FollowedWork | undefined {
    for (const work of this.#work) if (work.isBusy) return work;
    return undefined;
  }

  async #passOver(work: FollowedWork, patienceMs: number): Promise<void> {
    work.isPassedOver = await work.mayNeedTime();
    if (work.isPassedOver) return;
    throw new Error(
      `Time stands at ${this.now().toISOString()}: ${work.what}, which began at ${work.since.toISOString()}, has neither ended ` +
        `nor slept on this clock within ${patienceMs} ms of real time. It awaits a promise that nobody settles, a timer of ` +
        'its own, or something slow. Let it sleep on the clock (inject SCHEDULER_CLOCK), settle the promise, or write ' +
        'advance(time, { patienceMs }): more to wait longer, 0 to go on without it.',
    );
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

async function turns(): Promise<void> {
  for (let turn = 0; turn < SETTLING_TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
}
