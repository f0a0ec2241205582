import { decide, isWanted } from './decide.model.js';
import { activeOf, applyAdvance, applyPass, writePass } from './pass.effects.js';
import { copyTransaction, type Process, type Run, type State, type Transaction } from './state.js';
import {
  abort,
  BROKEN,
  bit,
  breaks,
  canCall,
  has,
  isJobLocked,
  jobNames,
  jobRow,
  mayFail,
  nodeName,
  processOf,
  row,
  start,
  type StateOffer,
  type World,
} from './world.js';

/** One turn of a node's loop, statement by statement: see `scheduler-loop.ts` and `store/pass.ts`. */
export function passSteps(world: World, state: State, node: number, offer: StateOffer): void {
  const process = processOf(state, node);
  const { pass } = process;
  if (!canCall(process)) return;
  if (pass === null) return beginSteps(world, state, node, offer);
  const name = nodeName(node);
  const step = (says: string, change: (next: State, mine: Process, pass: Transaction) => void): void =>
    offer(`${name}: ${says}`, (next) => {
      const mine = processOf(next, node);
      if (mine.pass !== null) change(next, mine, mine.pass);
    });
  switch (pass.stage) {
    case 'waiting':
      if (jobsOf(pass.jobs, world).some((job) => isJobLocked(state, job))) break;
      step('gets the locks it has waited for', (next, _, mine) => lock(world, next, mine));
      break;
    case 'locked':
      step('reads what is active, and decides', (next, mine, tx) => {
        const decision = decide(world, next, mine, tx);
        if (decision === null) mine.pass = null;
        else tx.plan = decision;
        tx.stage = 'decided';
        if (world.rules.advance === 'before-the-record') applyAdvance(world, next, tx);
      });
      break;
    case 'decided':
      step('records, advances and claims', (next, mine, tx) => {
        if (!writePass(world, next, tx)) mine.pass = null;
      });
      break;
    case 'written':
      step('sends COMMIT', (next, _, tx) => {
        if (world.rules.dispatch === 'before-the-commit') dispatch(world, next, node, expectedEpochs(next, tx));
        tx.stage = 'committing';
      });
      break;
    case 'committing':
      step('its COMMIT is applied', (next, _, tx) => applyPass(world, next, tx));
      break;
    case 'committed':
      step('hears of its COMMIT, and starts what it has claimed', (next, mine, tx) => {
        mine.pass = null;
        if (world.rules.dispatch === 'after-the-answer') dispatch(world, next, node, tx.claimed);
      });
  }
  loseAnswer(world, state, node, offer);
}

function jobsOf(jobs: number, world: World): number[] {
  return world.bounds.jobs.flatMap((_, job) => (has(jobs, job) ? [job] : []));
}

function beginSteps(world: World, state: State, node: number, offer: StateOffer): void {
  const process = processOf(state, node);
  const { life, isReady, resolve, unresolved, again } = process;
  if (life !== 'up' || !isReady || resolve !== null) return;
  if (again !== null) return sendAgain(world, state, node, again, offer);
  if (unresolved !== 0) return;
  peekSteps(state, node, offer);
  if (process.runs.length >= world.bounds.slots || state.isPaused) return;
  const waits = world.rules.count === 'statement-that-waited';
  const jobs = world.bounds.jobs
    .flatMap((_, job) => (isWanted(world, state, job) && (waits || !isJobLocked(state, job)) ? [bit(job)] : []))
    .reduce((all, each) => all | each, 0);
  if (jobs === 0) return;
  const says = waits ? 'asks for' : 'locks';
  offer(`${nodeName(node)}: ${says} ${jobNames(jobs, world)}`, (next) => {
    const mine = processOf(next, node);
    mine.pass = {
      incarnation: mine.incarnation,
      stage: 'waiting',
      jobs,
      until: world.bounds.jobs.map(() => 0),
      activeBefore: world.bounds.jobs.map((_, job) => (waits ? activeOf(world, next, job) : 0)),
      plan: next.executions.map(() => 'nothing'),
      claimed: next.executions.map(() => 0),
    };
    if (!waits) lock(world, next, mine.pass);
  });
}

/** Whoever asks for a stop notifies, and a node that is full looks, too. */
function peekSteps(state: State, node: number, offer: StateOffer): void {
  const isAsked = ({ execution, epoch, phase, aborted }: Run, { incarnation }: Process): boolean => {
    const { owner, cancelRequested, epoch: current } = row(state, execution);
    return phase === 'handler' && aborted === null && cancelRequested && owner === incarnation && current === epoch;
  };
  const process = processOf(state, node);
  if (!process.runs.some((run) => isAsked(run, process))) return;
  offer(`${nodeName(node)}: looks, and hears what shall stop`, (next) => {
    const mine = processOf(next, node);
    abort(mine, 'cancelled', (run) => isAsked(run, mine));
  });
}

/** The row is read again when its lock is had. */
function lock(world: World, next: State, pass: Transaction): void {
  pass.stage = 'locked';
  pass.until = world.bounds.jobs.map((_, job) => {
    const { past, next: undecided, paused } = jobRow(next, job);
    return has(pass.jobs, job) && past > undecided && !paused ? past : 0;
  });
}

/** A mistake: what was decided before is written once more, without a look at what there is now. */
function sendAgain(world: World, state: State, node: number, again: Transaction, offer: StateOffer): void {
  if (jobsOf(again.jobs, world).some((job) => isJobLocked(state, job))) return;
  offer(`${nodeName(node)}: writes the same pass again`, (next) => {
    const mine = processOf(next, node);
    mine.pass = copyTransaction(again);
    mine.again = null;
    if (!writePass(world, next, mine.pass)) mine.pass = null;
  });
}

function dispatch(world: World, next: State, node: number, claimed: readonly number[]): void {
  claimed.forEach((epoch, execution) => {
    if (epoch > 0) start(world, next, node, { execution, epoch });
  });
}

function expectedEpochs(next: State, { plan }: Transaction): number[] {
  return next.executions.map(({ epoch }, place) => {
    if (plan[place] === 'running') return 1;
    return plan[place] === 'claim' ? epoch + 1 : 0;
  });
}

/** Its connection breaks: before COMMIT was sent nothing is written; afterwards nobody knows. */
function loseAnswer(world: World, state: State, node: number, offer: StateOffer): void {
  if (!mayFail(world, state, 'lost-answer')) return;
  offer(
    `${nodeName(node)}: loses the connection of its pass`,
    (next) => {
      next.left.faults -= 1;
      losePass(world, next, processOf(next, node));
    },
    'fault',
  );
}

/** After an outage a node announces itself again before it claims, and its observation of others begins anew. */
export function distrust(process: Process): void {
  process.isReady = false;
  process.suspects = process.suspects.map(() => 'none');
}

/** The process goes on without the answer; the server still has the transaction. */
export function losePass(world: World, next: State, process: Process): void {
  const { pass } = process;
  distrust(process);
  if (pass === null) return;
  process.pass = null;
  if (pass.stage !== 'committed' && pass.stage !== 'waiting') next.silentPasses.push(copyTransaction(pass));
  if (pass.stage !== 'committing' && pass.stage !== 'committed') return;
  if (world.rules.lostCommit === 'resolve') process.unresolved = pass.jobs;
  else process.again = { ...copyTransaction(pass), claimed: pass.claimed.map(() => 0) };
}

/** What was lost is found out before anything else is claimed. */
export function resolveSteps(world: World, state: State, node: number, offer: StateOffer): void {
  const process = processOf(state, node);
  const { resolve, unresolved } = process;
  if (!canCall(process) || !process.isReady || unresolved === 0) return;
  const name = nodeName(node);
  const needsLocks = world.rules.resolve === 'locks-first';
  if (resolve === null) {
    const known = process.runs.map(({ execution, epoch }) => ({ execution, epoch }));
    return offer(`${name}: asks what its lost pass has claimed`, (next) => {
      processOf(next, node).resolve = { stage: 'asked', owned: [], known };
    });
  }
  if (resolve.stage === 'asked') {
    if (needsLocks && jobsOf(unresolved, world).some((job) => isJobLocked(state, job))) return;
    const says = needsLocks ? 'has the locks of its lost pass, which is over' : 'does not wait for its lost pass';
    return offer(`${name}: ${says}`, (next) => {
      processOf(next, node).resolve = { ...resolve, stage: 'locked' };
    });
  }
  if (resolve.stage === 'locked') {
    const owned = state.executions.flatMap(({ owner, epoch }, execution) =>
      owner === process.incarnation ? [{ execution, epoch }] : [],
    );
    return offer(`${name}: reads what it owns`, (next) => {
      processOf(next, node).resolve = { ...resolve, stage: 'read', owned };
    });
  }
  offer(`${name}: hears what it owns, and starts what was not in memory`, (next) => {
    const mine = processOf(next, node);
    const known = world.rules.knownRuns === 'before-asking' ? resolve.known : mine.runs.slice();
    mine.resolve = null;
    mine.unresolved = 0;
    for (const each of resolve.owned) {
      if (!known.some(({ execution, epoch }) => execution === each.execution && epoch === each.epoch))
        start(world, next, node, each);
    }
  });
}

/** What the server does with a transaction whose client is silent; within seconds, and whichever comes first. */
export function silentPassSteps(world: World, state: State, offer: StateOffer): void {
  state.silentPasses.forEach((pass, index) => {
    offer('the server ends a silent transaction of a pass', (next) => void next.silentPasses.splice(index, 1));
    if (pass.stage !== 'committing') return;
    offer('the lost COMMIT of a pass is applied after all', (next) => {
      const [landed] = next.silentPasses.splice(index, 1);
      if (landed) applyPass(world, next, landed);
      else breaks(next, BROKEN.committed);
    });
  });
  state.processes.forEach(({ frozen, pass }, node) => {
    if (!frozen || pass === null || pass.stage === 'committed') return;
    offer(`the server ends the transaction of ${nodeName(node)}, which is frozen`, (next) => {
      const mine = processOf(next, node);
      if (pass.stage === 'committing' && world.rules.lostCommit === 'resolve') mine.unresolved = pass.jobs;
      mine.pass = null;
    });
  });
}
