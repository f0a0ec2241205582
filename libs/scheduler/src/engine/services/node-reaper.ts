import type { Clock } from '../../clock/clock.js';
import type { Beat, JobStore, Rescued } from '../../store/job-store.js';

/** A node whose lease is over, and since when this process has seen its beat stand still. */
interface Suspect {
  beat: string;
  sinceMs: number;
}
export interface NodeReaperParts {
  store: JobStore;
  clock: Clock;
  leaseMs: number;
  onRescued(rescued: readonly Rescued[]): void;
}

/**
 * Finds dead nodes and offers what they ran to others. Dead: the lease is over by the database's clock, and the beat
 * has not moved for a whole lease period of this process's own monotonic time. One clock alone is not believed: after
 * a failover to a server whose clock is ahead, every lease looks over.
 */
export class NodeReaper {
  readonly #suspects = new Map<string, Suspect>();

  constructor(private readonly parts: NodeReaperParts) {}

  /** After an outage the observation starts again: what was not seen proves nothing. */
  forget(): void {
    this.#suspects.clear();
  }

  async observe({ nodes }: Beat, self: string): Promise<void> {
    const nowMs = this.parts.clock.monotonicMs();
    const over = new Map(
      nodes.filter((node) => node.leaseOver && node.incarnation !== self).map((n) => [n.incarnation, n.beat]),
    );
    for (const known of this.#suspects.keys()) if (!over.has(known)) this.#suspects.delete(known);
    for (const [incarnation, beat] of over) {
      const suspect = this.#suspects.get(incarnation);
      if (suspect?.beat !== beat) this.#suspects.set(incarnation, { beat, sinceMs: nowMs });
      else if (nowMs - suspect.sinceMs >= this.parts.leaseMs) await this.#rescue(incarnation, beat);
    }
  }

  async #rescue(incarnation: string, beat: string): Promise<void> {
    const rescued = await this.parts.store.rescue(incarnation, beat);
    if (rescued.length > 0) this.parts.onRescued(rescued);
  }
}
