import { hasGap, wasTakenOver } from './pass.effects.js';
import { NOBODY, type Process, type Run, type State } from './state.js';
import { at, BROKEN, jobOfPlace, row, type World } from './world.js';

/** What must be true in every state. The steps themselves look at what is wrong only in the moment it happens. */
export function brokenPromise(world: World, state: State): string | null {
  if (state.broken !== null) return state.broken;
  if (hasGap(world, state)) return BROKEN.recorded;
  if (state.executions.some(({ status, owner }) => !isOwned(state, status, owner))) return BROKEN.owned;
  const running = state.processes.flatMap((process) =>
    process.runs.filter(({ phase }) => phase !== 'ended').map((run) => ({ process, run })),
  );
  if (running.length < 2) return null;
  if (isTwiceClaimed(state, running)) return BROKEN.twoClaims;
  const overlaps = (counts: (each: Running) => boolean): boolean => isOverlapping(world, running.filter(counts));
  if (overlaps(({ run }) => !wasTakenOver(state, run.execution, run.epoch))) return BROKEN.overlap;
  return overlaps((each) => mustHaveStopped(world, state, each)) ? BROKEN.obedient : null;
}

interface Running {
  process: Process;
  run: Run;
}

function isOwned(state: State, status: string, owner: number): boolean {
  if ((status === 'running') !== (owner !== NOBODY)) return false;
  return owner === NOBODY || state.nodes[owner] !== 'none';
}

function isTwiceClaimed(state: State, running: readonly Running[]): boolean {
  return running.some(({ process, run }) => {
    const { status, epoch } = row(state, run.execution);
    if (status !== 'running' || epoch !== run.epoch) return false;
    return running.some((other) => {
      const isOther = other.process !== process && other.run.execution === run.execution;
      return isOther && other.run.epoch === run.epoch;
    });
  });
}

function isOverlapping(world: World, running: readonly Running[]): boolean {
  const jobs = running.map(({ run }) => at(world.jobOf, run.execution));
  return new Set(jobs).size < jobs.length;
}

/** Whoever is not frozen notices in time that its lease may be over, as long as the clocks only run. */
function mustHaveStopped(world: World, state: State, { process, run }: Running): boolean {
  if (!wasTakenOver(state, run.execution, run.epoch)) return true;
  return !state.hasJumped && !process.wasFrozen && jobOfPlace(world, run.execution).onNodeLoss === 'rerun';
}

/** All instants have passed and are recorded, nothing waits or runs, and nobody has anything left to do. */
export function isQuiet(world: World, state: State): boolean {
  return (
    !state.isPaused &&
    state.jobs.every(
      ({ past, next, paused }, job) => !paused && next === past && past === at(world.bounds.jobs, job).instants,
    ) &&
    state.executions.every(({ status }) => status !== 'pending' && status !== 'running') &&
    state.silentPasses.length + state.silentWrites.length === 0 &&
    state.processes.every(isIdle)
  );
}

function isIdle({ life, frozen, pass, resolve, unresolved, again, runs, write }: Process): boolean {
  if (life === 'down' || frozen) return true;
  return pass === null && resolve === null && unresolved === 0 && again === null && runs.length === 0 && write === null;
}
