import { decodeRow, selectList } from '../entity-rows.js';
import { JobExecutionEntity } from '../job-execution.entity.js';
import { MOST_SHOWN, type ActiveExecutions } from '../job-queries.js';
import { databaseNow } from '../job-writes.js';
import type { Query } from '../lease.js';
import type { Tables } from '../tables.js';
import { IS_ACTIVE, IS_QUEUED } from './offered.js';

/** Plan: `job_execution_active`; what is active of one job is bounded by its queue and its backfills. */
export async function readActiveExecutions(
  query: Query,
  { execution }: Tables,
  uid: string,
): Promise<ActiveExecutions> {
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
