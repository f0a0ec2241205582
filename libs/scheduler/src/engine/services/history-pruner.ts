import type { Clock } from '../../clock/clock.js';
import type { JobStore } from '../../store/job-store.js';
import type { NodeSession } from '../node-session.js';
import type { Service } from '../service.js';
import { Rounds } from './rounds.js';

const EVERY_MS = 3_600_000;
const FIRST_AFTER_MS = 60_000;

/** Deletes history that is older than the retention, in batches, once an hour. */
export class HistoryPruner implements Service {
  readonly name = 'history-pruner';
  readonly #rounds: Rounds;

  constructor(
    private readonly store: JobStore,
    private readonly session: NodeSession,
    clock: Clock,
    private readonly retention: { succeededMs: number; otherMs: number },
  ) {
    this.#rounds = new Rounds(clock, FIRST_AFTER_MS, () => EVERY_MS);
  }

  async run(signal: AbortSignal, succeeded: () => void): Promise<void> {
    await this.#rounds.run(signal, async () => {
      await this.session.ready();
      await this.#prune(signal);
      succeeded();
    });
  }

  async #prune(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.store.prune(this.retention)) > 0) {
      // next batch
    }
  }
}
