import type { ConnectionKeeper } from './connection-keeper.js';
import { Outage, unavailable } from './database-errors.js';
import { decodeList, decodeRow, selectList, type Row } from './entity-rows.js';
import { JobExecutionEntity } from './job-execution.entity.js';
import { MOST_SHOWN, type ActiveExecutions, type LiveNode } from './job-surroundings.js';
import { JobEntity } from './job.entity.js';
import { databaseNow } from './job-writes.js';
import type { Lease, Query } from './lease.js';
import { serverTimeouts } from './server-timeouts.js';
import { IS_ACTIVE, IS_QUEUED } from './statements/offered.js';
import type { Tables } from './tables.js';

const MOST_NODES = 1_000;
/** How many jobs are read at once. */
const PAGE = 500;

export async function liveNodes(query: Query, { node }: Tables): Promise<LiveNode[]> {
  const { rows } = await query(
    `SELECT n.incarnation, n.node_name, to_json(n.capabilities)::text AS capabilities,
       to_json(ARRAY(SELECT jsonb_object_keys(n.definitions)))::text AS declares
     FROM ${node} n WHERE n.lease_until > now() ORDER BY n.node_name, n.incarnation LIMIT ${MOST_NODES}`,
  );
  return rows.map((row) => ({
    incarnation: String(row.incarnation),
    nodeName: String(row.node_name),
    capabilities: decodeList<string>(row.capabilities),
    declares: decodeList<string>(row.declares),
  }));
}

/** Plan: `job_execution_active`; what is active of one job is bounded by its queue and its backfills. */
export async function activeExecutions(query: Query, { execution }: Tables, uid: string): Promise<ActiveExecutions> {
  const now = await databaseNow(query);
  const { rows } = await query(
    `SELECT ${selectList(JobExecutionEntity, 'e')},
       count(*) FILTER (WHERE ${IS_ACTIVE}) OVER () AS vigil_active,
       count(*) FILTER (WHERE ${IS_QUEUED}) OVER () AS vigil_queued,
       count(*) OVER () AS vigil_all
     FROM ${execution} e WHERE e.job_uid = $1 AND e.status IN ('pending', 'running')
     ORDER BY e.status = 'running' DESC, e.lease_epoch > 0 DESC, e.kind = 'backfill', e.available_at, e.scheduled_at, e.id
     LIMIT ${MOST_SHOWN}`,
    [uid],
  );
  const [active, queued, all] = ['vigil_active', 'vigil_queued', 'vigil_all'].map((name) =>
    Number(rows[0]?.[name] ?? 0),
  );
  return {
    now,
    executions: rows.map((row) => decodeRow(JobExecutionEntity, row)),
    active: active!,
    queued: queued!,
    backfilled: all! - active! - queued!,
  };
}

/** In one snapshot, so that all are as they were at one moment; each page has a deadline of its own. */
export async function runTimeJobs(
  keeper: ConnectionKeeper,
  tables: Tables,
  onPage: (jobs: JobEntity[]) => void | Promise<void>,
): Promise<void> {
  const lease = await keeper.hold();
  const ask = async (sql: string, parameters?: unknown[]): Promise<Row[]> =>
    (await keeper.bounded(lease, () => lease.query(sql, parameters))).rows;
  try {
    await ask(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${serverTimeouts(keeper.callTimeoutMs)}`);
    for (let after = '', isLast = false; !isLast;) {
      const rows = await ask(pageStatement(tables), [after]);
      const jobs = rows.map((row) => decodeRow(JobEntity, row));
      if (jobs.length > 0) await onPage(jobs);
      after = jobs.at(-1)?.id ?? after;
      isLast = jobs.length < PAGE;
    }
    await ask('ROLLBACK');
    lease.release();
  } catch (error) {
    giveUp(lease);
    throw error instanceof Outage ? unavailable(error, keeper.place, 'not-written') : error;
  }
}

function pageStatement({ job }: Tables): string {
  return `SELECT ${selectList(JobEntity, 'j')} FROM ${job} j
    WHERE j.source = 'dynamic' AND j.id > $1 ORDER BY j.id LIMIT ${PAGE}`;
}

/** It may be in the middle of a transaction. */
function giveUp(lease: Lease): void {
  lease.fail(new Outage('Reading the jobs was given up', false));
}
