import type { Bounds, Fault, ModelJob } from './rules.js';

export const ALL_FAULTS: readonly Fault[] = ['crash', 'freeze', 'cut-off', 'lost-answer', 'clock-ahead'];
const RERUN: ModelJob = { instants: 2, overlap: 'queue-one', onNodeLoss: 'rerun' };
const NEWEST: ModelJob = { instants: 2, overlap: 'cancel-running', onNodeLoss: 'rerun' };
const ABANDON: ModelJob = { instants: 2, overlap: 'skip', onNodeLoss: 'abandon' };

/** Two nodes and one job, and nothing else happens. */
export function world(changed: Partial<Bounds> = {}): Bounds {
  return {
    nodes: 2,
    jobs: [RERUN],
    slots: 2,
    faults: 0,
    kinds: ALL_FAULTS,
    failures: 0,
    cancels: 0,
    pauses: 0,
    clusterPauses: 0,
    shutdowns: 0,
    manualRuns: 0,
    ...changed,
  };
}

const ONE_INSTANT: ModelJob = { ...RERUN, instants: 1 };

/** What is looked at completely at each run of the tests: seconds each. */
export const CONFIGURATIONS: readonly { name: string; bounds: Bounds }[] = [
  { name: 'one fault of any kind', bounds: world({ faults: 1 }) },
  {
    name: 'one fault of any kind, and a job that is abandoned with its node',
    bounds: world({ jobs: [ABANDON], faults: 1 }),
  },
  { name: 'one fault of any kind, and a job whose newest fire wins', bounds: world({ jobs: [NEWEST], faults: 1 }) },
  {
    name: 'three fires of which the newest wins, and a run by hand',
    bounds: world({ jobs: [{ ...NEWEST, instants: 3 }], manualRuns: 1 }),
  },
  { name: 'two lost answers', bounds: world({ faults: 2, kinds: ['lost-answer'] }) },
  {
    name: 'a crash and a clock that jumps',
    bounds: world({ jobs: [ONE_INSTANT], faults: 2, kinds: ['crash', 'clock-ahead'] }),
  },
  { name: 'two jobs, without faults', bounds: world({ jobs: [RERUN, ABANDON] }) },
  {
    name: 'failures, cancels, pauses and runs by hand, and an answer that is lost',
    bounds: world({
      jobs: [ONE_INSTANT],
      faults: 1,
      kinds: ['lost-answer'],
      failures: 1,
      cancels: 1,
      pauses: 1,
      manualRuns: 1,
    }),
  },
  {
    name: 'a pause of the cluster, and one fault of any kind',
    bounds: world({ jobs: [ONE_INSTANT], faults: 1, clusterPauses: 1 }),
  },
  { name: 'two pauses of the cluster, and a run by hand', bounds: world({ clusterPauses: 2, manualRuns: 1 }) },
  { name: 'a shutdown and a crash', bounds: world({ jobs: [ONE_INSTANT], faults: 1, kinds: ['crash'], shutdowns: 1 }) },
];

/** Minutes and gigabytes: `VIGIL_PROTOCOL=large`. */
export const LARGE: readonly { name: string; bounds: Bounds }[] = [
  { name: 'two jobs and a lost answer', bounds: world({ jobs: [RERUN, ABANDON], faults: 1, kinds: ['lost-answer'] }) },
  { name: 'two jobs and a crash', bounds: world({ jobs: [RERUN, ABANDON], faults: 1, kinds: ['crash'] }) },
  { name: 'a shutdown, and one fault of any kind', bounds: world({ faults: 1, shutdowns: 1 }) },
  { name: 'two faults of any kind', bounds: world({ jobs: [ONE_INSTANT], faults: 2 }) },
];
