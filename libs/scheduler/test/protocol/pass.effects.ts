import { NOBODY, placesOf, type State, type Status, type Transaction } from './state.js';
import { at, bit, BROKEN, breaks, has, isRowLocked, jobRow, row, type World } from './world.js';

/** See `statements/offered.ts`: what a schedule made waits while its job is paused. */
export function isOffered(world: World, state: State, place: number): boolean {
  const { status, delayed } = row(state, place);
  if (status !== 'pending' || delayed) return false;
  if (world.rules.paused === 'claims-what-was-queued') return true;
  return world.isManual[place] === true || !jobRow(state, at(world.jobOf, place)).paused;
}

/** Running, or claimed before and waiting again: see `statements/read-active.ts`. */
export function activeOf(world: World, state: State, job: number): number {
  return state.executions.filter(
    ({ status, epoch }, place) =>
      world.jobOf[place] === job && (status === 'running' || (status === 'pending' && epoch > 0)),
  ).length;
}

export function queuedOf(world: World, state: State, job: number): number {
  return state.executions.filter(
    ({ status, epoch }, place) => world.jobOf[place] === job && status === 'pending' && epoch === 0,
  ).length;
}

const isActive = (status: Status): boolean => status === 'pending' || status === 'running';

/** Writes in the open transaction. False: the server refuses, for the owner is no node that it knows. */
export function writePass(world: World, next: State, pass: Transaction): boolean {
  pass.plan = pass.plan.map((planned, place) => {
    const { status } = row(next, place);
    if (planned === 'claim') return status === 'pending' ? 'claim' : 'nothing';
    // what is locked is just ending
    if (planned === 'cancel') return isActive(status) && !isRowLocked(next, place) ? 'cancel' : 'nothing';
    if (planned === 'nothing' || status === 'none') return planned;
    if (!world.rules.uniqueIndex) breaks(next, BROKEN.oneRecord);
    return 'nothing';
  });
  const claims = pass.plan.some((planned) => planned === 'claim' || planned === 'running');
  const isKnown = next.nodes[pass.incarnation] !== 'none' || world.rules.owner === 'plain-column';
  pass.stage = 'written';
  return isKnown || !claims;
}

/** The commit: everything of the pass is there at once. */
export function applyPass(world: World, next: State, pass: Transaction): void {
  pass.stage = 'committed';
  pass.plan.forEach((planned, place) => {
    const execution = row(next, place);
    switch (planned) {
      case 'nothing':
        return;
      case 'missed':
      case 'skipped':
      case 'pending':
        execution.status = planned;
        return;
      case 'cancel':
        if (execution.status === 'pending') execution.status = 'cancelled';
        else execution.cancelRequested = true;
        return;
      case 'running':
      case 'claim':
        claim(world, next, place, pass);
    }
  });
  if (world.rules.advance === 'with-the-record') applyAdvance(world, next, pass);
}

export function applyAdvance(world: World, next: State, { until }: Transaction): void {
  for (const job of world.bounds.jobs.keys()) {
    const row = jobRow(next, job);
    row.next = Math.max(row.next, at(until, job));
  }
}

function claim(world: World, next: State, place: number, pass: Transaction): void {
  const execution = row(next, place);
  if (execution.cancelRequested) breaks(next, BROKEN.cancelled);
  if (world.isManual[place] !== true && jobRow(next, at(world.jobOf, place)).paused) breaks(next, BROKEN.paused);
  if (next.isPaused) breaks(next, BROKEN.clusterPaused);
  const { missed } = jobRow(next, at(world.jobOf, place));
  const instant = place - placesOf(world.bounds, at(world.jobOf, place)).first;
  const isNew = pass.plan[place] === 'running' && world.isManual[place] !== true;
  if (isNew && instant < missed) breaks(next, BROKEN.missed);
  execution.status = 'running';
  execution.owner = pass.incarnation;
  execution.epoch += 1;
  execution.starts = 0;
  pass.claimed[place] = execution.epoch;
}

/** Instants that are passed over leave a record each. */
export function hasGap(world: World, state: State): boolean {
  return state.jobs.some(({ next }, job) => {
    const { first } = placesOf(world.bounds, job);
    return Array.from({ length: next }, (_, instant) => row(state, first + instant)).some(
      ({ status }) => status === 'none',
    );
  });
}

/** Takes over what a dead node ran: see `statements/rescue.ts`. `skips`: rows that somebody has locked. */
export function takeOver(world: World, next: State, incarnation: number, skips: (place: number) => boolean): void {
  next.executions.forEach((execution, place) => {
    if (execution.owner !== incarnation || skips(place)) return;
    const job = at(world.bounds.jobs, at(world.jobOf, place));
    const isCancelled = execution.cancelRequested && world.rules.cancelled === 'stays-cancelled';
    execution.status = isCancelled ? 'cancelled' : job.onNodeLoss === 'abandon' ? 'abandoned' : 'pending';
    execution.takenOver |= bit(execution.epoch);
    execution.epoch += world.rules.fence === 'attempt' ? -1 : 1;
    execution.owner = NOBODY;
  });
  if (!next.executions.some(({ owner }) => owner === incarnation)) next.nodes[incarnation] = 'none';
}

/** Whether this run was taken over from a node judged dead. */
export function wasTakenOver(state: State, place: number, epoch: number): boolean {
  return has(row(state, place).takenOver, epoch);
}
