import type { Followed } from './manual-clock.js';

/** Kept, so that a test's fake timers do not stop it. */
const { setTimeout, clearTimeout } = globalThis;

/** Work that a manual clock follows: at work, asleep on the clock, or passed over because it did not settle. */
export class FollowedWork {
  /** It was waited for, and may need time to end. */
  isPassedOver = false;
  #sleeping = 0;
  #settled: (() => void) | null = null;
  #hasEnded = false;

  constructor(
    private readonly followed: Followed,
    readonly since: Date,
  ) {}

  get what(): string {
    return this.followed.what;
  }
  get isBusy(): boolean {
    return !this.isPassedOver && this.#isAtWork;
  }
  get #isAtWork(): boolean {
    return !this.#hasEnded && this.#sleeping === 0;
  }

  async mayNeedTime(): Promise<boolean> {
    return (await this.followed.mayNeedTime?.()) ?? false;
  }

  fallsAsleep(): void {
    this.#sleeping += 1;
    this.#settled?.();
  }
  wakes(): void {
    this.#sleeping -= 1;
    this.isPassedOver = false;
  }
  ends(): void {
    this.#hasEnded = true;
    this.#settled?.();
  }

  /** Whether it ends or falls asleep within so much real time. */
  settles(patienceMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isSettled: boolean): void => {
        clearTimeout(timer);
        this.#settled = null;
        resolve(isSettled);
      };
      const timer = setTimeout(() => settle(!this.#isAtWork), patienceMs);
      this.#settled = () => settle(true);
      if (!this.#isAtWork) settle(true);
    });
  }
}
