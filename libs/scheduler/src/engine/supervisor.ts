import { fullJitter, type Random } from '../clock/backoff.js';
import type { Clock } from '../clock/clock.js';
import { asError } from './json.js';
import type { Service } from './service.js';

const MIN_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 1_000;

export interface SupervisorHooks {
  /** Counts successful reconnects. */
  generation(): number;
  /** Makes new connections, where the failure calls for them. May reject. Concurrent calls are one. */
  reconnect(service: string, error: Error): Promise<void>;
  failed(failure: { service: string; error: Error; attempt: number; retryInMs: number }): void;
  succeeded(service: string): void;
}

/**
 * Keeps services running until they are told to stop. Nothing else catches what they throw, and nothing they throw,
 * nor what goes wrong while it is dealt with, ends the keeping.
 */
export class Supervisor {
  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly hooks: SupervisorHooks,
  ) {}

  /** Resolves when `signal` has aborted and the service has ended. Never rejects. */
  async keep(service: Service, signal: AbortSignal): Promise<void> {
    let attempt = 0;
    const succeeded = (): void => {
      attempt = 0;
      this.hooks.succeeded(service.name);
    };
    while (!signal.aborted) {
      try {
        await service.run(signal, succeeded);
        if (!signal.aborted) throw new Error(`The service "${service.name}" ended although nobody stopped it.`);
      } catch (error) {
        attempt += 1;
        if (!signal.aborted) await this.#recover(service.name, asError(error), attempt, signal);
      }
    }
  }

  /** Report, wait, reconnect: each on its own, so that none can keep the next from happening. */
  async #recover(service: string, error: Error, attempt: number, signal: AbortSignal): Promise<void> {
    const generation = this.hooks.generation();
    const retryInMs = fullJitter(attempt, { minMs: MIN_BACKOFF_MS, maxMs: MAX_BACKOFF_MS, random: this.random });
    await quietly(() => this.hooks.failed({ service, error, attempt, retryInMs }));
    await this.clock.sleep(retryInMs, signal);
    // connections that were made since the failure are not the ones that failed
    if (signal.aborted || this.hooks.generation() !== generation) return;
    await quietly(() => this.hooks.reconnect(service, error));
  }
}

/** A failure here was already reported, or is the report's own. The service's next failure says what is still wrong. */
async function quietly(action: () => unknown): Promise<void> {
  try {
    await action();
  } catch {
    // see above
  }
}
