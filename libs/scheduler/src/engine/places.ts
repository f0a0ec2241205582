import type { JobCancel, JobSnapshot, PendingExecution } from '../store/job-store.js';
import type { JobEntity } from '../store/job.entity.js';
import { executorOf } from './job-settings.js';

/** `wait`: the queue is full, so the job itself waits. */
export type Place = 'running' | 'pending' | 'skipped' | 'wait';

/** The room a job has under `maxInstances`, its queue, and this node's free slots. */
export class Places {
  #active: number;
  #queued: number;
  /** What the schedule made and nobody has claimed is cancelled for a newer fire. */
  #isReplaced = false;
  readonly #executor: string;

  constructor(
    private readonly snapshot: JobSnapshot,
    /** Free slots by executor; what is taken is taken off. */
    private readonly slots: Map<string, number>,
  ) {
    this.#active = snapshot.active;
    this.#queued = snapshot.queued;
    this.#executor = executorOf(snapshot.job.capability);
  }

  /** How many more may be active when everything that waits has started; not what a backfill submitted. */
  get room(): number {
    return this.snapshot.job.maxInstances - this.#active - this.#queued;
  }

  /** What waits of the schedule goes, and so many of the oldest as keep a newer one from starting. */
  replace(reason: string): JobCancel {
    const { job, stopping, queuedFires } = this.snapshot;
    this.#isReplaced = true;
    this.#queued -= queuedFires;
    const active = Math.max(0, this.#active - stopping - (job.maxInstances - 1));
    return { uid: job.uid, active, reason };
  }

  /** Ids of what waits and starts now, in the order given. */
  claim(pending: readonly PendingExecution[]): string[] {
    return pending.filter((execution) => this.#claim(execution)).map(({ id }) => id);
  }

  /** What was claimed before already counts as active and needs a slot only. */
  #claim({ kind, isReoffered }: PendingExecution): boolean {
    if (isReoffered) return this.#takeSlot();
    if (kind === 'schedule' && this.#isReplaced) return false;
    if (this.#active >= this.snapshot.job.maxInstances || !this.#takeSlot()) return false;
    this.#active += 1;
    // what a backfill submitted keeps nobody waiting
    if (kind !== 'backfill') this.#queued -= 1;
    return true;
  }

  forFire(overlap: JobEntity['overlap']): Place {
    if (this.room >= 1) return this.#start();
    switch (overlap) {
      case 'skip':
        return 'skipped';
      case 'queue-one':
        return this.#queued === 0 ? this.#queue() : 'skipped';
      case 'queue-all':
        return this.#queued < this.snapshot.job.maxQueue ? this.#queue() : 'wait';
      case 'cancel-running':
        return this.#queue();
    }
  }

  #start(): Place {
    if (!this.#takeSlot()) return this.#queue();
    this.#active += 1;
    return 'running';
  }

  #queue(): Place {
    this.#queued += 1;
    return 'pending';
  }

  #takeSlot(): boolean {
    const free = this.slots.get(this.#executor) ?? 0;
    if (free <= 0) return false;
    this.slots.set(this.#executor, free - 1);
    return true;
  }
}
