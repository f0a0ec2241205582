import type { Clock } from '../../clock/clock.js';
import type { JobStore } from '../../store/job-store.js';
import type { NodeSession } from '../node-session.js';
import type { Service } from '../service.js';

const EVERY_MS = 3_600_000;
const FIRST_AFTER_MS = 60_000;

/** Deletes history that is older than the retention, in batches, once an hour. */
export class HistoryPruner implements Service {
  readonly name = 'history-pruner';
  #nextMs: number;

  constructor(
    private readonly store: JobStore,
    private readonly session: NodeSession,
    private readonly clock: Clock,
    private readonly retention: { succeededMs: number; otherMs: number },
  ) {
    this.#nextMs = clock.monotonicMs() + FIRST_AFTER_MS;
  }

  async run(signal: AbortSignal, succeeded: () => void): Promise<void> {
    while (!signal.aborted) {
      await this.clock.sleep(Math.max(0, this.#nextMs - this.clock.monotonicMs()), signal);
      if (signal.aborted) return;
      // before anything can fail: what fails is done later, not again and again
      this.#nextMs = this.clock.monotonicMs() + EVERY_MS;
      await this.session.ready();
      await this.#prune(signal);
      succeeded();
    }
  }

  async #prune(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.store.prune(this.retention)) > 0) {
      // next batch
    }
  }
}
