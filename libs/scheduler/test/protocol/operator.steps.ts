import { leave } from './node.steps.js';
import { placesOf, type State } from './state.js';
import {
  abort,
  at,
  executionName,
  isJobLocked,
  isPassOpen,
  isRowLocked,
  jobName,
  jobRow,
  nodeName,
  processOf,
  row,
  type StateOffer,
  type World,
} from './world.js';

/** Instants pass, and people ask for things: see `job-writes.ts` and `execution-writes.ts`. */
export function operatorSteps(world: World, state: State, offer: StateOffer): void {
  world.bounds.jobs.forEach(({ instants }, job) => {
    const { past } = jobRow(state, job);
    if (past < instants)
      offer(`instant ${past + 1} of ${jobName(job)} passes`, (next) => (jobRow(next, job).past += 1));
    pauseSteps(world, state, job, offer);
    const { manual } = placesOf(world.bounds, job);
    if (world.bounds.manualRuns === 0 || row(state, manual).status !== 'none') return;
    offer(`runJob of ${jobName(job)}`, (next) => (row(next, manual).status = 'pending'));
  });
  if (state.left.cancels > 0) cancelSteps(world, state, offer);
  clusterPauseSteps(world, state, offer);
}

/** Whoever pauses waits for the passes under way, those of silent clients too; a resume says what fell into the pause. */
function clusterPauseSteps(world: World, state: State, offer: StateOffer): void {
  const mustWait = world.rules.clusterPause === 'under-a-shared-lock' && isPassOpen(state);
  if (!state.isPaused && state.left.clusterPauses > 0 && !mustWait) {
    offer('pause of the cluster', (next) => {
      next.left.clusterPauses -= 1;
      next.isPaused = true;
    });
  }
  if (!state.isPaused) return;
  offer('resume of the cluster', (next) => {
    next.isPaused = false;
    for (const job of next.jobs) job.missed = job.past;
  });
}

/** Both lock the row of the job. Resuming jumps past what has passed, with a record of it. */
function pauseSteps(world: World, state: State, job: number, offer: StateOffer): void {
  if (isJobLocked(state, job)) return;
  const { paused } = jobRow(state, job);
  if (!paused && state.left.pauses > 0) {
    offer(`pauseJob of ${jobName(job)}`, (next) => {
      next.left.pauses -= 1;
      jobRow(next, job).paused = true;
    });
  }
  if (!paused) return;
  offer(`resumeJob of ${jobName(job)}`, (next) => {
    const mine = jobRow(next, job);
    const { first } = placesOf(world.bounds, job);
    for (let instant = mine.next; instant < mine.past; instant += 1) row(next, first + instant).status = 'missed';
    mine.paused = false;
    mine.next = mine.past;
  });
}

/** Waiting: cancelled at once. Running: its node hears of it with its next look, or its next beat. */
function cancelSteps(world: World, state: State, offer: StateOffer): void {
  state.executions.forEach(({ status, cancelRequested }, place) => {
    if (isRowLocked(state, place) || cancelRequested) return;
    if (status !== 'pending' && status !== 'running') return;
    offer(`cancelExecution of ${executionName(world, place)}`, (next) => {
      next.left.cancels -= 1;
      if (status === 'pending') row(next, place).status = 'cancelled';
      else row(next, place).cancelRequested = true;
    });
  });
}

/** A node stops: its pass is over first, then its handlers are asked to stop, then it goes. */
export function shutdownSteps(world: World, state: State, node: number, offer: StateOffer): void {
  const process = processOf(state, node);
  if (process.frozen) return;
  const isClaiming = process.pass !== null || process.resolve !== null || process.unresolved !== 0;
  if (process.life === 'up' && state.left.shutdowns > 0 && !isClaiming && process.again === null) {
    offer(`${nodeName(node)}: shuts down, and its handlers are asked to stop`, (next) => {
      next.left.shutdowns -= 1;
      const mine = processOf(next, node);
      mine.life = 'stopping';
      abort(mine, 'shutdown', () => true);
    });
  }
  if (process.life !== 'stopping' || process.runs.some(({ phase }) => phase === 'handler')) return;
  offer(`${nodeName(node)}: says goodbye, and its process ends`, (next) => {
    retire(next, processOf(next, node).incarnation, process.cutOff);
    leave(world, next, node);
  });
}

function retire(next: State, incarnation: number, isCutOff: boolean): void {
  if (isCutOff || at(next.nodes, incarnation) === 'none') return;
  next.nodes[incarnation] = next.executions.some(({ owner }) => owner === incarnation) ? 'over' : 'none';
}
