import type { JobStore, Page } from 'nestjs-vigil';
import pg from 'pg';

import { withClient } from '../postgres/with-client.js';
import type { JudgedAttempt, JudgedExecution, JudgedJob, RecordedSchedule, Transition } from './schedule.js';
import { readTransitions } from './record-transitions.js';

const JOB = `id, uid, trigger, state, created_at AS "createdAt", next_run_at AS "nextRunAt", wake_at AS "wakeAt",
  last_instant AS "lastInstant", max_instances AS "maxInstances", max_runs AS "maxRuns", run_count AS "runCount",
  jitter_ms AS "jitterMs"`;
const EXECUTION = `id, job_id AS "jobId", job_uid AS "jobUid", kind, scheduled_at AS "scheduledAt", until_at AS "untilAt",
  instant_count AS "instantCount", status, attempt, max_attempts AS "maxAttempts", crashes, max_crashes AS "maxCrashes",
  lease_epoch AS "leaseEpoch", owner, node_name AS "nodeName", expires_at AS "expiresAt", started_at AS "startedAt",
  claimed_at AS "claimedAt", finished_at AS "finishedAt"`;
const ATTEMPT = `execution_id AS "executionId", attempt, started_at AS "startedAt", finished_at AS "finishedAt"`;

/**
 * Reads everything that `judgeSchedule` judges, as it is at one moment; transitions too, if `recordTransitions` was called.
 *
 * @param source the database's URL, or a store
 * @param options `schema` of the scheduler in a database, default `scheduler`
 */
export async function readSchedule(
  source: string | JobStore,
  { schema = 'scheduler' }: { schema?: string } = {},
): Promise<RecordedSchedule> {
  return typeof source === 'string' ? await readDatabase(source, pg.escapeIdentifier(schema)) : await readStore(source);
}

async function readDatabase(url: string, schema: string): Promise<RecordedSchedule> {
  return await withClient(url, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { rows: jobs } = await client.query<JudgedJob>(`SELECT ${JOB} FROM ${schema}.job`);
    const { rows: executions } = await client.query<JudgedExecution>(
      `SELECT ${EXECUTION} FROM ${schema}.job_execution`,
    );
    const { rows: attempts } = await client.query<JudgedAttempt>(`SELECT ${ATTEMPT} FROM ${schema}.job_attempt`);
    const transitions: Transition[] | undefined = await readTransitions(client, schema);
    return { jobs, executions, attempts, transitions };
  });
}

async function readStore(store: JobStore): Promise<RecordedSchedule> {
  const jobs = await everyPage((cursor) => store.getJobs({ limit: 1_000, ...cursor }));
  const found = await everyPage((cursor) => store.getExecutions({ limit: 1_000, ...cursor }));
  return {
    jobs,
    executions: found.map(({ execution }) => execution),
    attempts: found.flatMap(({ execution, attempts }) =>
      attempts.map((each) => ({ ...each, executionId: execution.id })),
    ),
  };
}

async function everyPage<T>(read: (cursor: { cursor?: string }) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  for (let page = await read({}); ; page = await read({ cursor: page.nextCursor })) {
    items.push(...page.items);
    if (page.nextCursor === null) return items;
  }
}
