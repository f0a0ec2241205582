import { every } from 'nestjs-vigil';
import type { HandlerRun, JudgedExecution, JudgedJob, Transition, TransitionState } from '../../src/index.js';

const START = Date.UTC(2026, 0, 1);
/** So many seconds after the job was added. */
export const at = (second: number): Date => new Date(START + second * 1_000);

/** It was added at second 0 and fires each second; those up to 3 are decided. */
export const JOB: JudgedJob = {
  id: 'report',
  uid: 'uid-of-report',
  trigger: every('1s', { anchor: at(0) }).toJSON(),
  state: 'active',
  createdAt: at(0),
  nextRunAt: at(4),
  wakeAt: at(4),
  lastInstant: at(3),
  maxInstances: 1,
  maxRuns: null,
  runCount: 3,
  jitterMs: 0,
};

/** Started at its instant, ended half a second later. */
export function execution(second: number, more: Partial<JudgedExecution> = {}): JudgedExecution {
  return {
    id: `fire-${second}`,
    jobId: 'report',
    jobUid: 'uid-of-report',
    kind: 'schedule',
    scheduledAt: at(second),
    untilAt: null,
    instantCount: 1,
    status: 'succeeded',
    attempt: 1,
    maxAttempts: 1,
    crashes: 0,
    maxCrashes: 3,
    leaseEpoch: 1,
    owner: null,
    nodeName: 'node-a',
    expiresAt: null,
    startedAt: at(second),
    claimedAt: at(second),
    finishedAt: at(second + 0.5),
    ...more,
  };
}

/** Not run: a record that nobody claimed. */
export function missed(second: number, more: Partial<JudgedExecution> = {}): JudgedExecution {
  const unclaimed = { attempt: 0, leaseEpoch: 0, nodeName: null, startedAt: null, claimedAt: null };
  return execution(second, { status: 'missed', ...unclaimed, ...more });
}

/** The handler's own note of it. */
export const run = (second: number, more: Partial<HandlerRun> = {}): HandlerRun => ({
  executionId: `fire-${second}`,
  scheduledAt: at(second),
  startedAt: at(second),
  finishedAt: at(second + 0.4),
  node: 'node-a',
  ...more,
});

type State = Partial<TransitionState> & Pick<TransitionState, 'status'>;
const state = (given: State | null): TransitionState | null =>
  given && { leaseEpoch: 0, owner: given.status === 'running' ? 'a' : null, attempt: 0, availableAt: at(0), ...given };
let sequence = 0;
/** One write about the fire of second 1. */
export const step = (from: State | null, to: State | null, more: Partial<Transition> = {}): Transition => ({
  sequence: sequence++,
  executionId: 'fire-1',
  jobId: 'report',
  jobUid: 'uid-of-report',
  from: state(from),
  to: state(to),
  at: at(1),
  nodeName: 'node-a',
  holderLeaseUntil: null,
  applicationName: 'node-a',
  backendPid: 1,
  ...more,
});
