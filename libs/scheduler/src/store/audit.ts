import type { ExecutionFinding, Finding, Repaired } from './audit-finding.js';
import type { ConnectionKeeper } from './connection-keeper.js';
import { EXPIRED, JOB_GONE } from './execution-row.js';
import type { Query } from './lease.js';
import { notify } from './notifications.js';
import { isFinding } from './statements/audit.js';
import { takeOverWhere } from './statements/rescue.js';
import type { Tables } from './tables.js';

type Mendable = Exclude<ExecutionFinding, 'running-unowned' | 'unknown-status'>;

const MENDED: Record<Mendable, string> = {
  'pending-expired': `status = CASE WHEN e.started_at IS NULL THEN 'missed' ELSE 'failed' END, finished_at = now(),
    reason = '${EXPIRED}'`,
  'pending-jobless': `status = 'cancelled', finished_at = now(), reason = '${JOB_GONE}'`,
  'pending-unreachable': `available_at = now()`,
  'pending-elsewhere': `capability = found.capability`,
  'pending-owned': `owner = NULL, finished_at = NULL`,
  'ended-open': `owner = NULL, finished_at = coalesce(e.finished_at, now())`,
};

export async function repair(keeper: ConnectionKeeper, tables: Tables, finding: Finding): Promise<Repaired | null> {
  return await keeper.transaction(async ({ query, nothingToCommit }) => {
    const repaired = await mend(query, tables, finding);
    if (repaired === null) nothingToCommit();
    if (repaired === 'pending') await notify(query, tables);
    return repaired;
  });
}

/** In one statement with the condition, and past rows that somebody has locked: those are being dealt with. */
async function mend(query: Query, tables: Tables, { what, id, epoch }: Finding): Promise<Repaired | null> {
  switch (what) {
    case 'running-unowned': {
      const where = `e.id = $3 AND e.lease_epoch = $4 AND ${isFinding(what, tables)}`;
      const [rescued] = await takeOverWhere(query, tables, where, [id, epoch]);
      return rescued?.status ?? null;
    }
    case 'job-orphaned':
    case 'job-announced': {
      const { rows } = await query(labelStatement(tables, what === 'job-orphaned'), [id, epoch]);
      return statusOf(rows);
    }
    case 'unknown-status':
    case 'job-without-next-run':
    case 'job-asleep':
    case 'job-of-unknown-state':
      return null;
    case 'pending-expired':
    case 'pending-jobless':
    case 'pending-unreachable':
    case 'pending-elsewhere':
    case 'pending-owned':
    case 'ended-open': {
      const { rows } = await query(mendStatement(tables, what), [id, epoch]);
      return statusOf(rows);
    }
  }
}

function mendStatement(tables: Tables, what: Mendable): string {
  return `WITH found AS (
      SELECT e.id, (SELECT g.capability FROM ${tables.job} g WHERE g.uid = e.job_uid) AS capability
      FROM ${tables.execution} e WHERE e.id = $1 AND e.lease_epoch = $2 AND ${isFinding(what, tables)}
      FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE ${tables.execution} e SET ${MENDED[what]} FROM found WHERE e.id = found.id RETURNING e.status`;
}

function labelStatement({ job, node }: Tables, isOrphaned: boolean): string {
  const isAnnounced = `EXISTS (SELECT 1 FROM ${node} n WHERE n.lease_until > now() AND j.capability = ANY(n.capabilities))`;
  const where = isOrphaned
    ? `j.state = 'active' AND j.orphaned_at IS NULL AND NOT ${isAnnounced}`
    : `j.orphaned_at IS NOT NULL AND (j.state <> 'active' OR ${isAnnounced})`;
  return `WITH found AS (
      SELECT j.id FROM ${job} j WHERE j.id = $1 AND j.version = $2 AND ${where} FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE ${job} j SET orphaned_at = ${isOrphaned ? 'now()' : 'NULL'} FROM found WHERE j.id = found.id
    RETURNING j.state AS status`;
}

function statusOf(rows: readonly { status?: unknown }[]): Repaired | null {
  const [row] = rows;
  return row === undefined ? null : (row.status as Repaired);
}
