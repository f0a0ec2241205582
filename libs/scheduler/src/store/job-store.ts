import type { AuditReport, Finding, Repaired } from './audit-finding.js';
import type { DeclaredJob, SyncInput, SyncResult } from './declared-job.js';
import type {
  ClusterPause,
  Decisions,
  NewExecution,
  PassRequest,
  PassResult,
  PassSnapshot,
  Peek,
} from './decisions.js';
import type { JobExecutionEntity } from './job-execution.entity.js';
import type { ActiveExecutions, ExecutionFilter, ExecutionWithAttempts, JobFilter, Page } from './job-queries.js';
import type { JobEntity } from './job.entity.js';
import type { Beat, LiveNode, NodeRegistration, Rescued } from './node.js';
import type { OutcomeRecord, OutcomeVerdict, ProgressUpdate } from './outcome.js';

export type { AuditReport, Finding, FindingKind, Repaired } from './audit-finding.js';

export type * from './declared-job.js';
export type * from './decisions.js';
export type * from './job-queries.js';
export type { LogLines } from './log-lines.js';
export type * from './node.js';
export type * from './outcome.js';

/** What a caller's transaction must be able to do; TypeORM's `EntityManager` fits. */
export interface TransactionHandle {
  query(sql: string, parameters?: unknown[]): Promise<unknown>;
}
export interface StoreCall {
  /** Write inside this transaction. Refused outside a transaction and on another database. */
  manager?: TransactionHandle | undefined;
}

/**
 * What to make of a row that is locked; null: nothing. `definition`: of a declared job, what its version in force says;
 * null: it is not known, or the job was added at run time.
 */
export type ChangeJob = (job: JobEntity, now: Date, definition: object | null) => JobChange | null;
export interface JobChange {
  set: Partial<Omit<JobEntity, 'id' | 'uid' | 'version'>>;
  records?: readonly NewExecution[];
}
/** What a deploy makes of a declared job. */
export interface JobSync {
  row: JobEntity;
  /** Instants of the schedule of before that will not run. */
  records?: readonly NewExecution[];
}
/** A long plan gives way to others now and then. */
export type PlanJobs = (now: Date) => JobEntity[] | Promise<JobEntity[]>;
export type ConflictRule = 'error' | 'keep' | 'replace';
export interface NewManualExecution {
  id: string;
  /** null: the job's own data. */
  data: { value: unknown } | null;
  reason: string | null;
}
export interface NewRetry {
  id: string;
  reason: string | null;
  /** What of that execution is run again; throws when nothing is. */
  plan(execution: JobExecutionEntity): Pick<NewExecution, 'scheduledAt' | 'isCatchUp'>;
}
/** Who pauses the cluster, and what for. */
export type PauseNote = Omit<ClusterPause, 'at'>;
export interface NewBackfill {
  batchId: string;
  reason: string | null;
  /** The instants, from the job's row and the database's clock; each once. */
  plan(job: JobEntity, now: Date): readonly Date[];
}

/**
 * Where jobs live. Every call ends: it answers, or rejects within the store's call timeout with
 * `JobStoreUnavailableError`, and a connection that did not answer is never used again.
 * Policy is the engine's: the store locks, asks a pure function, and writes what it says.
 */
export interface JobStore {
  readonly kind: string;

  /** Makes the store usable: connects, brings the schema up to date, checks that this code can work on it. Repeatable. */
  open(schedulerName: string): Promise<void>;
  /** Throws every connection away and makes new ones. Concurrent calls are one. What runs on the old ones rejects. */
  reconnect(): Promise<void>;
  /** Never rejects and never waits for a database that does not answer. */
  close(): Promise<void>;
  /**
   * Calls `onWake` once when it can hear, and then whenever another process changed what is due. Resolves when `signal`
   * aborts, rejects when it can no longer hear.
   */
  listen(onWake: () => void, signal: AbortSignal): Promise<void>;

  /** Writes nothing and locks nothing. `incarnation`: who asks; without it nobody is told to stop. */
  peek(capabilities: readonly string[], blocked: readonly string[], incarnation?: string): Promise<Peek>;
  /**
   * One transaction: lock what is due, snapshot, `decide`, record, advance, claim. Nothing of it happened when it
   * rejects, except with `PassUnresolvedError`: then call `resolve` before the next pass. While the cluster is paused, or
   * somebody is about to pause it, there is nothing in the snapshot.
   */
  pass(request: PassRequest, decide: (snapshot: PassSnapshot) => Decisions): Promise<PassResult>;
  /**
   * Proves the lost transaction over by taking the same locks, then tells what this incarnation really owns.
   * Rejects while the old transaction still holds them.
   */
  resolve(
    incarnation: string,
    jobs: readonly string[],
  ): Promise<{ execution: JobExecutionEntity; job: JobEntity | null }[]>;
  /** Idempotent: repeating a write whose answer was lost says `written`. One verdict for each outcome, in order. */
  complete(outcomes: readonly OutcomeRecord[]): Promise<OutcomeVerdict[]>;
  /**
   * The same in this transaction, whose commit completes the executions; what is not `written` has to be rolled back. It
   * waits for rows that are locked. Rejects with `CallerTransactionError` for a transaction elsewhere, also when there is
   * nothing to complete. Without it, transactional handlers are completed after their commit.
   */
  completeIn?(outcomes: readonly OutcomeRecord[], manager: TransactionHandle): Promise<OutcomeVerdict[]>;
  /**
   * Only for executions that are still running under that epoch. Repeatable. Resolves with the ids of those whose row
   * somebody else has at this moment: tell them again later.
   */
  saveProgress(updates: readonly ProgressUpdate[]): Promise<readonly string[]>;

  /** Writes the node's row, or renews it. */
  registerNode(node: NodeRegistration): Promise<void>;
  beat(incarnation: string, leaseMs: number): Promise<Beat>;
  /** The node is leaving: its lease ends now, and its row goes when it owns nothing. */
  retireNode(incarnation: string): Promise<void>;
  /** Takes over what a dead node ran, if its beat is still `beat` and its lease is over. Nothing otherwise. */
  rescue(incarnation: string, beat: string): Promise<Rescued[]>;

  /** null: the cluster is not paused. */
  clusterPause(): Promise<ClusterPause | null>;
  /**
   * When it is there, no pass claims or records anything any more, on any node: it comes after the passes that are under
   * way. One that is paused already stays so as it was. Returns the pause that is in force.
   */
  pauseCluster(note: PauseNote, call?: StoreCall): Promise<ClusterPause>;
  /**
   * Passes go on. Without `catchUp` everything that no job has decided until now has fallen into the pause (`missedUntil`);
   * with it, it is late. false: the cluster was not paused, and nothing is changed.
   */
  resumeCluster(how: { catchUp: boolean }, call?: StoreCall): Promise<boolean>;

  /**
   * Brings declared jobs into the table. `reconcile` says what to write for a job whose row is missing or has another
   * version; null: nothing. Rows that have this version are left without being asked about, and nothing is locked
   * when all have.
   */
  syncJobs(declared: readonly DeclaredJob[], reconcile: (input: SyncInput) => JobSync | null): Promise<SyncResult>;
  /** Rows of declared jobs that are not finished, not labelled orphaned, and that no live node declares; a bounded number. */
  undeclaredJobs(): Promise<JobEntity[]>;
  /**
   * `plan` makes the rows from the database's clock; one statement writes them. Returns the rows as they are now (with
   * `keep`: the old ones), in the order of the plan.
   */
  addJobs(plan: PlanJobs, onConflict: ConflictRule, call?: StoreCall): Promise<JobEntity[]>;
  /** Locks the row, asks, writes. `change` returning null changes nothing. Rejects with `JobNotFoundError`. */
  changeJob(id: string, change: ChangeJob, call?: StoreCall): Promise<JobEntity>;
  /** Deletes the row and cancels what waits; history stays. Rejects with `JobNotFoundError`. */
  removeJob(id: string, call?: StoreCall): Promise<JobEntity>;
  /**
   * A pending manual execution, due now. The same id again gives the same row; an id of anything else
   * rejects with `ExecutionConflictError`. Waits for no pass, and holds none up.
   */
  addManualExecution(jobId: string, execution: NewManualExecution, call?: StoreCall): Promise<JobExecutionEntity>;
  /**
   * Another execution, manual and due now, for one that has ended: with its data, and everything else as its job says now.
   * The same id again gives the same row; an id of anything else rejects with `ExecutionConflictError`. Rejects with
   * `ExecutionNotFoundError`, with what the plan throws, and with `JobNotFoundError` when there is no job of that id any
   * more. Waits for no pass, and holds none up.
   */
  retryExecution(executionId: string, retry: NewRetry, call?: StoreCall): Promise<JobExecutionEntity>;
  /**
   * Pending executions of the kind `backfill`, due now, all or none. Returns how many the batch has: the same batch again
   * writes nothing, and rejects with `BackfillConflictError` for another job. Rejects with what the plan throws, and with
   * `JobNotFoundError`. Waits for no pass, and holds none up.
   */
  addBackfill(jobId: string, backfill: NewBackfill, call?: StoreCall): Promise<number>;
  /** Pending: cancelled at once. Running: its node is asked to stop. Otherwise nothing. Rejects with `ExecutionNotFoundError`. */
  cancelExecution(id: string, reason: string | null, call?: StoreCall): Promise<JobExecutionEntity>;

  getJob(id: string): Promise<JobEntity | null>;
  getJobs(filter: JobFilter): Promise<Page<JobEntity>>;
  /**
   * Gives `onPage` all jobs that were added at run time, as they were at one moment, in the order of their ids and a page
   * at a time. Each page comes within the call timeout.
   */
  runTimeJobs(onPage: (jobs: JobEntity[]) => void | Promise<void>): Promise<void>;
  /** Of the job with that `uid`. */
  activeExecutions(jobUid: string): Promise<ActiveExecutions>;
  getExecution(id: string): Promise<ExecutionWithAttempts | null>;
  getExecutions(filter: ExecutionFilter): Promise<Page<ExecutionWithAttempts>>;

  /** By their names; a bounded number. */
  liveNodes(): Promise<LiveNode[]>;

  /**
   * Deletes executions that finished longer ago, run-time jobs that finished as long ago, and versions of declared jobs
   * that nobody has any more: at most one batch of each kind. Returns how many rows went; call again until it is 0.
   */
  prune(retention: { succeededMs: number; otherMs: number }): Promise<number>;

  /**
   * Looks for rows in states that must not exist. Writes nothing, locks nothing, and costs the same however long the
   * history is. Of the jobs it looks at a bounded number, from `after` on: null, or what the last audit gave as `next`.
   * `tzVersion`: of this node's zone data, such as '2026b'; null: it is not known, and nothing is older.
   */
  audit(after: string | null, tzVersion: string | null): Promise<AuditReport>;
  /**
   * Ends the state that was found, by a transition that the life of an execution knows, or sets and takes off the label
   * `orphanedAt`. null: nothing was changed, because the row is not in that state any more, not in that epoch, is
   * locked by somebody, or the repair is the engine's or nobody's.
   */
  repair(finding: Finding): Promise<Repaired | null>;
}
