import pg from 'pg';

import type { LedgerRow } from './ledger-judge.js';
import { withClient } from './postgres/with-client.js';

/** A record of the ledger with what it says about its run. */
export interface LedgerRecord extends LedgerRow {
  executionId: string;
  startedAt: Date | null;
  finishedAt: Date | null;
  /** Grows with each claim and each takeover. */
  leaseEpoch: number;
  /** The incarnation that runs it now; null when none does. */
  owner: string | null;
}

const COLUMNS = `
  id AS "executionId", job_id AS "jobId", scheduled_at AS "scheduledAt", until_at AS "untilAt",
  instant_count::int AS "instantCount", status, kind, started_at AS "startedAt", finished_at AS "finishedAt",
  lease_epoch AS "leaseEpoch", owner`;

/**
 * Reads the execution ledger, in the order of the scheduled instants.
 *
 * @param options `schema` of the scheduler, default `scheduler`; `jobId`, default all jobs
 */
export async function readLedger(
  url: string,
  { schema = 'scheduler', jobId }: { schema?: string; jobId?: string } = {},
): Promise<LedgerRecord[]> {
  return await withClient(url, async (client) => {
    const { rows } = await client.query<LedgerRecord>(
      `SELECT ${COLUMNS} FROM ${pg.escapeIdentifier(schema)}.job_execution
       WHERE $1::text IS NULL OR job_id = $1 ORDER BY scheduled_at, id`,
      [jobId ?? null],
    );
    return rows;
  });
}
