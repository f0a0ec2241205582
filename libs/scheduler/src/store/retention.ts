import type { ConnectionKeeper } from './connection-keeper.js';
import type { ExecutionStatus } from './job-execution.entity.js';
import type { Tables } from './tables.js';

const BATCH = 1_000;
const NODE_RETENTION_MS = 24 * 3_600_000;
const OTHER_ENDS: readonly ExecutionStatus[] = ['failed', 'missed', 'skipped', 'cancelled', 'timed-out', 'abandoned'];

/** Short transactions of a bounded size: pruning a year of history holds up nobody. */
export async function prune(
  keeper: ConnectionKeeper,
  tables: Tables,
  { succeededMs, otherMs }: { succeededMs: number; otherMs: number },
): Promise<number> {
  let gone = await inBatches(keeper, pruneExecutions(tables), ['succeeded', succeededMs]);
  for (const status of OTHER_ENDS) gone += await inBatches(keeper, pruneExecutions(tables), [status, otherMs]);
  gone += await inBatches(keeper, pruneJobs(tables), [otherMs]);
  await keeper.run((query) => query(pruneNodes(tables), [NODE_RETENTION_MS]));
  return gone;
}

async function inBatches(keeper: ConnectionKeeper, sql: string, parameters: readonly unknown[]): Promise<number> {
  for (let gone = 0; ;) {
    const { rows } = await keeper.run((query) => query(sql, parameters));
    const count = Number(rows[0]?.gone ?? 0);
    gone += count;
    if (count < BATCH) return gone;
  }
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

function pruneNodes({ node, execution }: Tables): string {
  return `DELETE FROM ${node} n WHERE n.lease_until < now() - $1 * interval '1 ms'
    AND NOT EXISTS (SELECT 1 FROM ${execution} e WHERE e.owner = n.incarnation)`;
}
