import type { ConnectionKeeper } from './connection-keeper.js';
import { ENDED_STATUSES } from './job-execution.entity.js';
import type { Tables } from './tables.js';

const BATCH = 1_000;
const NODE_RETENTION_MS = 24 * 3_600_000;
const OTHER_ENDS = ENDED_STATUSES.filter((status) => status !== 'succeeded');

/** One short transaction of a bounded size for each kind: a year of history holds up nobody. Call again until 0. */
export async function prune(
  keeper: ConnectionKeeper,
  tables: Tables,
  { succeededMs, otherMs }: { succeededMs: number; otherMs: number },
): Promise<number> {
  const executions = pruneExecutions(tables);
  const batches: [sql: string, parameters: readonly unknown[]][] = [
    [executions, ['succeeded', succeededMs]],
    ...OTHER_ENDS.map((status): [string, readonly unknown[]] => [executions, [status, otherMs]]),
    [pruneJobs(tables), [otherMs]],
    [pruneDefinitions(tables), [otherMs]],
    [pruneNodes(tables), [NODE_RETENTION_MS]],
  ];
  let gone = 0;
  for (const [sql, parameters] of batches) {
    const { rows } = await keeper.run((query) => query(sql, parameters));
    gone += Number(rows[0]?.gone ?? 0);
  }
  return gone;
}

/** By `job_execution_finished`, one status at a time, so that the order comes from the index. */
function pruneExecutions({ execution, attempt }: Tables): string {
  return `WITH old AS (
      SELECT id FROM ${execution} WHERE status = $1 AND finished_at < now() - $2 * interval '1 ms'
      ORDER BY finished_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
    ), gone AS (DELETE FROM ${execution} e USING old WHERE e.id = old.id RETURNING e.id
    ), attempts AS (DELETE FROM ${attempt} a USING gone WHERE a.execution_id = gone.id)
    SELECT count(*) AS gone FROM gone`;
}

/** Run-time jobs that have nothing more to run; their ids become free. */
function pruneJobs({ job, execution }: Tables): string {
  return `WITH old AS (
      SELECT j.uid FROM ${job} j
      WHERE j.state = 'finished' AND j.source = 'dynamic' AND j.state_at < now() - $1 * interval '1 ms'
        AND NOT EXISTS (SELECT 1 FROM ${execution} e WHERE e.job_uid = j.uid AND e.status IN ('pending', 'running'))
      LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
    ), gone AS (DELETE FROM ${job} j USING old WHERE j.uid = old.uid RETURNING 1)
    SELECT count(*) AS gone FROM gone`;
}

/** Versions of declared jobs that nobody has any more; the one in force is kept as long as its job. */
function pruneDefinitions({ definition, job, node }: Tables): string {
  return `WITH old AS (
      SELECT d.job_id, d.hash FROM ${definition} d
      WHERE NOT EXISTS (
          SELECT 1 FROM ${job} j WHERE j.id = d.job_id
            AND (j.code_hash = d.hash OR d.first_seen_at >= now() - $1 * interval '1 ms'))
        AND NOT EXISTS (
          SELECT 1 FROM ${node} n WHERE n.lease_until > now() AND n.definitions ->> d.job_id = d.hash)
      LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
    ), gone AS (DELETE FROM ${definition} d USING old WHERE d.job_id = old.job_id AND d.hash = old.hash RETURNING 1)
    SELECT count(*) AS gone FROM gone`;
}

function pruneNodes({ node, execution }: Tables): string {
  return `WITH old AS (
      SELECT n.incarnation FROM ${node} n WHERE n.lease_until < now() - $1 * interval '1 ms'
        AND NOT EXISTS (SELECT 1 FROM ${execution} e WHERE e.owner = n.incarnation)
      LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
    ), gone AS (DELETE FROM ${node} n USING old WHERE n.incarnation = old.incarnation RETURNING 1)
    SELECT count(*) AS gone FROM gone`;
}
