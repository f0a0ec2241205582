import { copyOf } from './copy.js';
import { JobNotFoundError } from './errors.js';
import type { JobAttemptEntity } from './job-attempt.entity.js';
import type { JobDefinitionEntity } from './job-definition.entity.js';
import type { JobExecutionEntity } from './job-execution.entity.js';
import type { JobEntity } from './job.entity.js';
import type { NodeEntity } from './node.entity.js';
import type { ClusterPause } from './job-store.js';

/** A row as it is kept: plain, without the class it was handed in with. */
export type JobRow = Pick<JobEntity, keyof JobEntity>;
export type ExecutionRow = Pick<JobExecutionEntity, keyof JobExecutionEntity>;
export type NodeRow = Pick<NodeEntity, keyof NodeEntity>;
/** What the row of the scheduler says of pauses. */
export interface PauseRow {
  pause: ClusterPause | null;
  missedUntil: Date | null;
}

/** What a JSON column would give back. */
export function throughJson<T>(value: T): T {
  const text: string | undefined = JSON.stringify(value);
  return (text === undefined ? null : JSON.parse(text)) as T;
}

type Undo = () => void;

/** Rows by key. A row is never changed in place: `put` replaces it, so that the old one can be put back. */
export class MemoryTable<Row> {
  readonly #rows = new Map<string, Row>();

  constructor(
    private readonly undo: Undo[],
    private readonly onChange: (before: Row | undefined, after: Row | undefined) => void = () => {},
  ) {}

  get(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  all(): Row[] {
    return [...this.#rows.values()];
  }

  put(key: string, row: Row): Row {
    this.#change(key, row);
    return row;
  }

  delete(key: string): void {
    this.#change(key, undefined);
  }

  #change(key: string, after: Row | undefined): void {
    const before = this.#rows.get(key);
    this.#set(key, before, after);
    this.undo.push(() => this.#set(key, after, before));
  }

  #set(key: string, before: Row | undefined, after: Row | undefined): void {
    if (after === undefined) this.#rows.delete(key);
    else this.#rows.set(key, after);
    this.onChange(before, after);
  }
}

/** The tables, the indexes that keep a pass independent of the history, and transactions over them. */
export class MemoryData {
  readonly #undo: Undo[] = [];
  readonly #jobIds = new Map<string, string>();
  readonly #fires = new Set<string>();
  readonly #active = new Map<string, Set<string>>();

  readonly #jobs = new MemoryTable<JobRow>(this.#undo, (before, after) => {
    if (before) this.#jobIds.delete(before.uid);
    if (after) this.#jobIds.set(after.uid, after.id);
  });
  readonly #executions = new MemoryTable<ExecutionRow>(this.#undo, (before, after) => {
    this.#indexExecution(before, after);
  });
  readonly nodes = new MemoryTable<NodeRow>(this.#undo);
  readonly #pauses = new MemoryTable<PauseRow>(this.#undo);
  /** By job id: every version there was. */
  readonly definitions = new MemoryTable<readonly JobDefinitionEntity[]>(this.#undo);
  /** By execution id, oldest first. */
  readonly attempts = new MemoryTable<readonly JobAttemptEntity[]>(this.#undo);

  /** All of `work` or, when it throws, nothing of it. Synchronous, hence alone. `onChange`: it changed something. */
  transaction<T>(work: () => T, onChange: () => void = () => {}): T {
    try {
      const answer = work();
      if (this.#undo.length > 0) onChange();
      return answer;
    } catch (error) {
      for (const undo of this.#undo.toReversed()) undo();
      throw error;
    } finally {
      this.#undo.length = 0;
    }
  }

  get pauses(): PauseRow {
    return this.#pauses.get('') ?? { pause: null, missedUntil: null };
  }

  putPauses(row: PauseRow): void {
    this.#pauses.put('', row);
  }

  jobs(): JobRow[] {
    return this.#jobs.all();
  }

  job(id: string): JobRow | undefined {
    return this.#jobs.get(id);
  }

  jobOrThrow(id: string): JobRow {
    const job = this.#jobs.get(id);
    if (!job) throw new JobNotFoundError(id);
    return job;
  }

  jobByUid(uid: string): JobRow | undefined {
    const id = this.#jobIds.get(uid);
    return id === undefined ? undefined : this.#jobs.get(id);
  }

  putJob(job: JobRow): JobRow {
    const { trigger, data, retry } = job;
    const json = { trigger: throughJson(trigger), data: throughJson(data), retry: throughJson(retry) };
    return this.#jobs.put(job.id, copyOf({ ...job, ...json }));
  }

  deleteJob(id: string): void {
    this.#jobs.delete(id);
  }

  executions(): ExecutionRow[] {
    return this.#executions.all();
  }

  execution(id: string): ExecutionRow | undefined {
    return this.#executions.get(id);
  }

  putExecution(row: ExecutionRow): ExecutionRow {
    const { error, result, progress, data } = row;
    const json = { error: throughJson(error), result: throughJson(result), progress: throughJson(progress) };
    return this.#executions.put(row.id, copyOf({ ...row, ...json, data: throughJson(data) }));
  }

  /** null: that instant is already recorded. */
  insertExecution(row: ExecutionRow): ExecutionRow | null {
    if (row.kind === 'schedule' && this.#fires.has(fireOf(row))) return null;
    if (this.#executions.get(row.id)) throw new Error(`There is already an execution "${row.id}". Make a new id.`);
    return this.putExecution(row);
  }

  deleteExecution(id: string): void {
    this.#executions.delete(id);
    this.attempts.delete(id);
  }

  /** What is pending or running: of one job, or of all. */
  active(jobUid?: string): ExecutionRow[] {
    const ids = jobUid === undefined ? [...this.#active.values()].flatMap((set) => [...set]) : this.#active.get(jobUid);
    return [...(ids ?? [])].flatMap((id) => this.#executions.get(id) ?? []);
  }

  ownedBy(incarnation: string): ExecutionRow[] {
    return this.active().filter((execution) => execution.owner === incarnation);
  }

  #indexExecution(before: ExecutionRow | undefined, after: ExecutionRow | undefined): void {
    if (before) {
      if (before.kind === 'schedule') this.#fires.delete(fireOf(before));
      const active = this.#active.get(before.jobUid);
      active?.delete(before.id);
      if (active?.size === 0) this.#active.delete(before.jobUid);
    }
    if (!after) return;
    if (after.kind === 'schedule') this.#fires.add(fireOf(after));
    if (after.finishedAt) return;
    const active = this.#active.get(after.jobUid) ?? new Set<string>();
    this.#active.set(after.jobUid, active.add(after.id));
  }
}

const fireOf = (row: ExecutionRow): string => `${row.jobUid} ${row.scheduledAt.toISOString()}`;
