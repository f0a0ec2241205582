import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { columnNames } from '../../src/store/entity-rows.js';
import { JobExecutionEntity } from '../../src/store/job-execution.entity.js';
import type { PassRequest } from '../../src/store/job-store.js';
import { JobEntity } from '../../src/store/job.entity.js';
import type { Query } from '../../src/store/lease.js';
import { lockDueJobs, lockJobsOfWaiting } from '../../src/store/statements/lock-jobs.js';
import { tablesOf } from '../../src/store/tables.js';
import { aJob, CAPABILITY, FAR_FUTURE, PAST } from './builders.js';
import { added, waiting } from './contract/fixture.js';
import { Cleanup, sql } from './typeorm-store.support.js';

const IDLE = 20_000;
const DUE = 5_000;
const MOST_READ = 3_000;

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

let cleanup: Cleanup;
let schema: string;
beforeEach(async () => {
  cleanup = new Cleanup();
  schema = cleanup.schema();
  const store = await cleanup.openStore(schema);
  const [idle] = await added(store, aJob({ id: 'idle', nextRunAt: FAR_FUTURE }));
  await waiting(store, idle!, PAST);
  const copies = async (
    table: string,
    count: number,
    entity: new () => object,
    changes: Record<string, string>,
    of: string,
  ): Promise<void> => {
    const columns = columnNames(entity);
    const values = columns.split(', ').map((column) => changes[column.replaceAll('"', '')] ?? `r.${column}`);
    await sql(
      `INSERT INTO "${schema}".${table} (${columns})
       SELECT ${values.join(', ')} FROM "${schema}".${table} r, generate_series(1, $1::int) n WHERE ${of}`,
      [count],
    );
  };
  const job = { uid: 'gen_random_uuid()', priority: 'n % 4' };
  await copies('job', IDLE, JobEntity, { ...job, id: `'idle-' || n` }, `r.id = 'idle'`);
  // what the server knows of the table is from before so much came due at once
  await sql(`ANALYZE "${schema}".job`);
  await copies(
    'job',
    DUE,
    JobEntity,
    { ...job, id: `'due-' || n`, wake_at: `now() - n * interval '1 ms'` },
    `r.id = 'idle'`,
  );
  const byHand = { id: 'gen_random_uuid()', kind: `'manual'`, priority: 'n % 4' };
  await copies(
    'job_execution',
    DUE,
    JobExecutionEntity,
    { ...byHand, available_at: `now() - n * interval '1 ms'` },
    `r.kind = 'schedule'`,
  );
  await copies(
    'job_execution',
    IDLE,
    JobExecutionEntity,
    { ...byHand, available_at: `now() + n * interval '1 h'` },
    `r.kind = 'schedule'`,
  );
  await sql(`ANALYZE "${schema}".job_execution`);
}, 60_000);
afterEach(() => cleanup.run());

const request: PassRequest = {
  incarnation: randomUUID(),
  nodeName: 'a',
  capabilities: [CAPABILITY, 'nothing@default'],
  limit: 10,
  blocked: [],
  undecided: [],
};

/** What a statement does to the tables of jobs and executions: how, and how many rows it looks at. */
function reads({ Plans = [], ...node }: PlanNode): { how: string; rows: number }[] {
  const rows = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
  const isTheirs = ['job', 'job_execution'].includes(node['Relation Name'] ?? '');
  const own = isTheirs ? [{ how: node['Node Type'], rows }] : [];
  return [...own, ...Plans.flatMap(reads)];
}

it.each<[string, (query: Query) => Promise<unknown>]>([
  ['due', (query) => lockDueJobs(query, tablesOf(schema), request)],
  ['waits', (query) => lockJobsOfWaiting(query, tablesOf(schema), request, [])],
])('What is urgent of what %s is found by indexes, and costs the same however much is due or idle', async (_, look) => {
  const seen: { how: string; rows: number }[] = [];
  await look(async (text, parameters = []) => {
    const [row] = await sql(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, [...parameters]);
    seen.push(...reads((row!['QUERY PLAN'] as [{ Plan: PlanNode }])[0].Plan));
    return { rows: [], rowCount: 0, command: '' };
  });
  expect(seen.filter(({ how }) => how === 'Seq Scan')).toEqual([]);
  expect(seen.reduce((sum, { rows }) => sum + rows, 0)).toBeLessThan(MOST_READ);
});
