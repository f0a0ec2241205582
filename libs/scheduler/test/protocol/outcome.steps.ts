import { wasTakenOver } from './pass.effects.js';
import { distrust } from './pass.steps.js';
import { NOBODY, type Outcome, type OutcomeWrite, type Process, type Run, type State } from './state.js';
import {
  at,
  bit,
  BROKEN,
  breaks,
  canCall,
  executionName,
  has,
  isRowLocked,
  jobOfPlace,
  mayFail,
  nodeName,
  processOf,
  row,
  type StateOffer,
  type World,
} from './world.js';

/** Handlers come to their ends, with or without a database: see `engine/outcome.ts`. */
export function handlerSteps(world: World, state: State, node: number, offer: StateOffer): void {
  const process = processOf(state, node);
  if (process.life === 'down' || process.frozen) return;
  process.runs.forEach((run, index) => {
    if (run.phase !== 'handler') return;
    const what = `${nodeName(node)}: the handler of ${executionName(world, run.execution)}`;
    const ends = (says: string, outcome: Outcome, change: (next: State) => void = () => {}): void =>
      offer(`${what} ${says}`, (next) => {
        const mine = at(processOf(next, node).runs, index);
        mine.phase = 'ended';
        mine.outcome = outcome;
        change(next);
      });
    const isRerun = jobOfPlace(world, run.execution).onNodeLoss === 'rerun';
    if (run.aborted === 'cancelled') return ends('stops, cancelled', 'cancelled');
    ends('returns', 'succeeded');
    if (run.aborted !== null) ends('stops when its signal is aborted', isRerun ? 'pending' : 'abandoned');
    else if (state.left.failures > 0) {
      ends('throws', isRerun ? 'pending' : 'failed', (next) => (next.left.failures -= 1));
    }
    if (run.aborted !== 'shutdown') return;
    offer(`${what} does not stop, and is given up`, (next) => {
      const mine = at(processOf(next, node).runs, index);
      mine.phase = 'left';
      mine.outcome = isRerun ? 'pending' : 'abandoned';
    });
  });
}

/** One outcome is written, until the store has said what became of it: see `outcome-writer.ts` and `store/outcomes.ts`. */
export function outcomeSteps(world: World, state: State, node: number, offer: StateOffer): void {
  const process = processOf(state, node);
  if (!canCall(process)) return;
  const { write } = process;
  if (write === null) return sendSteps(world, state, node, offer);
  const what = `of ${executionName(world, write.execution)}`;
  if (write.stage === 'open') {
    offer(`${nodeName(node)}: the outcome ${what} is committed`, (next) => {
      const mine = processOf(next, node).write;
      if (mine) applyOutcome(next, mine);
    });
  } else {
    offer(`${nodeName(node)}: hears that the outcome ${what} is ${write.stage}`, (next) => {
      if (write.stage === 'fenced' && !wasTakenOver(next, write.execution, write.epoch)) breaks(next, BROKEN.fenced);
      settle(processOf(next, node), write);
    });
  }
  if (!mayFail(world, state, 'lost-answer')) return;
  offer(
    `${nodeName(node)}: loses the connection of the outcome ${what}`,
    (next) => {
      next.left.faults -= 1;
      loseWrite(world, next, processOf(next, node));
    },
    'fault',
  );
}

function sendSteps(world: World, state: State, node: number, offer: StateOffer): void {
  for (const run of processOf(state, node).runs) {
    const { execution, outcome } = run;
    // a row that somebody has locked is left for a second
    if (outcome === null || isRowLocked(state, execution)) continue;
    offer(`${nodeName(node)}: writes "${outcome}" for ${executionName(world, execution)}`, (next) => {
      processOf(next, node).write = writeOf(world, next, run, outcome);
    });
  }
}

function writeOf(world: World, state: State, run: Run, outcome: Outcome): OutcomeWrite {
  const { execution, epoch, incarnation } = run;
  const delayed = run.phase === 'left' && outcome === 'pending' && world.rules.release === 'after-a-lease-period';
  return { incarnation, execution, epoch, outcome, delayed, stage: stageOf(world, state, run) };
}

function stageOf({ rules }: World, state: State, { execution, epoch }: Run): OutcomeWrite['stage'] {
  const found = row(state, execution);
  const isSameEpoch = rules.fence === 'none' || found.epoch === epoch;
  const isRunning = found.status === 'running' || rules.completion === 'counted-when-repeated';
  if (isSameEpoch && isRunning) return 'open';
  if (rules.completion === 'fenced-when-repeated') return 'fenced';
  if (has(found.kept, epoch)) return 'written';
  return found.epoch === epoch && found.status !== 'running' ? 'written' : 'fenced';
}

/** The commit of an outcome. */
function applyOutcome(next: State, write: OutcomeWrite): void {
  const found = row(next, write.execution);
  if (found.status !== 'running') breaks(next, BROKEN.once);
  else if (found.owner !== write.incarnation) breaks(next, BROKEN.overwritten);
  // a retry of what was asked to stop ends here
  const status = write.outcome === 'pending' && found.cancelRequested ? 'cancelled' : write.outcome;
  found.status = status;
  found.owner = NOBODY;
  if (status === 'pending') {
    found.kept |= bit(write.epoch);
    found.delayed = write.delayed;
  }
  write.stage = 'written';
}

/** The run has its outcome written, and its slot is free; a handler that was given up goes on in its process. */
function settle(process: Process, { execution, epoch }: OutcomeWrite): void {
  process.write = null;
  const isIt = (run: Run): boolean => run.execution === execution && run.epoch === epoch;
  for (const run of process.runs) if (isIt(run)) run.outcome = null;
  process.runs = process.runs.filter((run) => !isIt(run) || run.phase === 'left');
}

/** Nobody knows what became of it: it is written again. */
export function loseWrite(world: World, next: State, process: Process): void {
  const { write } = process;
  if (write === null) return;
  process.write = null;
  distrust(process);
  if (write.stage === 'open') next.silentWrites.push({ ...write });
  if (world.rules.outcomes === 'dropped') settle(process, write);
}

export function silentWriteSteps(state: State, offer: StateOffer): void {
  state.silentWrites.forEach((_, index) => {
    offer('the server ends a silent write of an outcome', (next) => void next.silentWrites.splice(index, 1));
    offer('the lost COMMIT of an outcome is applied after all', (next) => {
      const [landed] = next.silentWrites.splice(index, 1);
      if (landed) applyOutcome(next, landed);
    });
  });
}
