import type { Offer } from './explorer.js';
import type { Bounds, Fault, ModelJob, Rules } from './rules.js';
import { placesOf, type ExecutionRow, type JobRow, type Process, type Run, type State } from './state.js';

export const BROKEN = {
  committed: 'a handler is started only for a committed claim',
  oneStart: 'one claim starts one handler',
  abandon: "a run of an 'abandon' job starts at most once",
  overlap: 'no more than maxInstances of a job run, but for nodes judged dead',
  obedient: 'a node that was only cut off has stopped before its runs are offered again',
  twoClaims: 'an execution has at most one valid claim',
  recorded: 'no instant is passed over without a record',
  oneRecord: 'one instant has one record',
  owned: 'what runs has an owner that the database knows',
  overwritten: 'an outcome is written by the node that holds the claim',
  once: 'an outcome is written once',
  fenced: 'what was written is never reported as taken over',
  alive: 'a node that beats is not judged dead',
  paused: 'a paused job claims nothing of its schedule',
  clusterPaused: 'a paused cluster claims nothing',
  missed: 'what fell into a pause of the cluster does not run',
  cancelled: 'what was asked to stop is not started again',
} as const;

/** One state, what may be done in it, and the protocol that does it. */
export interface World {
  readonly rules: Rules;
  readonly bounds: Bounds;
  /** The job of each place of an execution. */
  readonly jobOf: readonly number[];
  readonly isManual: readonly boolean[];
}
export type StateOffer = Offer<State>;

export function worldOf(rules: Rules, bounds: Bounds): World {
  const jobOf = bounds.jobs.flatMap(({ instants }, job) => Array.from({ length: instants + 1 }, () => job));
  const isManual = jobOf.map((job, place) => placesOf(bounds, job).manual === place);
  return { rules, bounds, jobOf, isManual };
}

export const bit = (index: number): number => 1 << index;
export const has = (bits: number, index: number): boolean => (bits & bit(index)) !== 0;

export function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`The model has no element ${index} in a list of ${list.length}.`);
  return found;
}
export const jobRow = (state: State, job: number): JobRow => at(state.jobs, job);
export const row = (state: State, place: number): ExecutionRow => at(state.executions, place);
export const processOf = (state: State, node: number): Process => at(state.processes, node);
export const jobOfPlace = (world: World, place: number): ModelJob => at(world.bounds.jobs, at(world.jobOf, place));

/** In the words of the project. */
export const nodeName = (node: number): string => `node ${'AB'[node] ?? node}`;
export const jobName = (job: number): string => `job ${job + 1}`;
export function executionName(world: World, place: number): string {
  const job = at(world.jobOf, place);
  const what = at(world.isManual, place) ? 'run by hand' : `instant ${place - placesOf(world.bounds, job).first + 1}`;
  return `${jobName(job)} ${what}`;
}
export const jobNames = (jobs: number, world: World): string =>
  world.bounds.jobs.flatMap((_, job) => (has(jobs, job) ? [jobName(job)] : [])).join(' and ');

/** It can do something, and the database hears it. */
export const canCall = (process: Process): boolean => process.life !== 'down' && !process.frozen && !process.cutOff;

/** The first broken promise stands. */
export function breaks(state: State, promise: string): void {
  state.broken ??= promise;
}

export const mayFail = (world: World, state: State, kind: Fault): boolean =>
  state.left.faults > 0 && world.bounds.kinds.includes(kind);

export function isJobLocked(state: State, job: number): boolean {
  const holds = (transaction: { stage: string; jobs: number } | null): boolean =>
    transaction !== null &&
    transaction.stage !== 'waiting' &&
    transaction.stage !== 'committed' &&
    has(transaction.jobs, job);
  return (
    state.silentPasses.some(holds) ||
    state.processes.some(
      ({ pass, resolve, unresolved }) =>
        holds(pass) || (resolve !== null && resolve.stage !== 'asked' && has(unresolved, job)),
    )
  );
}

/** A transaction of a pass is not over on the server. */
export function isPassOpen(state: State): boolean {
  const isOpen = (pass: { stage: string } | null): boolean =>
    pass !== null && pass.stage !== 'waiting' && pass.stage !== 'committed';
  return state.silentPasses.some(isOpen) || state.processes.some(({ pass }) => isOpen(pass));
}

/** By the write of an outcome, or by a pass that claims it or asks it to stop. */
export function isRowLocked(state: State, place: number): boolean {
  const writes = [...state.silentWrites, ...state.processes.map(({ write }) => write)];
  if (writes.some((write) => write?.stage === 'open' && write.execution === place)) return true;
  const passes = [...state.silentPasses, ...state.processes.map(({ pass }) => pass)];
  return passes.some(
    (pass) =>
      (pass?.stage === 'written' || pass?.stage === 'committing') &&
      (pass.plan[place] === 'claim' || pass.plan[place] === 'cancel'),
  );
}

/** A handler begins. What must never be is looked at here. */
export function start(world: World, state: State, node: number, run: Pick<Run, 'execution' | 'epoch'>): void {
  const process = processOf(state, node);
  const execution = row(state, run.execution);
  if (execution.epoch < run.epoch && !has(execution.takenOver, run.epoch)) breaks(state, BROKEN.committed);
  if (execution.epoch === run.epoch) execution.starts += 1;
  if (execution.starts > 1) breaks(state, BROKEN.oneStart);
  execution.allStarts += 1;
  if (jobOfPlace(world, run.execution).onNodeLoss === 'abandon' && execution.allStarts > 1)
    breaks(state, BROKEN.abandon);
  process.runs.push({
    execution: run.execution,
    epoch: run.epoch,
    incarnation: process.incarnation,
    phase: 'handler',
    outcome: null,
    aborted: null,
  });
  process.runs.sort((a, b) => a.execution - b.execution || a.epoch - b.epoch);
}

/** The first cause stands. */
export function abort(process: Process, cause: NonNullable<Run['aborted']>, which: (run: Run) => boolean): void {
  for (const run of process.runs) if (run.phase === 'handler' && which(run)) run.aborted ??= cause;
}
