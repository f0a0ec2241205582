import {
  ASLEEP_AFTER_MS,
  MOST_OF_A_KIND,
  UNREACHABLE_AFTER_MS,
  ZONES_SETTLED_MS,
  type AuditReport,
  type ExecutionFinding,
  type FindingKind,
} from '../audit-finding.js';
import { decodeList } from '../entity-rows.js';
import { ACTIVE_STATUSES, ENDED_STATUSES } from '../job-execution.entity.js';
import { JOB_STATES } from '../job.entity.js';
import type { Query } from '../lease.js';
import type { Tables } from '../tables.js';

/** How many pending executions of a capability are looked at, the oldest: what is stuck grows old. */
const PENDING_LOOKED_AT = 2_000;
/** How many jobs one audit looks at. */
const JOBS_LOOKED_AT = 5_000;

const ENDS = `'{${ENDED_STATUSES.join()}}'::text[]`;
const ACTIVE = `'{${ACTIVE_STATUSES.join()}}'::text[]`;
const FAR = `now() + ${UNREACHABLE_AFTER_MS} * interval '1 ms'`;

/** The first that applies. */
const KINDS: readonly ExecutionFinding[] = [
  'ended-open',
  'running-unowned',
  'unknown-status',
  'pending-owned',
  'pending-expired',
  'pending-jobless',
  'pending-unreachable',
  'pending-elsewhere',
];

export async function audit(
  query: Query,
  tables: Tables,
  after: string | null,
  tzVersion: string | null,
): Promise<AuditReport> {
  const { rows } = await query(auditStatement(tables), [after ?? '', tzVersion]);
  const { findings, unannounced, outdated, next } = rows[0] ?? {};
  return {
    findings: decodeList<[FindingKind, string, number, string]>(findings).map(([what, id, epoch, capability]) => ({
      what,
      id,
      epoch,
      capability,
    })),
    unannounced: decodeList<string>(unannounced),
    outdated: decodeList<string>(outdated),
    next: typeof next === 'string' ? next : null,
  };
}

/** What makes an execution `e` a finding. */
export function isFinding(what: ExecutionFinding, { node, job }: Tables): string {
  switch (what) {
    case 'running-unowned':
      return `e.status = 'running' AND (SELECT n.incarnation FROM ${node} n WHERE n.incarnation = e.owner) IS NULL`;
    case 'pending-owned':
      return `e.status = 'pending' AND (e.owner IS NOT NULL OR e.finished_at IS NOT NULL)`;
    case 'pending-expired':
      return `e.status = 'pending' AND e.expires_at <= now()`;
    case 'pending-jobless':
      return `e.status = 'pending' AND (SELECT g.uid FROM ${job} g WHERE g.uid = e.job_uid) IS NULL`;
    case 'pending-unreachable':
      return `e.status = 'pending' AND (e.available_at > ${FAR} OR e.available_at IS NULL)`;
    case 'pending-elsewhere':
      return `e.status = 'pending' AND (SELECT g.capability FROM ${job} g WHERE g.uid = e.job_uid) <> e.capability`;
    case 'ended-open':
      return `e.status = ANY(${ENDS}) AND (e.owner IS NOT NULL OR e.finished_at IS NULL)`;
    case 'unknown-status':
      return `e.status <> ALL(${ENDS} || ${ACTIVE})`;
  }
}

/**
 * Plan: no scan of a table, however long. What may be wrong is taken from the indexes: what runs, and what has an end
 * that does not fit, from `job_execution_finished`; what has an owner from `job_execution_owner`; pending rows from both
 * ends of `job_execution_pending`, capability by capability; jobs a slice at a time by their key. Each ORDER BY is there
 * for its index, and a subquery for one value stands where a join could become a scan.
 */
export function auditStatement(tables: Tables): string {
  const { execution, job, node } = tables;
  return `WITH RECURSIVE
    live AS MATERIALIZED (
      SELECT DISTINCT c.capability FROM ${node} n, unnest(n.capabilities) c(capability) WHERE n.lease_until > now()),
    ${distinct('served', 'capability', job, `state = 'active'`)},
    ${distinct('waiting', 'capability', execution, `status = 'pending'`)},
    ${distinct('known', 'status', execution, 'true')},
    suspect AS MATERIALIZED (${suspects(tables)}),
    slice AS MATERIALIZED (
      SELECT j.id, j.version, j.capability, ${wrongWithJob()} AS what, ${isOutdated()} AS is_outdated
      FROM (SELECT * FROM ${job} WHERE id > $1 ORDER BY id LIMIT ${JOBS_LOOKED_AT}) j
      LEFT JOIN live ON live.capability = j.capability),
    found(what, id, epoch, capability) AS (
      SELECT CASE ${KINDS.map((what) => `WHEN ${isFinding(what, tables)} THEN '${what}'`).join(' ')} END,
        e.id::text, e.lease_epoch, e.capability FROM suspect e
      UNION ALL SELECT what, id, version, capability FROM slice),
    numbered AS (SELECT f.*, row_number() OVER (PARTITION BY f.what ORDER BY f.id) AS n FROM found f WHERE what IS NOT NULL)
    SELECT (SELECT json_agg(json_build_array(what, id, epoch, capability)) FROM numbered
        WHERE n <= ${MOST_OF_A_KIND})::text AS findings,
      (SELECT json_agg(s.capability) FROM served s WHERE s.capability IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM live WHERE live.capability = s.capability))::text AS unannounced,
      (SELECT json_agg(o.id) FROM (SELECT id FROM slice WHERE is_outdated ORDER BY id LIMIT ${MOST_OF_A_KIND}) o)::text
        AS outdated,
      (SELECT CASE WHEN count(*) = ${JOBS_LOOKED_AT} THEN max(id) END FROM slice) AS next`;
}

/** Executions that are worth a look, each once. */
function suspects(tables: Tables): string {
  const columns = `id, lease_epoch, capability, status, owner, finished_at, expires_at, available_at, job_uid`;
  const some = (where: string, column: string, limit = MOST_OF_A_KIND): string =>
    `(SELECT ${columns} FROM ${tables.execution} e WHERE ${where} ORDER BY e.${column} LIMIT ${limit})`;
  const each = (list: string, where: string, column: string, limit?: number): string =>
    `SELECT q.* FROM ${list} v CROSS JOIN LATERAL ${some(where, column, limit)} q`;
  const waits = `e.status = 'pending' AND e.capability = v.capability`;
  return [
    some(isFinding('running-unowned', tables), 'finished_at'),
    some(`e.owner IS NOT NULL AND e.status <> 'running'`, 'owner'),
    some(`e.status = 'pending' AND e.finished_at IS NOT NULL`, 'finished_at'),
    each('waiting', waits, 'available_at', PENDING_LOOKED_AT),
    each('waiting', `${waits} AND e.available_at > ${FAR}`, 'available_at'),
    each('waiting', `${waits} AND e.available_at IS NULL`, 'available_at'),
    each('known', `e.status = v.status AND e.status = ANY(${ENDS}) AND e.finished_at IS NULL`, 'finished_at'),
    each('known', `e.status = v.status AND v.status <> ALL(${ENDS} || ${ACTIVE})`, 'finished_at'),
  ].join('\n      UNION ');
}

/** `j` of the slice, and `live`: whether its capability is announced. */
function wrongWithJob(): string {
  return `CASE
    WHEN j.state <> ALL('{${JOB_STATES.join()}}'::text[]) THEN 'job-of-unknown-state'
    WHEN j.state = 'active' AND (j.next_run_at IS NULL OR NOT isfinite(j.next_run_at)) THEN 'job-without-next-run'
    WHEN j.state = 'active' AND (j.wake_at IS NULL OR j.wake_at > greatest(j.next_run_at, now())
      + (j.jitter_ms + ${ASLEEP_AFTER_MS}) * interval '1 ms') THEN 'job-asleep'
    WHEN j.state = 'active' AND live.capability IS NULL AND j.orphaned_at IS NULL THEN 'job-orphaned'
    WHEN j.orphaned_at IS NOT NULL AND (j.state <> 'active' OR live.capability IS NOT NULL) THEN 'job-announced' END`;
}

/** Zone data are named by year and letter: 2026a, 2026b. Only what the wall clock decides has a zone. */
function isOutdated(): string {
  return `(j.state = 'active' AND j.tz_version COLLATE "C" < $2 COLLATE "C"
        AND j.next_run_at > now() + ${ZONES_SETTLED_MS} * interval '1 ms' AND j.trigger::text LIKE '%"timeZone"%')`;
}

/** Each value once, a step along the index for each. */
function distinct(name: string, column: string, table: string, where: string): string {
  const first = (after: string): string =>
    `SELECT t.${column} FROM ${table} t WHERE ${where}${after} ORDER BY t.${column} LIMIT 1`;
  return `${name}(${column}) AS ((${first('')}) UNION ALL
      SELECT (${first(` AND t.${column} > s.${column}`)}) FROM ${name} s WHERE s.${column} IS NOT NULL)`;
}
