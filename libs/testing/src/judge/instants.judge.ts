import { parseTrigger, type Trigger } from 'nestjs-vigil';
import { findingOf, type Finding, type JudgedExecution, type JudgedJob, type JudgeInput } from './schedule.js';

/** The ledger counts the instants of a range up to here; one more means "more than". */
const MAX_COUNTED = 1_000;

/**
 * Walks along a job's instants and its records side by side, once: which instants have no record, or two, and which
 * records have no instant.
 *
 * @param executions the job's own, in any order
 */
export function judgeInstants(job: JudgedJob, executions: readonly JudgedExecution[], input: JudgeInput): Finding[] {
  const { trigger = triggerOf(job), from } = input.schedules?.[job.id] ?? {};
  if (trigger === null) return [];
  const start = from ?? startOf(job);
  const records = executions
    .filter(({ kind, scheduledAt }) => kind === 'schedule' && scheduledAt > start)
    .sort((a, b) => a.scheduledAt.getTime() - b.scheduledAt.getTime());
  const walk = new Walk(job, trigger, start);
  for (const record of records) walk.meet(record);
  walk.end(decidedUntil(job, input.until));
  return walk.findings;
}

/** An interval that was added is judged by what was stored; what cannot be parsed has to be given. */
function triggerOf({ id, trigger }: JudgedJob): Trigger | null {
  if (trigger === null) return null;
  try {
    return parseTrigger(trigger);
  } catch (cause) {
    throw new Error(`The trigger of the job "${id}" cannot be parsed. Give it in "schedules".`, { cause });
  }
}

/** An instant that had passed when the job was added is run all the same. */
function startOf({ createdAt, trigger }: JudgedJob): Date {
  const { kind, at } = (trigger ?? {}) as { kind?: unknown; at?: unknown };
  return kind === 'at' ? justBefore(new Date(Math.min(createdAt.getTime(), Date.parse(String(at))))) : createdAt;
}

/** Up to when, inclusive, each instant had to be decided: before the next run, and what was due at the end. */
function decidedUntil(job: JudgedJob, until: Date): Date {
  const { nextRunAt, wakeAt, state, lastInstant, maxRuns, runCount } = job;
  if (nextRunAt === null) return maxRuns !== null && runCount >= maxRuns ? (lastInstant ?? until) : until;
  const decided = justBefore(nextRunAt);
  const wasDue = state === 'active' && wakeAt !== null && wakeAt <= until;
  return wasDue && until > decided ? until : decided;
}

class Walk {
  readonly findings: Finding[] = [];
  /** Every instant up to here is accounted for. */
  #covered: Date;

  constructor(
    private readonly job: JudgedJob,
    private readonly trigger: Trigger,
    start: Date,
  ) {
    this.#covered = start;
  }

  meet(record: JudgedExecution): void {
    const { scheduledAt, untilAt } = record;
    const isNext = this.trigger.nextAfter(this.#covered)?.getTime() === scheduledAt.getTime();
    if (!isNext) this.#meetOther(record);
    if (untilAt !== null) this.#judgeRange(record, untilAt);
    const last = untilAt ?? scheduledAt;
    if (last > this.#covered) this.#covered = last;
  }

  end(until: Date): void {
    this.#missUntil(until);
  }

  /** One that is not for the next instant: something lies between, or it is for an earlier one, or for none. */
  #meetOther(record: JudgedExecution): void {
    const { scheduledAt } = record;
    const isInstant = this.#isInstant(scheduledAt);
    if (!isInstant) this.findings.push(findingOf('extra', record, `${iso(scheduledAt)} is no instant of its job.`));
    if (scheduledAt <= this.#covered && isInstant) {
      this.findings.push(findingOf('doubled', record, `${iso(scheduledAt)} has another record.`));
    }
    this.#missUntil(justBefore(scheduledAt));
  }

  #isInstant(at: Date): boolean {
    return this.trigger.nextAfter(justBefore(at))?.getTime() === at.getTime();
  }

  #missUntil(until: Date): void {
    const first = this.trigger.nextAfter(this.#covered);
    if (first === null || first > until) return;
    const count = this.#count(first, until);
    const which = count === 1 ? iso(first) : `${inWords(count)} instants from ${iso(first)} to ${iso(until)}`;
    const what = `${which} ${count === 1 ? 'has' : 'have'} no record.`;
    this.findings.push({ kind: 'missed', jobId: this.job.id, scheduledAt: first, what });
    this.#covered = until;
  }

  #judgeRange(record: JudgedExecution, untilAt: Date): void {
    if (!this.#isInstant(untilAt)) {
      this.findings.push(findingOf('extra', record, `It ends at ${iso(untilAt)}, which is no instant of its job.`));
    }
    const count = this.#count(record.scheduledAt, untilAt);
    if (count === record.instantCount) return;
    const what = `It stands for ${record.instantCount} instants, and its job has ${inWords(count)} up to ${iso(untilAt)}.`;
    this.findings.push(findingOf('impossible', record, what));
  }

  /** Both ends included; `MAX_COUNTED + 1`: more than that. */
  #count(from: Date, until: Date): number {
    let count = 0;
    let next = this.trigger.nextAfter(justBefore(from));
    while (next !== null && next <= until && count <= MAX_COUNTED) {
      count += 1;
      next = this.trigger.nextAfter(next);
    }
    return count;
  }
}

function inWords(count: number): string {
  return count > MAX_COUNTED ? `more than ${MAX_COUNTED}` : String(count);
}
function justBefore(instant: Date): Date {
  return new Date(instant.getTime() - 1);
}
function iso(instant: Date): string {
  return instant.toISOString();
}
