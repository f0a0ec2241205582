import type { Bounds } from './rules.js';

export type Status =
  'none' | 'pending' | 'running' | 'succeeded' | 'failed' | 'missed' | 'skipped' | 'cancelled' | 'abandoned';
export type Outcome = Extract<Status, 'pending' | 'succeeded' | 'failed' | 'cancelled' | 'abandoned'>;
/** What a pass has decided about one execution. */
export type Planned = 'nothing' | 'missed' | 'skipped' | 'pending' | 'running' | 'claim' | 'cancel';

export const NOBODY = -1;

/** A row of `job`. Its instants are 0, 1, … */
export interface JobRow {
  /** How many of its instants lie in the past. */
  past: number;
  /** `next_run_at`: the first instant that is not decided. */
  next: number;
  paused: boolean;
  /** How many of its instants lay in the past when the cluster was resumed last. */
  missed: number;
}

/** A row of `job_execution`. There is a place for every row there may ever be; `none`: there is no row yet. */
export interface ExecutionRow {
  status: Status;
  epoch: number;
  /** Incarnation. */
  owner: number;
  cancelRequested: boolean;
  /** `available_at` lies a lease period ahead. */
  delayed: boolean;
  /** Epochs, as bits, whose attempt was ended by its owner and kept in `job_attempt`. */
  kept: number;
  /** Not in the database: epochs, as bits, that were taken over from a node judged dead. */
  takenOver: number;
  /** Not in the database: handlers started since the last claim, and ever. */
  starts: number;
  allStarts: number;
}

/** A row of `node`. `none`: it does not exist, yet or any more. */
export type NodeRow = 'none' | 'valid' | 'over';

/** The transaction of a pass, as the server has it. */
export interface Transaction {
  incarnation: number;
  stage: 'waiting' | 'locked' | 'decided' | 'written' | 'committing' | 'committed';
  /** Jobs it has locked, as bits. */
  jobs: number;
  /** Past instants of each job when it was locked; 0: it was not due. */
  until: number[];
  /** What was active of each job when a statement that waits began. */
  activeBefore: number[];
  plan: Planned[];
  /** The epoch of each execution it has claimed; 0: not claimed. */
  claimed: number[];
}

/** One claimed execution in a process. */
export interface Run {
  execution: number;
  epoch: number;
  /** Of the process when it claimed. */
  incarnation: number;
  /** `left`: given up at a shutdown, and still running. */
  phase: 'handler' | 'ended' | 'left';
  outcome: Outcome | null;
  aborted: 'cancelled' | 'lease-lost' | 'shutdown' | null;
}

/** The write of one outcome. */
export interface OutcomeWrite {
  incarnation: number;
  execution: number;
  epoch: number;
  outcome: Outcome;
  /** It is offered again only after a lease period. */
  delayed: boolean;
  /** `open`: it holds the row's lock. */
  stage: 'open' | 'written' | 'fenced';
}

/** A resolve under way; `owned` is what was read. */
export interface Resolve {
  stage: 'asked' | 'locked' | 'read';
  owned: { execution: number; epoch: number }[];
  known: { execution: number; epoch: number }[];
}

export interface Process {
  life: 'up' | 'stopping' | 'down';
  frozen: boolean;
  /** Not in the process: it has been frozen since it started. */
  wasFrozen: boolean;
  cutOff: boolean;
  incarnation: number;
  /** Its session is open: nothing failed since it has announced itself or beaten. */
  isReady: boolean;
  /** Whether its lease may be over by its own monotonic clock, and whether its handlers were told so. */
  trust: 'good' | 'doubted' | 'told';
  pass: Transaction | null;
  /** Jobs, as bits, of a pass whose commit was not answered. */
  unresolved: number;
  resolve: Resolve | null;
  /** A pass that shall be sent again as it was. */
  again: Transaction | null;
  runs: Run[];
  write: OutcomeWrite | null;
  /** What it has seen of each incarnation: a lease that is over, and a beat that has stood still since. */
  suspects: Suspicion[];
}
/** `moved-…`: the beat has moved since, and this process has not looked again. */
export type Suspicion = 'none' | 'seen' | 'still' | 'moved';

export interface State {
  jobs: JobRow[];
  executions: ExecutionRow[];
  nodes: NodeRow[];
  processes: Process[];
  /** Transactions and writes whose client is gone: the server ends them, or their commit lands. */
  silentPasses: Transaction[];
  silentWrites: OutcomeWrite[];
  left: {
    faults: number;
    failures: number;
    cancels: number;
    pauses: number;
    clusterPauses: number;
    shutdowns: number;
  };
  /** The row of `scheduler`. */
  isPaused: boolean;
  /** The database's clock has jumped ahead. */
  hasJumped: boolean;
  /** The promise that the last step has broken. */
  broken: string | null;
}

/** The first place of a job's executions: its instants, then the one that is run by hand. */
export function placesOf(bounds: Bounds, job: number): { first: number; manual: number } {
  const first = bounds.jobs.slice(0, job).reduce((sum, { instants }) => sum + instants + 1, 0);
  return { first, manual: first + (bounds.jobs[job]?.instants ?? 0) };
}

/** Each fault or shutdown may cost a process its incarnation. */
export function generationsOf({ faults, shutdowns }: Bounds): number {
  return 1 + faults + shutdowns;
}

export function initialState(bounds: Bounds): State {
  const { nodes, jobs, faults, failures, cancels, pauses, clusterPauses, shutdowns } = bounds;
  const incarnations = nodes * generationsOf(bounds);
  const places = jobs.reduce((sum, { instants }) => sum + instants + 1, 0);
  return {
    jobs: jobs.map(() => ({ past: 0, next: 0, paused: false, missed: 0 })),
    executions: Array.from({ length: places }, () => ({
      status: 'none',
      epoch: 0,
      owner: NOBODY,
      cancelRequested: false,
      delayed: false,
      kept: 0,
      takenOver: 0,
      starts: 0,
      allStarts: 0,
    })),
    nodes: Array.from({ length: incarnations }, (_, id) => (id < nodes ? 'valid' : 'none')),
    processes: Array.from({ length: nodes }, (_, node) => freshProcess(node, incarnations)),
    silentPasses: [],
    silentWrites: [],
    left: { faults, failures, cancels, pauses, clusterPauses, shutdowns },
    isPaused: false,
    hasJumped: false,
    broken: null,
  };
}

/** A process that knows nothing yet. */
export function freshProcess(incarnation: number, incarnations: number): Process {
  return {
    life: 'up',
    frozen: false,
    wasFrozen: false,
    cutOff: false,
    incarnation,
    isReady: true,
    trust: 'good',
    pass: null,
    unresolved: 0,
    resolve: null,
    again: null,
    runs: [],
    write: null,
    suspects: Array.from({ length: incarnations }, () => 'none'),
  };
}

export function copyState(state: State): State {
  return {
    jobs: state.jobs.map((job) => ({ ...job })),
    executions: state.executions.map((row) => ({ ...row })),
    nodes: state.nodes.slice(),
    processes: state.processes.map(copyProcess),
    silentPasses: state.silentPasses.map(copyTransaction),
    silentWrites: state.silentWrites.map((write) => ({ ...write })),
    left: { ...state.left },
    isPaused: state.isPaused,
    hasJumped: state.hasJumped,
    broken: state.broken,
  };
}

function copyProcess(process: Process): Process {
  return {
    ...process,
    pass: process.pass && copyTransaction(process.pass),
    again: process.again && copyTransaction(process.again),
    resolve: process.resolve && { ...process.resolve },
    runs: process.runs.map((run) => ({ ...run })),
    write: process.write && { ...process.write },
    suspects: process.suspects.slice(),
  };
}

export function copyTransaction(transaction: Transaction): Transaction {
  return { ...transaction, plan: transaction.plan.slice(), claimed: transaction.claimed.slice() };
}
