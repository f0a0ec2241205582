import type { ConnectionKeeper } from './connection-keeper.js';
import { Outage, unavailable } from './database-errors.js';
import { decodeRow, selectList, type Row } from './entity-rows.js';
import { JobEntity } from './job.entity.js';
import type { Lease } from './lease.js';
import { serverTimeouts } from './server-timeouts.js';
import type { Tables } from './tables.js';

/** How many jobs are read at once. */
const PAGE = 500;

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
