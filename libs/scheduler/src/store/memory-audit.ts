import {
  ASLEEP_AFTER_MS,
  MOST_OF_A_KIND,
  UNREACHABLE_AFTER_MS,
  ZONES_SETTLED_MS,
  type AuditReport,
  type ExecutionFinding,
  type Finding,
  type FindingKind,
  type JobFinding,
  type Repaired,
} from './audit-finding.js';
import { EXPIRED, JOB_GONE } from './execution-row.js';
import { ENDED_STATUSES } from './job-execution.entity.js';
import { JOB_STATES } from './job.entity.js';
import type { ExecutionRow, JobRow, MemoryData } from './memory-data.js';
import { liveRows, takeOver } from './memory-nodes.js';

const ENDS: ReadonlySet<string> = new Set(ENDED_STATUSES);
const STATES: ReadonlySet<string> = new Set(JOB_STATES);

export function audit(data: MemoryData, tzVersion: string | null, now: Date): AuditReport {
  const live = announced(data, now);
  const executions = data.executions().flatMap((row) => {
    const what = wrongWith(data, row, now);
    return what === null ? [] : [{ what, id: row.id, epoch: row.leaseEpoch, capability: row.capability }];
  });
  const jobs = data.jobs().flatMap((row) => {
    const what = wrongWithJob(row, live, now);
    return what === null ? [] : [{ what, id: row.id, epoch: row.version, capability: row.capability }];
  });
  const served = data.jobs().filter(({ state }) => state === 'active');
  const unannounced = new Set(served.map(({ capability }) => capability).filter((each) => !live.has(each)));
  const outdated = data
    .jobs()
    .filter((row) => isOutdated(row, tzVersion, now))
    .map(({ id }) => id)
    .sort();
  return {
    findings: bounded([...executions, ...jobs]),
    unannounced: [...unannounced],
    outdated: outdated.slice(0, MOST_OF_A_KIND),
    next: null,
  };
}

export function repair(data: MemoryData, { what, id, epoch }: Finding, now: Date): Repaired | null {
  if (what === 'job-orphaned' || what === 'job-announced') return label(data, { what, id, epoch }, now);
  const row = data.execution(id);
  const wrong = row && row.leaseEpoch === epoch ? wrongWith(data, row, now) : null;
  return row && wrong !== null && wrong === what ? mend(data, row, wrong, now) : null;
}

function mend(data: MemoryData, row: ExecutionRow, what: ExecutionFinding, now: Date): Repaired | null {
  switch (what) {
    case 'running-unowned':
      return takeOver(data, row, now).status;
    case 'pending-expired':
      return put(data, row, {
        status: row.startedAt === null ? 'missed' : 'failed',
        finishedAt: now,
        reason: EXPIRED,
      });
    case 'pending-jobless':
      return put(data, row, { status: 'cancelled', finishedAt: now, reason: JOB_GONE });
    case 'pending-unreachable':
      return put(data, row, { availableAt: now });
    case 'pending-elsewhere':
      return put(data, row, { capability: data.jobByUid(row.jobUid)?.capability ?? row.capability });
    case 'pending-owned':
      return put(data, row, { owner: null, finishedAt: null });
    case 'ended-open':
      return put(data, row, { owner: null, finishedAt: row.finishedAt ?? now });
    case 'unknown-status':
      return null;
  }
}

function wrongWith(data: MemoryData, row: ExecutionRow, now: Date): ExecutionFinding | null {
  if (ENDS.has(row.status)) return row.owner !== null || row.finishedAt === null ? 'ended-open' : null;
  if (row.status === 'running') return row.owner !== null && data.nodes.get(row.owner) ? null : 'running-unowned';
  if (row.status !== 'pending') return 'unknown-status';
  if (row.owner !== null || row.finishedAt !== null) return 'pending-owned';
  if (row.expiresAt !== null && row.expiresAt <= now) return 'pending-expired';
  const job = data.jobByUid(row.jobUid);
  if (!job) return 'pending-jobless';
  if (!isWithin(row.availableAt, now.getTime() + UNREACHABLE_AFTER_MS)) return 'pending-unreachable';
  return job.capability === row.capability ? null : 'pending-elsewhere';
}

function wrongWithJob(row: JobRow, live: ReadonlySet<string>, now: Date): JobFinding | null {
  const { state, nextRunAt, wakeAt, jitterMs, orphanedAt } = row;
  const isActive = state === 'active';
  if (!STATES.has(state)) return 'job-of-unknown-state';
  if (isActive && (nextRunAt === null || Number.isNaN(nextRunAt.getTime()))) return 'job-without-next-run';
  const latest = Math.max(nextRunAt?.getTime() ?? 0, now.getTime()) + jitterMs + ASLEEP_AFTER_MS;
  if (isActive && !isWithin(wakeAt, latest)) return 'job-asleep';
  const isMissing = isActive && !live.has(row.capability);
  if (isMissing === (orphanedAt !== null)) return null;
  return isMissing ? 'job-orphaned' : 'job-announced';
}

/** Only what the wall clock decides has a zone. */
function isOutdated(row: JobRow, tzVersion: string | null, now: Date): boolean {
  if (row.state !== 'active' || row.tzVersion === null || tzVersion === null || row.tzVersion >= tzVersion)
    return false;
  const isFar = row.nextRunAt !== null && row.nextRunAt.getTime() > now.getTime() + ZONES_SETTLED_MS;
  return isFar && JSON.stringify(row.trigger).includes('"timeZone"');
}

function label(data: MemoryData, { what, id, epoch }: Omit<Finding, 'capability'>, now: Date): Repaired | null {
  const row = data.job(id);
  if (row?.version !== epoch || wrongWithJob(row, announced(data, now), now) !== what) return null;
  return data.putJob({ ...row, orphanedAt: what === 'job-orphaned' ? now : null }).state;
}

function put(data: MemoryData, row: ExecutionRow, changes: Partial<ExecutionRow>): Repaired {
  return data.putExecution({ ...row, ...changes }).status;
}

/** What the live nodes can run. */
function announced(data: MemoryData, now: Date): ReadonlySet<string> {
  return new Set(liveRows(data, now).flatMap(({ capabilities }) => capabilities));
}

function isWithin(at: Date | null, latestMs: number): boolean {
  return at !== null && at.getTime() <= latestMs;
}

function bounded(findings: readonly Finding[]): Finding[] {
  const counts = new Map<FindingKind, number>();
  return findings.filter(({ what }) => {
    const count = (counts.get(what) ?? 0) + 1;
    counts.set(what, count);
    return count <= MOST_OF_A_KIND;
  });
}
