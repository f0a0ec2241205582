import type { ClusterPause, PauseNote } from '../store/job-store.js';

/**
 * Whether this node may start anything, as far as it knows: the cluster's pause is in the store and found there, the
 * node's own is here and nowhere else.
 */
export class Pauses {
  #cluster: ClusterPause | null = null;
  #node: PauseNote | null = null;
  #changes = 0;

  /** `by`: what is known of who has changed it, in words. */
  constructor(private readonly onChange: (by: string | null) => void) {}

  get isPaused(): boolean {
    return this.#cluster !== null || this.#node !== null;
  }

  /** Who has paused what, and why; null: nobody. */
  get reason(): string | null {
    const parts = [
      ...(this.#cluster === null ? [] : [`the cluster is paused${inWords(this.#cluster)}`]),
      ...(this.#node === null ? [] : [`this node is paused${inWords(this.#node)}`]),
    ];
    return parts.length === 0 ? null : parts.join('; ');
  }

  /** Give it to `found` with the answer: what was changed here since the store was asked is newer than that. */
  get changes(): number {
    return this.#changes;
  }

  /** What the store says. */
  found(pause: ClusterPause | null, changes: number): void {
    if (changes === this.#changes) this.#set(pause, this.#node, null);
  }

  /** A call on this node has changed it. */
  clusterIs(pause: ClusterPause | null, by: PauseNote): void {
    this.#changes += 1;
    this.#set(pause, this.#node, by);
  }

  nodeIs(pause: PauseNote | null, by: PauseNote): void {
    this.#set(this.#cluster, pause, by);
  }

  /** A node that starts again knows nothing. */
  forget(): void {
    this.#cluster = null;
    this.#node = null;
  }

  #set(cluster: ClusterPause | null, node: PauseNote | null, by: PauseNote | null): void {
    const before = this.reason;
    this.#cluster = cluster;
    this.#node = node;
    if (before !== this.reason) this.onChange(by === null ? null : inWords(by));
  }
}

/** ' by anna: the tables are moved'; or nothing. */
function inWords({ by, reason }: PauseNote): string {
  return `${by === null ? '' : ` by ${by}`}${reason === null ? '' : `: ${reason}`}`;
}
