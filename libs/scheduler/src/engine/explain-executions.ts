import type { JobExecutionEntity } from '../store/job-execution.entity.js';
import { isActive, isHeld, isQueued } from '../store/waiting.js';
import { because, canRun, iso, named, type JobFacts } from './job-facts.js';
import { executorOf } from './job-settings.js';
import { messageWithCause } from './json.js';

/** How many are told of each kind. */
const MOST_TOLD = 5;

/** What is active of a job, and what each of it waits for. */
export function explainExecutions(facts: JobFacts): string[] {
  const { executions, active, queued, backfilled } = facts.active;
  const running = executions.filter(({ status }) => status === 'running');
  const again = executions.filter(({ status, leaseEpoch }) => status === 'pending' && leaseEpoch > 0);
  const waiting = executions.filter(isQueued);
  return [
    ...told(running, running.length, (each) => runningLine(each, facts)),
    ...told(again, active - running.length, (each) => againLine(each, facts)),
    ...told(waiting, queued, (each) => waitingLine(each, facts)),
    ...(backfilled === 0
      ? []
      : [`${runs(backfilled)} of a backfill wait: they start in the room that its schedule leaves.`]),
    ...overlapLine(facts),
  ];
}

function told(
  some: readonly JobExecutionEntity[],
  count: number,
  line: (each: JobExecutionEntity) => string,
): string[] {
  const lines = some.slice(0, MOST_TOLD).map(line);
  const left = count - lines.length;
  return left > 0 ? [...lines, `${runs(left)} more like ${left === 1 ? 'it' : 'these'}.`] : lines;
}

function runningLine(execution: JobExecutionEntity, { here }: JobFacts): string {
  const { id, claimedAt, startedAt, attempt, maxAttempts, cancelRequestedAt } = execution;
  if (here.unwritten.has(id)) return `${runOf(execution)} has ended on this node, and its outcome is not written yet.`;
  const since = claimedAt ?? startedAt;
  const which = maxAttempts > 1 ? `, attempt ${attempt} of ${maxAttempts}` : '';
  const asked = cancelRequestedAt === null ? '' : ` It was asked to stop at ${iso(cancelRequestedAt)}.`;
  return `${runOf(execution)} runs${on(execution)}${since === null ? '' : ` since ${iso(since)}`}${which}.${asked}`;
}

/** It was claimed before. */
function againLine(execution: JobExecutionEntity, facts: JobFacts): string {
  const { error, attempt, maxAttempts, availableAt, reason } = execution;
  const isLater = availableAt > facts.active.now;
  const when = heldUntil(execution, facts) ?? (isLater ? `at ${iso(availableAt)}` : 'as soon as a slot is free');
  if (error === null) return `${runOf(execution)} was handed over${because(reason)}, and goes on ${when}.`;
  return `${runOf(execution)} failed at attempt ${attempt} of ${maxAttempts}${because(messageWithCause(error))}. The next attempt is ${when}.`;
}

function heldUntil({ kind }: JobExecutionEntity, { job, pause }: JobFacts): string | null {
  if (pause !== null) return 'when the cluster is resumed';
  return isHeld(kind, job.state) ? 'when the job is resumed' : null;
}

function waitingLine(execution: JobExecutionEntity, facts: JobFacts): string {
  const { job, active } = facts;
  const { availableAt } = execution;
  const what = `${runOf(execution)} waits`;
  const held = heldUntil(execution, facts);
  if (held !== null) return `${what}, and starts ${held}.`;
  if (availableAt > active.now) return `${what} until ${iso(availableAt)}.`;
  if (active.active >= job.maxInstances)
    return `${what} for room (maxInstances: ${job.maxInstances})${holdersOf(facts)}.`;
  const able = facts.nodes.filter((node) => canRun(node, execution.capability));
  if (able.length === 0) return `${what} for a node that can run it (${execution.capability}).`;
  return `${what} for a free slot of the executor "${executorOf(execution.capability)}" on ${named(able)}.`;
}

function holdersOf({ active: { executions } }: JobFacts): string {
  const holding = executions.filter(isActive);
  const [first] = holding;
  if (first === undefined) return '';
  const since = first.claimedAt ?? first.startedAt;
  const others = holding.length > 1 ? ` and ${holding.length - 1} more` : '';
  return `: execution ${first.id} holds it${on(first)}${since === null ? '' : ` since ${iso(since)}`}${others}`;
}

/** What becomes of a fire that comes now. */
function overlapLine({ job, active: { active, queued } }: JobFacts): string[] {
  if (job.state !== 'active' || active + queued < job.maxInstances) return [];
  const { overlap, maxInstances } = job;
  const fate = {
    skip: 'is skipped',
    'queue-one': 'waits, if no other does',
    'queue-all': 'waits',
    'cancel-running': 'takes the place of the oldest',
  };
  return [`A fire that comes meanwhile ${fate[overlap]} (maxInstances: ${maxInstances}, overlap: '${overlap}').`];
}

function runOf({ id, kind, scheduledAt }: JobExecutionEntity): string {
  const what = { schedule: 'Its run of', manual: 'Its run by hand of', backfill: 'Its backfilled run of' }[kind];
  return `${what} ${iso(scheduledAt)} (execution ${id})`;
}
function on({ nodeName }: JobExecutionEntity): string {
  return nodeName === null ? '' : ` on node "${nodeName}"`;
}
function runs(count: number): string {
  return count === 1 ? '1 run' : `${count} runs`;
}
