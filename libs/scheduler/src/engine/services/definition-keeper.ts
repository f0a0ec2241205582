import { Alarm } from '../../clock/alarm.js';
import type { Clock } from '../../clock/clock.js';
import type { Beat } from '../../store/job-store.js';
import type { NodeSession } from '../node-session.js';
import type { Service } from '../service.js';

/** Should it go unseen and unheard that a node came or went. */
const EVERY_MS = 900_000;

/**
 * Which version of a job is in force depends on who lives: after a rollback, or a deploy of code that was seen before, it
 * changes when a node leaves, and nobody boots then. So the nodes that stay bring their jobs in again after nodes came or
 * went, or somebody changed something, as soon as two beats in a row have seen the same nodes: a rolling deploy is looked
 * at once, and of a clock that jumps nothing comes.
 */
export class DefinitionKeeper implements Service {
  readonly name = 'definition-keeper';
  readonly #alarm: Alarm;
  #live = '';
  #isChanged = false;
  /** Kept over a failure. */
  #isDue = false;

  constructor(
    private readonly session: NodeSession,
    clock: Clock,
  ) {
    this.#alarm = new Alarm(clock);
  }

  /** It may have been a node that was gone again before the next beat. */
  somethingChanged(): void {
    this.#isChanged = true;
  }

  observe({ nodes }: Beat): void {
    const live = nodes.filter(({ leaseOver }) => !leaseOver).map(({ incarnation }) => incarnation);
    const seen = live.sort().join();
    const isSame = seen === this.#live;
    if (isSame && this.#isChanged) this.#look();
    this.#isChanged = !isSame;
    this.#live = seen;
  }

  async run(signal: AbortSignal, succeeded: () => void): Promise<void> {
    while (!signal.aborted) {
      if (!this.#isDue) await this.#alarm.wait(EVERY_MS, signal);
      if (signal.aborted) return;
      this.#isDue = true;
      await this.session.ready();
      await this.session.jobs.bringIn();
      this.#isDue = false;
      succeeded();
    }
  }

  #look(): void {
    this.#isDue = true;
    this.#alarm.ring();
  }
}
