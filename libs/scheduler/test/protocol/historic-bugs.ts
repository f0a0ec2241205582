import { ALL_FAULTS, world } from './configurations.js';
import { STUCK } from './explorer.js';
import type { Bounds, Fault, ModelJob, Rules } from './rules.js';
import { BROKEN } from './world.js';

/** A mistake that was once made, here or elsewhere, and the promise it breaks first. */
export interface HistoricBug {
  mistake: string;
  rules: Partial<Rules>;
  bounds: Bounds;
  breaks: string;
}

const ONE: ModelJob = { instants: 1, overlap: 'queue-one', onNodeLoss: 'rerun' };
const MANY: ModelJob = { ...ONE, instants: 2 };
const suffering = (kinds: readonly Fault[], faults = 1, changed: Partial<Bounds> = {}): Bounds =>
  world({ jobs: [ONE], faults, kinds, ...changed });

export const HISTORIC_BUGS: readonly HistoricBug[] = [
  {
    mistake: 'the job is advanced before its fire is recorded',
    rules: { advance: 'before-the-record' },
    bounds: suffering(['crash']),
    breaks: BROKEN.recorded,
  },
  {
    mistake: 'a pass whose answer is lost is sent again as it was',
    rules: { lostCommit: 'send-it-again' },
    bounds: suffering(['lost-answer']),
    breaks: STUCK,
  },
  {
    mistake: 'a pass is sent again, and no unique index stands in the way',
    rules: { lostCommit: 'send-it-again', uniqueIndex: false },
    bounds: suffering(['lost-answer']),
    breaks: BROKEN.oneRecord,
  },
  {
    mistake: 'what a lost pass has claimed is read without its locks',
    rules: { resolve: 'without-locks' },
    bounds: suffering(['lost-answer']),
    breaks: STUCK,
  },
  {
    mistake: 'what is in memory is looked at only when the re-read rows are there',
    rules: { knownRuns: 'after-the-answer' },
    bounds: suffering(['lost-answer'], 1, { jobs: [MANY] }),
    breaks: BROKEN.oneStart,
  },
  {
    mistake: 'what is active is counted by the statement that waited for the lock',
    rules: { count: 'statement-that-waited' },
    bounds: world({ jobs: [MANY] }),
    breaks: BROKEN.overlap,
  },
  {
    mistake: 'an outcome is written without a look at the epoch',
    rules: { fence: 'none' },
    bounds: suffering(['freeze']),
    breaks: BROKEN.overwritten,
  },
  {
    mistake: 'the number of the attempt is the fence, and goes back at a takeover',
    rules: { fence: 'attempt' },
    bounds: suffering(['freeze']),
    breaks: BROKEN.twoClaims,
  },
  {
    mistake: 'a process that starts again has the identity it had, and its leases',
    rules: { identity: 'node' },
    bounds: suffering(['crash']),
    breaks: STUCK,
  },
  {
    mistake: 'a lease is judged by a clock alone',
    rules: { death: 'lease-over' },
    bounds: suffering(['clock-ahead']),
    breaks: BROKEN.alive,
  },
  {
    mistake: 'a rescue does not look at the beat',
    rules: { rescue: 'beat-not-compared' },
    bounds: suffering(['freeze', 'clock-ahead'], 2),
    breaks: BROKEN.alive,
  },
  {
    mistake: 'a node that was forgotten can claim',
    rules: { owner: 'plain-column' },
    bounds: suffering(['freeze']),
    breaks: BROKEN.owned,
  },
  {
    mistake: 'a handler is started before its claim is committed',
    rules: { dispatch: 'before-the-commit' },
    bounds: world({ jobs: [ONE] }),
    breaks: BROKEN.committed,
  },
  {
    mistake: 'an outcome whose write fails is dropped',
    rules: { outcomes: 'dropped' },
    bounds: suffering(['lost-answer']),
    breaks: STUCK,
  },
  {
    mistake: 'what a stopping node gives up is offered at once, while its handler still runs',
    rules: { release: 'at-once' },
    bounds: world({ jobs: [ONE], shutdowns: 1 }),
    breaks: BROKEN.overlap,
  },
  {
    mistake: 'the repeated write of an outcome is reported as taken over',
    rules: { completion: 'fenced-when-repeated' },
    bounds: suffering(['lost-answer']),
    breaks: BROKEN.fenced,
  },
  {
    mistake: 'the repeated write of an outcome is counted twice',
    rules: { completion: 'counted-when-repeated' },
    bounds: suffering(['lost-answer']),
    breaks: BROKEN.once,
  },
  {
    mistake: 'a rescuer offers again what was asked to stop',
    rules: { cancelled: 'offered-again' },
    bounds: suffering(['crash'], 1, { cancels: 1 }),
    breaks: BROKEN.cancelled,
  },
  {
    mistake: 'a newer fire starts as soon as the run before it was asked to stop',
    rules: { stopping: 'counts-as-gone' },
    bounds: world({ jobs: [{ ...MANY, overlap: 'cancel-running' }] }),
    breaks: BROKEN.overlap,
  },
  {
    mistake: 'a pass looks whether the cluster is paused, and no lock keeps it so',
    rules: { clusterPause: 'looked-at-before' },
    bounds: world({ jobs: [ONE], clusterPauses: 1 }),
    breaks: BROKEN.clusterPaused,
  },
  {
    mistake: 'what is queued of a paused job is claimed',
    rules: { paused: 'claims-what-was-queued' },
    bounds: world({ jobs: [MANY], kinds: ALL_FAULTS, pauses: 1 }),
    breaks: BROKEN.paused,
  },
];
