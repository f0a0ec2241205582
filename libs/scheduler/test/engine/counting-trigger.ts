import type { Trigger } from '../../src/triggers/trigger.js';

/** A user's own trigger that counts how often it is asked for a fire, and throws when that is too often. */
export class CountingTrigger implements Trigger {
  steps = 0;

  constructor(
    private readonly inner: Trigger,
    private readonly most = Infinity,
  ) {}

  nextAfter(after: Date): Date | null {
    this.#step();
    return this.inner.nextAfter(after);
  }

  lastAtOrBefore(at: Date, notBefore: Date): Date | null {
    this.#step();
    return this.inner.lastAtOrBefore(at, notBefore);
  }

  #step(): void {
    this.steps += 1;
    if (this.steps > this.most) throw new Error(`It was asked more than ${this.most} times.`);
  }

  describe(): string {
    return this.inner.describe();
  }

  toJSON(): object {
    return this.inner.toJSON();
  }
}
