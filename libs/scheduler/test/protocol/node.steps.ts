import { takeOver } from './pass.effects.js';
import { distrust, losePass } from './pass.steps.js';
import { loseWrite } from './outcome.steps.js';
import { freshProcess, type Process, type State } from './state.js';
import {
  abort,
  at,
  BROKEN,
  breaks,
  canCall,
  isRowLocked,
  jobOfPlace,
  mayFail,
  nodeName,
  processOf,
  row,
  type StateOffer,
  type World,
} from './world.js';

/** Leases, and what becomes of a node that loses its own: see `lease-renewer.ts`, `node-reaper.ts`, `node-session.ts`. */
export function leaseSteps(world: World, state: State, node: number, offer: StateOffer): void {
  const process = processOf(state, node);
  if (process.life === 'down' || process.frozen) return;
  if (process.trust === 'doubted' && process.runs.some((run) => mustStop(world, run))) {
    offer(`${nodeName(node)}: by its own clock its lease may be over, and its handlers are asked to stop`, (next) => {
      const mine = processOf(next, node);
      mine.trust = 'told';
      abort(mine, 'lease-lost', (run) => mustStop(world, run));
    });
  }
  if (!canCall(process)) return;
  if (mayBeat(world, state, process)) {
    offer(`${nodeName(node)}: beats`, (next) => {
      if (beat(world, next, processOf(next, node))) hear(next, node);
    });
    loseBeat(world, state, node, offer);
  }
  rescueSteps(world, state, node, offer);
}

function mustStop(world: World, run: Process['runs'][number]): boolean {
  return run.phase === 'handler' && run.aborted === null && jobOfPlace(world, run.execution).onNodeLoss === 'rerun';
}

/** The model has only so many incarnations. */
function mayBeat(world: World, state: State, { incarnation }: Process): boolean {
  return state.nodes[incarnation] !== 'none' || incarnation + world.bounds.nodes < state.nodes.length;
}

/** The statement. False: the row is gone, and the process becomes another incarnation. */
function beat(world: World, next: State, process: Process): boolean {
  process.trust = 'good';
  process.isReady = true;
  if (next.nodes[process.incarnation] === 'none') {
    abort(process, 'lease-lost', () => true);
    process.incarnation += world.bounds.nodes;
    next.nodes[process.incarnation] = 'valid';
    return false;
  }
  renew(world, next, process.incarnation);
  return true;
}

function renew(world: World, next: State, incarnation: number): void {
  next.nodes[incarnation] = 'valid';
  for (const other of next.processes) {
    const isDecided = other.suspects[incarnation] === 'still';
    if (other.suspects[incarnation] === 'none') continue;
    if (!isDecided || world.rules.rescue === 'beat-compared') other.suspects[incarnation] = 'moved';
  }
}

/** What the answer says of this node's runs, and of the other nodes. */
function hear(next: State, node: number): void {
  const process = processOf(next, node);
  const isMine = (run: { execution: number; epoch: number }): boolean => {
    const { owner, epoch } = row(next, run.execution);
    return owner === process.incarnation && epoch === run.epoch;
  };
  abort(process, 'lease-lost', (run) => !isMine(run));
  abort(process, 'cancelled', (run) => isMine(run) && row(next, run.execution).cancelRequested);
  process.suspects = process.suspects.map((suspicion, incarnation) => {
    if (next.nodes[incarnation] !== 'over' || incarnation === process.incarnation) return 'none';
    return suspicion === 'still' ? 'still' : 'seen';
  });
}

function loseBeat(world: World, state: State, node: number, offer: StateOffer): void {
  if (!mayFail(world, state, 'lost-answer') || state.nodes[processOf(state, node).incarnation] === 'none') return;
  offer(
    `${nodeName(node)}: beats, and does not hear the answer`,
    (next) => {
      next.left.faults -= 1;
      const mine = processOf(next, node);
      renew(world, next, mine.incarnation);
      distrust(mine);
    },
    'fault',
  );
}

function rescueSteps(world: World, state: State, node: number, offer: StateOffer): void {
  const { suspects, life } = processOf(state, node);
  if (life !== 'up') return;
  suspects.forEach((suspicion, incarnation) => {
    const isJudged = suspicion === 'still' || (world.rules.death === 'lease-over' && suspicion === 'seen');
    if (!isJudged || state.nodes[incarnation] !== 'over' || claimsNow(state, incarnation)) return;
    const whose = nodeName(incarnation % world.bounds.nodes);
    offer(
      `${nodeName(node)}: judges ${whose} (incarnation ${incarnation}) dead, and takes over what it ran`,
      (next) => {
        const victim = next.processes.find((each) => each.incarnation === incarnation && canCall(each));
        if (victim?.trust === 'good') breaks(next, BROKEN.alive);
        takeOver(world, next, incarnation, (place) => isRowLocked(state, place));
        processOf(next, node).suspects[incarnation] = 'none';
      },
    );
  });
}

/** A transaction that claims for a node keeps that node's row, by the foreign key of `owner`. */
function claimsNow(state: State, incarnation: number): boolean {
  const passes = [...state.silentPasses, ...state.processes.map(({ pass }) => pass)];
  return passes.some(
    (pass) =>
      pass?.incarnation === incarnation &&
      (pass.stage === 'written' || pass.stage === 'committing') &&
      pass.plan.some((planned) => planned === 'claim' || planned === 'running'),
  );
}

/**
 * A lease period passes. Every call has ended by then, every silent transaction is over on the server, every handler
 * that was asked to stop has, and every process that can has beaten.
 */
export function timeSteps(world: World, state: State, offer: StateOffer): void {
  if (state.silentPasses.length + state.silentWrites.length > 0) return;
  if (!state.processes.every((process) => isSettled(world, state, process))) return;
  offer('a lease period passes', (next) => {
    for (const execution of next.executions) execution.delayed = false;
    const beating = next.processes.filter(canCall);
    next.nodes.forEach((node, incarnation) => {
      if (node !== 'none' && !beating.some((process) => process.incarnation === incarnation))
        next.nodes[incarnation] = 'over';
    });
    for (const process of beating) beat(world, next, process);
    for (const process of next.processes) {
      if (!canCall(process)) process.trust = process.life === 'down' ? 'good' : 'doubted';
      else process.suspects = process.suspects.map((each) => (each === 'seen' ? 'still' : each));
    }
  });
}

function isSettled(world: World, state: State, process: Process): boolean {
  const { life, frozen, cutOff, pass, resolve, write, runs, trust, incarnation } = process;
  if (life === 'stopping') return false;
  if (frozen) return write?.stage !== 'open' && (pass === null || pass.stage === 'committed');
  if (life === 'down') return true;
  const isIdle = pass === null && resolve === null && write === null;
  const hasHeard = cutOff || state.nodes[incarnation] !== 'none';
  const hasStopped = runs.every(
    (run) => run.phase !== 'handler' || (run.aborted === null && (trust !== 'doubted' || !mustStop(world, run))),
  );
  return isIdle && hasHeard && hasStopped;
}

/** What happens to processes and servers, and how they come back. */
export function faultSteps(world: World, state: State, offer: StateOffer): void {
  state.processes.forEach((process, node) => {
    const name = nodeName(node);
    const suffer = (says: string, change: (next: State, mine: Process) => void): void =>
      offer(
        `${name}: ${says}`,
        (next) => {
          next.left.faults -= 1;
          change(next, processOf(next, node));
        },
        'fault',
      );
    if (process.life === 'down') return restart(world, state, node, offer);
    if (process.frozen) return offer(`${name}: thaws`, (next) => (processOf(next, node).frozen = false));
    if (mayFail(world, state, 'crash')) suffer('crashes', (next) => leave(world, next, node));
    if (mayFail(world, state, 'freeze') && process.life === 'up')
      suffer('freezes', (_, mine) => (mine.frozen = mine.wasFrozen = true));
    if (process.cutOff)
      return offer(`${name}: reaches the database again`, (next) => (processOf(next, node).cutOff = false));
    if (!mayFail(world, state, 'cut-off')) return;
    suffer('is cut off from the database', (next, mine) => {
      dropCalls(world, next, mine);
      mine.cutOff = true;
    });
  });
  if (!mayFail(world, state, 'clock-ahead') || state.nodes.every((node) => node !== 'valid')) return;
  offer(
    'the database fails over to a server whose clock is ahead: every lease looks over',
    (next) => {
      next.left.faults -= 1;
      next.hasJumped = true;
      next.nodes = next.nodes.map((node) => (node === 'none' ? 'none' : 'over'));
    },
    'fault',
  );
}

function dropCalls(world: World, next: State, process: Process): void {
  losePass(world, next, process);
  loseWrite(world, next, process);
  process.resolve = null;
}

/** Its memory is lost. */
export function leave(world: World, next: State, node: number): void {
  const { incarnation } = processOf(next, node);
  dropCalls(world, next, processOf(next, node));
  next.processes[node] = { ...freshProcess(incarnation, next.nodes.length), life: 'down' };
}

function restart(world: World, state: State, node: number, offer: StateOffer): void {
  const { incarnation } = processOf(state, node);
  const anew = world.rules.identity === 'node' ? incarnation : incarnation + world.bounds.nodes;
  if (anew >= state.nodes.length) return;
  offer(`${nodeName(node)}: starts again as incarnation ${anew}`, (next) => {
    next.processes[node] = freshProcess(anew, next.nodes.length);
    at(next.nodes, anew);
    next.nodes[anew] = 'valid';
    renew(world, next, anew);
  });
}
