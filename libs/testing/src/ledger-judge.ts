/** One record of the execution ledger, as `readLedger` reads it. */
export interface LedgerRow {
  jobId: string;
  scheduledAt: Date;
  /** The last instant of a record that stands for several. */
  untilAt: Date | null;
  instantCount: number | null;
  status: string;
  kind: string;
}

export interface LedgerVerdict {
  /** Expected instants without a record. */
  missing: Date[];
  /** Expected instants with more than one record. */
  doubled: { scheduledAt: Date; count: number }[];
  /** Records that stand for no expected instant. */
  unexpected: Date[];
}

/**
 * Holds a job's schedule against its ledger. An instant is covered by the record for it, or by a record of a range that
 * includes it. Records of runs that no schedule asked for (manual, backfill) are left out.
 *
 * @param expected the instants the job's trigger names in the window that is judged
 * @param executions the records of that one job in that window
 * @throws when the records are those of several jobs
 */
export function judgeLedger(input: { expected: readonly Date[]; executions: readonly LedgerRow[] }): LedgerVerdict {
  const jobs = new Set(input.executions.map((row) => row.jobId));
  if (jobs.size > 1)
    throw new Error(`These are records of several jobs: ${[...jobs].join(', ')}. Judge one at a time.`);
  const instants = [...new Set(input.expected.map((date) => date.getTime()))].sort((a, b) => a - b);
  const counts = instants.map(() => 0);
  const unexpected: number[] = [];
  for (const { scheduledAt, untilAt } of input.executions.filter((row) => row.kind === 'schedule')) {
    const first = indexFrom(instants, scheduledAt.getTime());
    const end = indexFrom(instants, (untilAt ?? scheduledAt).getTime() + 1);
    if (first >= end) unexpected.push(scheduledAt.getTime());
    for (let index = first; index < end; index++) counts[index] = (counts[index] ?? 0) + 1;
  }
  const judged = instants.map((instant, index) => ({ scheduledAt: new Date(instant), count: counts[index] ?? 0 }));
  return {
    missing: judged.filter(({ count }) => count === 0).map(({ scheduledAt }) => scheduledAt),
    doubled: judged.filter(({ count }) => count > 1),
    unexpected: unexpected.sort((a, b) => a - b).map((instant) => new Date(instant)),
  };
}

/** One call of a handler, as the handler itself noted it. */
export interface HandlerRun {
  executionId: string;
  scheduledAt: Date;
  startedAt: Date;
  finishedAt?: Date | null;
  /** The name of the node that ran it. */
  node?: string;
}

export interface RepeatedRun {
  scheduledAt: Date;
  count: number;
  /** Different ones: the instant was recorded twice. The same one: it was recorded once and run again. */
  executionIds: string[];
}

/** The instants of one job whose handler was really called more than once, whatever the ledger says; the earliest first. */
export function judgeRuns(runs: readonly HandlerRun[]): RepeatedRun[] {
  const byInstant = new Map<number, HandlerRun[]>();
  for (const run of runs) {
    const instant = run.scheduledAt.getTime();
    byInstant.set(instant, [...(byInstant.get(instant) ?? []), run]);
  }
  return [...byInstant]
    .filter(([, ofInstant]) => ofInstant.length > 1)
    .sort(([a], [b]) => a - b)
    .map(([instant, ofInstant]) => ({
      scheduledAt: new Date(instant),
      count: ofInstant.length,
      executionIds: [...new Set(ofInstant.map((run) => run.executionId))],
    }));
}

/** The index of the first instant that is not before `from`, in a sorted list. */
function indexFrom(instants: readonly number[], from: number): number {
  let low = 0;
  let high = instants.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((instants[middle] ?? Infinity) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}
