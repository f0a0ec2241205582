import {
  NOBODY,
  type ExecutionRow,
  type OutcomeWrite,
  type Process,
  type Run,
  type State,
  type Transaction,
} from './state.js';

const STATUS = {
  none: 0,
  pending: 1,
  running: 2,
  succeeded: 3,
  failed: 4,
  missed: 5,
  skipped: 6,
  cancelled: 7,
  abandoned: 8,
} as const;
const PLANNED = { nothing: 0, missed: 1, skipped: 2, pending: 3, running: 4, claim: 5, cancel: 6 } as const;
const STAGE = { waiting: 1, locked: 2, decided: 3, written: 4, committing: 5, committed: 6 } as const;
const WRITE = { open: 1, written: 2, fenced: 3 } as const;
const RESOLVE = { asked: 1, locked: 2, read: 3 } as const;
const LIFE = { up: 0, stopping: 1, down: 2 } as const;
const NODE = { none: 0, valid: 1, over: 2 } as const;
const SUSPICION = { none: 0, seen: 1, still: 2, moved: 3 } as const;
const TRUST = { good: 0, doubted: 1, told: 2 } as const;
const PHASE = { handler: 0, ended: 1, left: 2 } as const;
const ABORTED = { cancelled: 1, 'lease-lost': 2, shutdown: 3 } as const;

/** One text for each state, small, and one for both of two states that differ only in what their nodes are called. */
export function keyOf(state: State): string {
  const key = written(state, 0);
  if (state.processes.length !== 2) return key;
  const mirrored = written(state, 1);
  return key < mirrored ? key : mirrored;
}

/** Used again for each key: there are millions. */
const bytes = Buffer.alloc(1_024);
let length = 0;

function put(byte: number): void {
  bytes[length] = byte;
  length += 1;
}
function putAll(list: readonly number[]): void {
  for (const each of list) put(each);
}

/** `flip` 1: the two nodes change places. Incarnations of the first are even, those of the second odd. */
function written(state: State, flip: number): string {
  length = 0;
  const { left, jobs, executions, nodes, processes } = state;
  put(left.faults * 16 + left.failures * 4 + left.cancels);
  put(left.pauses * 16 + left.shutdowns * 4 + Number(state.hasJumped) * 2 + Number(state.broken !== null));
  put(left.clusterPauses * 2 + Number(state.isPaused));
  for (const { past, next, paused, missed } of jobs) put(missed * 64 + past * 16 + next * 2 + Number(paused));
  for (const execution of executions) putExecution(execution, flip);
  for (let id = 0; id < nodes.length; id += 1) put(NODE[nodes[id ^ flip] ?? 'none']);
  for (let node = 0; node < processes.length; node += 1) {
    const process = processes[processes.length === 2 ? node ^ flip : node];
    if (process) putProcess(process, flip);
  }
  put(state.silentPasses.length);
  for (const pass of state.silentPasses) putTransaction(pass, flip);
  for (const write of state.silentWrites) putWrite(write, flip);
  return bytes.toString('latin1', 0, length);
}

const incarnation = (id: number, flip: number): number => (id === NOBODY ? 0 : 1 + (id ^ flip));

function putExecution(execution: ExecutionRow, flip: number): void {
  const { status, cancelRequested, delayed, epoch, owner, kept, takenOver, starts, allStarts } = execution;
  put(STATUS[status] * 4 + Number(cancelRequested) * 2 + Number(delayed));
  if (status === 'none') return;
  put(epoch * 16 + incarnation(owner, flip));
  put(kept);
  put(takenOver);
  put(Math.min(starts, 3) * 4 + Math.min(allStarts, 3));
}

function putProcess(process: Process, flip: number): void {
  const { life, frozen, cutOff, trust, wasFrozen, isReady, suspects, runs, resolve } = process;
  put(LIFE[life] * 32 + Number(frozen) * 16 + Number(cutOff) * 8 + TRUST[trust]);
  put(Number(wasFrozen) * 2 + Number(isReady) + incarnation(process.incarnation, flip) * 4);
  put(process.unresolved);
  for (let id = 0; id < suspects.length; id += 1) put(SUSPICION[suspects[id ^ flip] ?? 'none']);
  putTransaction(process.pass, flip);
  putTransaction(process.again, flip);
  putWrite(process.write, flip);
  put(runs.length);
  for (const run of runs) putRun(run, flip);
  if (resolve === null) return put(0);
  put(RESOLVE[resolve.stage]);
  put(resolve.owned.length);
  put(resolve.known.length);
  for (const { execution, epoch } of resolve.owned) put(execution * 8 + epoch);
  for (const { execution, epoch } of resolve.known) put(execution * 8 + epoch);
}

function putRun({ execution, epoch, phase, outcome, aborted, incarnation: by }: Run, flip: number): void {
  put(execution * 8 + epoch);
  put(PHASE[phase] * 64 + (aborted === null ? 0 : ABORTED[aborted]) * 16 + (outcome === null ? 0 : STATUS[outcome]));
  put(incarnation(by, flip));
}

function putTransaction(pass: Transaction | null, flip: number): void {
  if (pass === null) return put(0);
  put(STAGE[pass.stage]);
  put(incarnation(pass.incarnation, flip) * 4 + pass.jobs);
  putAll(pass.until);
  putAll(pass.activeBefore);
  for (const planned of pass.plan) put(PLANNED[planned]);
  putAll(pass.claimed);
}

function putWrite(write: OutcomeWrite | null, flip: number): void {
  if (write === null) return put(0);
  const { stage, execution, epoch, outcome, delayed } = write;
  put(WRITE[stage] * 2 + Number(delayed));
  put(incarnation(write.incarnation, flip));
  put(execution * 8 + epoch);
  put(STATUS[outcome]);
}
