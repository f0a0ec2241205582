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

/** Renews this node's lease at a quarter of its length, and hears with the answer what the cluster wants of its runs. */
export class LeaseRenewer implements Service {
  readonly name = 'lease-renewer';

  constructor(private readonly parts: LeaseRenewerParts) {}

  async run(signal: AbortSignal, succeeded: () => void): Promise<void> {
    const { clock, session, leaseMs } = this.parts;
    while (!signal.aborted) {
      await session.ready();
      await this.beat();
      succeeded();
      await clock.sleep(leaseMs / 4, signal);
    }
  }

  async beat(): Promise<void> {
    const { store, session, dispatcher, leaseMs, onBeat } = this.parts;
    const beat = await store.beat(session.incarnation, leaseMs);
    if (!beat.alive) {
      dispatcher.abortAll('lease-lost');
      await session.startAnew();
      return;
    }
    for (const { executionId, cancelRequested } of beat.mine) {
      if (cancelRequested) dispatcher.abort(executionId, 'cancelled');
    }
    await onBeat(beat);
  }
}
