import type { Tables } from '../tables.js';

/**
 * Whether a pending execution `e` may be claimed at all: what a schedule made waits while its job is paused or
 * quarantined, what a person asked for does not, and nothing of a job that is gone runs.
 */
export function isOffered({ job }: Tables): string {
  return `EXISTS (SELECT 1 FROM ${job} o WHERE o.uid = e.job_uid AND (e.kind = 'manual' OR o.state IN ('active', 'finished')))`;
}
