import pg from 'pg';

import { withClient } from '../postgres/with-client.js';
import type { Transition, TransitionState } from './schedule.js';

const TABLE = 'recorded_transition';

/**
 * Makes a database write down every change of its execution ledger, for `readSchedule` and the judge. For test databases
 * only: it slows each write down, and nothing prunes it. The scheduler's tables must be there already, and what was written
 * before is not seen. Repeated calls do nothing.
 *
 * @param options `schema` of the scheduler, default `scheduler`
 */
export async function recordTransitions(
  url: string,
  { schema = 'scheduler' }: { schema?: string } = {},
): Promise<void> {
  await withClient(url, (client) => client.query(installation(pg.escapeIdentifier(schema))));
}

/** What was recorded, in order; undefined: nothing was asked for. */
export async function readTransitions(client: pg.Client, schema: string): Promise<Transition[] | undefined> {
  const found = await client.query<{ name: string | null }>('SELECT to_regclass($1)::text AS name', [
    `${schema}.${TABLE}`,
  ]);
  if (!found.rows[0]?.name) return undefined;
  const { rows } = await client.query<TransitionRow>(
    `SELECT sequence::float8, execution_id AS "executionId", job_id AS "jobId", job_uid AS "jobUid", before, after, at,
       node_name AS "nodeName", holder_lease_until AS "holderLeaseUntil", application_name AS "applicationName",
       backend_pid AS "backendPid"
     FROM ${schema}.${TABLE} ORDER BY sequence`,
  );
  return rows.map(({ before, after, ...row }) => ({ ...row, from: stateOf(before), to: stateOf(after) }));
}

type StoredState = Omit<TransitionState, 'availableAt'> & { availableAt: string };
interface TransitionRow extends Omit<Transition, 'from' | 'to'> {
  before: StoredState | null;
  after: StoredState | null;
}

function stateOf(stored: StoredState | null): TransitionState | null {
  return stored && { ...stored, availableAt: new Date(stored.availableAt) };
}

/** The sequence gives the order: a claim that has seen an end is written after it. */
function installation(schema: string): string {
  const state = (row: 'OLD' | 'NEW'): string =>
    `jsonb_build_object('status', ${row}.status, 'leaseEpoch', ${row}.lease_epoch, 'owner', ${row}.owner,
       'attempt', ${row}.attempt, 'availableAt', ${row}.available_at)`;
  return `
    CREATE TABLE IF NOT EXISTS ${schema}.${TABLE} (
      sequence bigserial PRIMARY KEY, execution_id uuid NOT NULL, job_id text NOT NULL, job_uid uuid NOT NULL,
      before jsonb, after jsonb, at timestamptz NOT NULL, node_name text, holder_lease_until timestamptz,
      application_name text NOT NULL, backend_pid int NOT NULL);
    CREATE OR REPLACE FUNCTION ${schema}.record_transition() RETURNS trigger LANGUAGE plpgsql AS $body$
    DECLARE
      kept record := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
      before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN ${state('OLD')} END;
      after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN ${state('NEW')} END;
      holder uuid := CASE WHEN TG_OP <> 'INSERT' THEN OLD.owner END;
    BEGIN
      -- that its end is counted for its job is no step of its life
      IF before = after AND to_jsonb(OLD) -> 'uncounted' IS DISTINCT FROM to_jsonb(NEW) -> 'uncounted' THEN RETURN NULL; END IF;
      INSERT INTO ${schema}.${TABLE} (execution_id, job_id, job_uid, before, after, at, node_name, holder_lease_until,
        application_name, backend_pid)
      VALUES (kept.id, kept.job_id, kept.job_uid, before, after, clock_timestamp(), kept.node_name,
        (SELECT lease_until FROM ${schema}.node WHERE incarnation = holder),
        current_setting('application_name'), pg_backend_pid());
      RETURN NULL;
    END $body$;
    CREATE OR REPLACE TRIGGER record_transition AFTER INSERT OR UPDATE OR DELETE ON ${schema}.job_execution
      FOR EACH ROW EXECUTE FUNCTION ${schema}.record_transition();`;
}
