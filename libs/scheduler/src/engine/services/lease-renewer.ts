import type { Clock } from '../../clock/clock.js';
import type { Beat, JobStore } from '../../store/job-store.js';
import type { Dispatcher } from '../dispatcher.js';
import type { NodeSession } from '../node-session.js';
import type { Service } from '../service.js';

export interface LeaseRenewerParts {
  store: JobStore;
  session: NodeSession;
  dispatcher: Dispatcher;
  clock: Clock;
  leaseMs: number;
  /** Every beat that was answered. */
  onBeat(beat: Beat): Promise<void>;
}

/**
 * Renews this node's lease at a quarter of its length, and hears with the answer what the cluster wants of its runs.
 * Whether the lease may be over is judged by the monotonic clock, from before the last good renewal was sent: what may
 * be running elsewhere by now is asked to stop.
 */
export class LeaseRenewer implements Service {
  readonly name = 'lease-renewer';
  #renewedMs: number;

  constructor(private readonly parts: LeaseRenewerParts) {
    this.#renewedMs = parts.clock.monotonicMs();
  }

  async run(signal: AbortSignal, succeeded: () => void): Promise<void> {
    const { clock, session, dispatcher, leaseMs } = this.parts;
    while (!signal.aborted) {
      if (this.#mayBeOver()) dispatcher.abortRerunnable('lease-lost');
      await session.ready();
      await this.beat();
      succeeded();
      await clock.sleep(leaseMs / 4, signal);
    }
  }

  /** Beats if the lease may be over. */
  async renewIfStale(): Promise<void> {
    if (this.#mayBeOver()) await this.beat();
  }

  #mayBeOver(): boolean {
    return this.parts.clock.monotonicMs() - this.#renewedMs >= this.parts.leaseMs;
  }

  /** Rejects when the store is away. An incarnation that is dead begins as another one. */
  async beat(): Promise<void> {
    const { store, session, dispatcher, clock, leaseMs, onBeat } = this.parts;
    const sentMs = clock.monotonicMs();
    const { incarnation } = session;
    const beat = await store.beat(incarnation, leaseMs);
    this.#renewedMs = sentMs;
    if (!beat.alive) return session.startAnew(incarnation);
    dispatcher.abortOthers(beat.mine, sentMs);
    for (const { executionId, cancelRequested, cancelReason } of beat.mine) {
      if (cancelRequested) dispatcher.cancel(executionId, cancelReason);
    }
    await onBeat(beat);
  }
}
