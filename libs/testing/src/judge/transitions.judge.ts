import { ACTIVE, grouped, type Finding, type FindingKind, type Transition, type TransitionState } from './schedule.js';

/** The life of an execution: what may follow, with the same epoch, or with the next one. */
const SAME_EPOCH: Readonly<Record<string, readonly string[]>> = {
  pending: ['pending', 'cancelled', 'missed', 'failed'],
  running: ['running', 'succeeded', 'failed', 'timed-out', 'cancelled', 'pending', 'abandoned'],
};
const NEXT_EPOCH: Readonly<Record<string, readonly string[]>> = {
  pending: ['running'],
  running: ['pending', 'abandoned', 'cancelled'],
};
const BEGINNINGS: readonly string[] = ['pending/0', 'running/1', 'skipped/0', 'missed/0'];

/** Every write of the ledger held against the life of an execution and its fence. */
export function judgeTransitions(transitions: readonly Transition[], isClockSet: boolean): Finding[] {
  const findings: Finding[] = [];
  for (const ofExecution of grouped(transitions, ({ executionId }) => executionId).values()) {
    /** Of the connection that claimed it. */
    let holder: string | null = null;
    for (const transition of ofExecution) {
      findings.push(...judgeStep(transition), ...judgeFence(transition, holder));
      if (!isClockSet) findings.push(...judgeMoment(transition));
      if (isClaim(transition)) holder = transition.applicationName;
    }
  }
  return findings;
}

function judgeStep(transition: Transition): Finding[] {
  const { from, to } = transition;
  if (from === null) {
    const beginning = `${to?.status}/${to?.leaseEpoch}`;
    if (BEGINNINGS.includes(beginning)) return [];
    return [found('impossible', transition, `It began as ${beginning} (status/epoch).`)];
  }
  const isOver = !ACTIVE.includes(from.status);
  if (to === null)
    return isOver ? [] : [found('impossible', transition, `It was deleted while it was ${from.status}.`)];
  if (isOver) return [found('impossible', transition, `It was ${from.status} for good and became ${to.status}.`)];
  const grown = to.leaseEpoch - from.leaseEpoch;
  if (grown < 0) return [found('impossible', transition, `Its epoch shrank to ${to.leaseEpoch}.`)];
  const allowed = (grown === 0 ? SAME_EPOCH : grown === 1 ? NEXT_EPOCH : {})[from.status];
  if (allowed?.includes(to.status) && (to.status === 'running') === (to.owner !== null)) return [];
  return [found('impossible', transition, `It went from ${inWords(from)} to ${inWords(to)}.`)];
}

/** With the same epoch, the owner alone may write how a run ended, and nobody may change hands. */
function judgeFence(transition: Transition, holder: string | null): Finding[] {
  const { from, to, applicationName } = transition;
  if (from?.status !== 'running' || to === null || to.leaseEpoch !== from.leaseEpoch) return [];
  if (to.status === 'running') {
    if (to.owner === from.owner) return [];
    return [found('staleEpoch', transition, 'It changed hands without a new epoch.')];
  }
  if (holder === null || applicationName === '' || applicationName === holder) return [];
  const what = `It was ${holder}'s, and ${applicationName} wrote how it ended (${to.status}, epoch ${to.leaseEpoch}).`;
  return [found('staleEpoch', transition, what)];
}

function judgeMoment(transition: Transition): Finding[] {
  const { from, to, at, holderLeaseUntil } = transition;
  if (from === null || to === null) return [];
  if (isClaim(transition) && at < from.availableAt) {
    const earlyMs = from.availableAt.getTime() - at.getTime();
    return [found('early', transition, `It was claimed ${earlyMs} ms before it was offered.`)];
  }
  const isTakeover = from.status === 'running' && to.leaseEpoch > from.leaseEpoch;
  // a person's cancel past the grace waits for no lease
  if (!isTakeover || to.status === 'cancelled' || holderLeaseUntil === null || holderLeaseUntil <= at) return [];
  const leftMs = holderLeaseUntil.getTime() - at.getTime();
  return [found('overlapping', transition, `It was taken from a node whose lease had ${leftMs} ms left.`)];
}

function isClaim({ from, to }: Transition): boolean {
  return to?.status === 'running' && from?.status !== 'running';
}

function inWords({ status, leaseEpoch, owner }: TransitionState): string {
  return `${status} (epoch ${leaseEpoch}, ${owner === null ? 'no owner' : `owner ${owner}`})`;
}

function found(kind: FindingKind, { jobId, executionId, at }: Transition, what: string): Finding {
  return { kind, jobId, executionId, what: `${at.toISOString()}: ${what}` };
}
