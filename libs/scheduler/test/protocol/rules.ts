/** Where protocols like this one have gone wrong: the way that is taken, and the ways that were mistakes. */
export interface Rules {
  /** Which of the job's next run and the execution's record is committed first. */
  advance: 'with-the-record' | 'before-the-record';
  /** What a node does when the answer to its COMMIT is lost. */
  lostCommit: 'resolve' | 'send-it-again';
  /** Whether the re-reading first proves the lost transaction over. */
  resolve: 'locks-first' | 'without-locks';
  /** When it is looked which runs were in memory, which is what the re-read rows are compared with. */
  knownRuns: 'before-asking' | 'after-the-answer';
  /** The statement that counts what is active. */
  count: 'new-statement' | 'statement-that-waited';
  /** What an outcome is compared with. `attempt` goes back when a run is taken over. */
  fence: 'epoch' | 'none' | 'attempt';
  identity: 'incarnation' | 'node';
  /** What makes a node dead. */
  death: 'lease-over-and-beat-still' | 'lease-over';
  /** Whether a rescue looks at the beat once more, under the node's lock. */
  rescue: 'beat-compared' | 'beat-not-compared';
  /** `owner` references the node's row: who was forgotten can claim nothing. */
  owner: 'references-node' | 'plain-column';
  dispatch: 'after-the-answer' | 'before-the-commit';
  /** What happens to an outcome whose write fails. */
  outcomes: 'kept' | 'dropped';
  /** When others are offered what a stopping node has given up while its handler still runs. */
  release: 'after-a-lease-period' | 'at-once';
  /** What a repeated write says of what the first one has written. */
  completion: 'idempotent' | 'fenced-when-repeated' | 'counted-when-repeated';
  uniqueIndex: boolean;
  /** Whether a rescuer ends what was asked to stop, or offers it again like anything else. */
  cancelled: 'stays-cancelled' | 'offered-again';
  /** Whether what was asked to stop for a newer fire keeps its room until it has. */
  stopping: 'keeps-its-room' | 'counts-as-gone';
  /** How a pass learns that the cluster is paused: under a lock that it shares and whoever pauses has alone, or by a look. */
  clusterPause: 'under-a-shared-lock' | 'looked-at-before';
  /** Whether schedule rows of a paused job wait. */
  paused: 'waits' | 'claims-what-was-queued';
}

/** The protocol as the library has it. */
export const SHIPPED: Rules = {
  advance: 'with-the-record',
  lostCommit: 'resolve',
  resolve: 'locks-first',
  knownRuns: 'before-asking',
  count: 'new-statement',
  fence: 'epoch',
  identity: 'incarnation',
  death: 'lease-over-and-beat-still',
  rescue: 'beat-compared',
  owner: 'references-node',
  dispatch: 'after-the-answer',
  outcomes: 'kept',
  release: 'after-a-lease-period',
  completion: 'idempotent',
  uniqueIndex: true,
  cancelled: 'stays-cancelled',
  stopping: 'keeps-its-room',
  clusterPause: 'under-a-shared-lock',
  paused: 'waits',
};

/** A job of the model. `maxInstances` is 1 and `misfire` is `coalesce`. */
export interface ModelJob {
  instants: number;
  overlap: 'skip' | 'queue-one' | 'cancel-running';
  onNodeLoss: 'rerun' | 'abandon';
}

/** Faults that a configuration may suffer. */
export type Fault = 'crash' | 'freeze' | 'cut-off' | 'lost-answer' | 'clock-ahead';

/** How large the world is. Everything is finite, so the exploration ends. */
export interface Bounds {
  nodes: number;
  jobs: readonly ModelJob[];
  /** Handlers at once on a node. */
  slots: number;
  /** How many faults may happen, of the kinds that may happen. */
  faults: number;
  kinds: readonly Fault[];
  /** Each of these at most so often in all. */
  failures: number;
  cancels: number;
  pauses: number;
  /** Of the whole cluster. */
  clusterPauses: number;
  shutdowns: number;
  /** 1: each job may be run by hand once. */
  manualRuns: 0 | 1;
}
