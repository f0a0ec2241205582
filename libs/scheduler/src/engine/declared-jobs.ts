import type { DeclaredJob, JobStore, JobSync, SyncInput } from '../store/job-store.js';
import type { JobEntity } from '../store/job.entity.js';
import type { EngineEvents } from './engine-events.js';
import type { HandlerRegistry } from './handler-registry.js';
import { executionInfo, jobInfo } from './info.js';
import { isAddedAtRunTime, reconcileJob } from './reconcile-job.js';

/** Brings the jobs that this process declares into the store, and tells what it did that nobody asked for. */
export class DeclaredJobs {
  /** Jobs that had no row before this process: one of them may be another one under a new id. */
  readonly #appeared = new Map<string, JobEntity>();
  /** Ids that belong to run-time jobs, told once. */
  readonly #taken = new Set<string>();

  constructor(
    private readonly store: JobStore,
    private readonly registry: HandlerRegistry,
    private readonly events: EngineEvents,
  ) {}

  get all(): readonly DeclaredJob[] {
    return this.registry.declaredJobs;
  }

  /** Repeatable: whoever has the version in force writes what is not written yet. */
  async bringIn(): Promise<void> {
    const seen: SyncInput[] = [];
    const quarantined = new Set<string>();
    const { jobs, recorded } = await this.store.syncJobs(this.all, (input) => {
      seen.push(input);
      const change = this.#reconcile(input);
      if (change?.row.state === 'quarantined') quarantined.add(change.row.id);
      return change;
    });
    for (const execution of recorded) this.events.emit('execution.missed', { execution: executionInfo(execution) });
    const rows = new Map(jobs.map((job) => [job.id, job]));
    for (const id of quarantined) this.#tell('job.quarantined', rows.get(id));
    for (const { declared, existing } of seen) {
      if (existing !== null && isAddedAtRunTime(existing)) this.#tellTaken(existing);
      const row = rows.get(declared.id);
      if (existing === null && row?.trigger) this.#appeared.set(row.id, row);
    }
    await this.#tellLeft();
  }

  #reconcile(input: SyncInput): JobSync | null {
    const draft = this.registry.draftOf(input.declared.id);
    return draft === undefined ? null : reconcileJob(draft, input);
  }

  #tellTaken(job: JobEntity): void {
    if (this.#taken.has(job.id)) return;
    this.#taken.add(job.id);
    this.#tell('job.taken', job);
  }

  /** While nodes of before live, their jobs have not left; this is asked again when nodes come and go. */
  async #tellLeft(): Promise<void> {
    if (this.#appeared.size === 0) return;
    for (const left of await this.store.undeclaredJobs()) {
      const [appeared] = [...this.#appeared.values()].filter((job) => haveOneSchedule(job, left));
      if (appeared === undefined) continue;
      this.#appeared.delete(appeared.id);
      this.events.emit('job.left', { job: jobInfo(left), appeared: appeared.id });
    }
  }

  #tell(event: 'job.quarantined' | 'job.taken', job: JobEntity | undefined): void {
    if (job !== undefined) this.events.emit(event, { job: jobInfo(job) });
  }
}

/** In words, as anchors differ; and an `H` is drawn by the id, which differs, too. */
function haveOneSchedule(a: JobEntity, b: JobEntity): boolean {
  const withoutSeed = ({ trigger }: JobEntity): string => JSON.stringify({ ...trigger, hashSeed: undefined });
  return a.schedule === b.schedule || withoutSeed(a) === withoutSeed(b);
}
