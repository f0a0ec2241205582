import { randomUUID } from 'node:crypto';

import type { NewExecution } from '../store/job-store.js';
import type { JobEntity } from '../store/job.entity.js';
import type { MissedRange } from './due-instants.js';

/** The ledger's line of a fire. */
export function fireRecord(
  job: JobEntity,
  scheduledAt: Date,
  fire: Pick<NewExecution, 'status' | 'isCatchUp' | 'reason'>,
): NewExecution {
  return { ...recordOf(job, scheduledAt), ...fire };
}

/** The ledger's lines of instants that will not run. */
export function missedRecords(
  job: JobEntity,
  missed: readonly MissedRange[],
  reasonOf: (range: MissedRange) => string,
): NewExecution[] {
  return missed.map((range) => ({
    ...recordOf(job, range.from),
    untilAt: range.count === 1 ? null : range.until,
    instantCount: range.count,
    status: 'missed',
    reason: reasonOf(range),
  }));
}

export function countMissed(missed: readonly MissedRange[]): number {
  return missed.reduce((sum, { count }) => sum + count, 0);
}

/** Its id is made here so that a lost answer can be looked up. */
function recordOf(job: JobEntity, scheduledAt: Date) {
  return {
    id: randomUUID(),
    jobUid: job.uid,
    kind: 'schedule' as const,
    scheduledAt,
    untilAt: null,
    instantCount: 1,
    isCatchUp: false,
  };
}
