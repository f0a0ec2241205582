import { activeOf, isOffered, queuedOf } from './pass.effects.js';
import type { ModelJob } from './rules.js';
import { placesOf, type Planned, type Process, type State, type Transaction } from './state.js';
import { at, has, jobRow, type World } from './world.js';

/** Whether a pass would want to lock the job: it is due, or something of it waits. */
export function isWanted(world: World, state: State, job: number): boolean {
  const { past, next, paused } = jobRow(state, job);
  if (past > next && !paused) return true;
  return state.executions.some((_, place) => world.jobOf[place] === job && isOffered(world, state, place));
}

/** What `engine/decide.ts` would: waiting executions first, then the due instants, of which the latest runs. */
export function decide(world: World, state: State, process: Process, pass: Transaction): Planned[] | null {
  const plan: Planned[] = state.executions.map(() => 'nothing');
  const slots = { free: world.bounds.slots - process.runs.length };
  for (const job of world.bounds.jobs.keys()) if (has(pass.jobs, job)) decideJob(world, state, job, pass, plan, slots);
  return plan.every((each) => each === 'nothing') ? null : plan;
}

function decideJob(
  world: World,
  state: State,
  job: number,
  pass: Transaction,
  plan: Planned[],
  slots: { free: number },
): void {
  const isStale = world.rules.count === 'statement-that-waited';
  const until = at(pass.until, job);
  let active = isStale ? at(pass.activeBefore, job) : activeOf(world, state, job);
  let queued = queuedOf(world, state, job);
  const { overlap } = at(world.bounds.jobs, job);
  if (until > 0 && overlap === 'cancel-running' && active + queued >= 1) {
    queued -= replace(world, state, job, plan);
    if (world.rules.stopping === 'counts-as-gone') active = 0;
  }
  state.executions.forEach(({ epoch }, place) => {
    if (world.jobOf[place] !== job || plan[place] === 'cancel' || !isOffered(world, state, place)) return;
    if (slots.free === 0 || (epoch === 0 && active >= 1)) return;
    slots.free -= 1;
    plan[place] = 'claim';
    if (epoch > 0) return;
    active += 1;
    queued -= 1;
  });
  if (until === 0) return;
  const { first } = placesOf(world.bounds, job);
  for (let instant = jobRow(state, job).next; instant < until - 1; instant += 1) plan[first + instant] = 'missed';
  const isMissed = until <= jobRow(state, job).missed;
  plan[first + until - 1] = isMissed ? 'missed' : fire(overlap, active, queued, slots);
}

/** For a newer fire: what is active and was not asked yet stops, what its schedule made and nobody has claimed goes. Returns how many of those. */
function replace(world: World, state: State, job: number, plan: Planned[]): number {
  let gone = 0;
  state.executions.forEach(({ status, epoch, cancelRequested }, place) => {
    if (world.jobOf[place] !== job) return;
    const isWaiting = status === 'pending' && epoch === 0 && world.isManual[place] !== true;
    const isActive = status === 'running' || (status === 'pending' && epoch > 0);
    if (isWaiting) gone += 1;
    if (isWaiting || (isActive && !cancelRequested)) plan[place] = 'cancel';
  });
  return gone;
}

function fire(overlap: ModelJob['overlap'], active: number, queued: number, slots: { free: number }): Planned {
  if (active + queued >= 1) {
    if (overlap === 'cancel-running') return 'pending';
    return overlap === 'queue-one' && queued === 0 ? 'pending' : 'skipped';
  }
  if (slots.free === 0) return 'pending';
  slots.free -= 1;
  return 'running';
}
