import { beforeEach, describe, expect, it } from 'vitest';

import { columnNames, encodeRow } from '../../src/store/entity-rows.js';
import { JobExecutionEntity } from '../../src/store/job-execution.entity.js';
import { JobEntity } from '../../src/store/job.entity.js';
import { auditStatement } from '../../src/store/statements/audit.js';
import { tablesOf } from '../../src/store/tables.js';
import { aJob, FAR_FUTURE, PAST } from './builders.js';
import { auditPromises } from './contract/audit.promises.js';
import { added, executionOf, registered, running, waiting } from './contract/fixture.js';
import { aStoreForEachTest, cleanup, schema, sql, store } from './typeorm-store.support.js';

aStoreForEachTest();
beforeEach(async () => {
  await sql(`ALTER TABLE "${schema}".job_execution DROP CONSTRAINT job_execution_owner_fkey,
    DROP CONSTRAINT job_execution_lease, DROP CONSTRAINT job_execution_end, DROP CONSTRAINT job_execution_status`);
  await sql(`ALTER TABLE "${schema}".job DROP CONSTRAINT job_state`);
});

async function spoil(table: string, id: string, row: Record<string, unknown>): Promise<void> {
  const set = Object.keys(row).map((name) => `"${name}" = r."${name}"`);
  await sql(
    `UPDATE "${schema}".${table} t SET ${set.join(', ')}
     FROM jsonb_populate_record(NULL::"${schema}".${table}, $1) r WHERE t.id::text = $2`,
    [JSON.stringify(row), id],
  );
}

describe('TypeOrmJobStore', () => {
  auditPromises({
    get store() {
      return store;
    },
    spoil: (id, changes) => spoil('job_execution', id, encodeRow(JobExecutionEntity, changes)),
    spoilJob: (id, changes) => spoil('job', id, encodeRow(JobEntity, changes)),
    loseJob: (id) => sql(`DELETE FROM "${schema}".job WHERE id = $1`, [id]).then(() => {}),
  });

  it.each(['available_at', 'next_run_at', 'wake_at'])('finds an infinite %s', async (column) => {
    await registered(store);
    const [job] = await added(store, aJob({ nextRunAt: FAR_FUTURE }));
    await waiting(store, job!, PAST);
    const table = column === 'available_at' ? 'job_execution' : 'job';
    await sql(`UPDATE "${schema}".${table} SET ${column} = 'infinity'`);
    const kinds = { available_at: 'pending-unreachable', next_run_at: 'job-without-next-run', wake_at: 'job-asleep' };
    expect((await store.audit(null, null)).findings).toMatchObject([{ what: kinds[column as keyof typeof kinds] }]);
  });

  it('finds a pending row without the instant from which it is offered', async () => {
    await registered(store);
    const [job] = await added(store, aJob({ nextRunAt: FAR_FUTURE }));
    const id = await waiting(store, job!, PAST);
    await sql(`ALTER TABLE "${schema}".job_execution ALTER available_at DROP NOT NULL`);
    await sql(`UPDATE "${schema}".job_execution SET available_at = NULL`);
    const [finding] = (await store.audit(null, null)).findings;
    expect(await store.repair(finding!)).toBe('pending');
    expect((await executionOf(store, id)).availableAt.getTime()).toBeGreaterThan(PAST.getTime());
  });

  it('leaves a row that somebody has locked, and waits for nobody', async () => {
    const { execution } = await running(store);
    await sql(`UPDATE "${schema}".job_execution SET owner = NULL`);
    const [finding] = (await store.audit(null, null)).findings;
    const somebody = await cleanup.client();
    await somebody.query(`BEGIN; SELECT 1 FROM "${schema}".job_execution FOR UPDATE`);
    expect(await store.repair(finding!)).toBeNull();
    await somebody.query('ROLLBACK');
    expect(await Promise.all([store.repair(finding!), store.repair(finding!)])).toContain('pending');
    expect(await executionOf(store, execution.id)).toMatchObject({ leaseEpoch: 2, crashes: 1 });
  });

  it('notifies others of what it offers again', async () => {
    await running(store);
    await sql(`UPDATE "${schema}".job_execution SET owner = NULL`);
    const [finding] = (await store.audit(null, null)).findings;
    const other = await cleanup.openStore(schema);
    const heard = new AbortController();
    let wakes = 0;
    let repairing: Promise<unknown> | undefined;
    const listening = other.listen(() => {
      wakes += 1;
      if (wakes === 1) repairing = store.repair(finding!);
      else heard.abort();
    }, heard.signal);
    await listening;
    expect(await repairing).toBe('pending');
    expect(wakes).toBe(2);
  });
});

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

/** How each table is read by a plan, and how many of its rows. */
function tableReads(node: PlanNode): { table: string; how: string; rows: number }[] {
  const { 'Relation Name': table, 'Node Type': how, 'Actual Loops': loops } = node;
  const rows = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * loops;
  const children = (node.Plans ?? []).flatMap(tableReads);
  return table === undefined ? children : [{ table, how, rows }, ...children];
}

describe('the audit of a large database', () => {
  const JOBS = 12_000;
  const HISTORY = 50_000;
  const WAITING = 15_000;

  /** Of the one row there is. */
  async function copies(
    table: string,
    count: number,
    columns: string,
    changes: Record<string, string>,
    where = 'true',
  ): Promise<void> {
    const values = columns.split(', ').map((column) => changes[column.replaceAll('"', '')] ?? `r.${column}`);
    await sql(
      `INSERT INTO "${schema}".${table} (${columns})
       SELECT ${values.join(', ')} FROM "${schema}".${table} r, generate_series(1, $1::int) n WHERE ${where}`,
      [count],
    );
  }

  beforeEach(async () => {
    await registered(store);
    const [job] = await added(store, aJob({ nextRunAt: FAR_FUTURE }));
    await waiting(store, job!, PAST);
    const others = { id: `'job-' || lpad((n + 1)::text, 6, '0')`, uid: 'gen_random_uuid()' };
    await copies('job', JOBS - 1, columnNames(JobEntity), others);
    const manual = { id: 'gen_random_uuid()', kind: `'manual'` };
    const ended = { ...manual, status: `'succeeded'`, finished_at: `now() - n * interval '1 s'` };
    await copies('job_execution', HISTORY, columnNames(JobExecutionEntity), ended);
    const later = { ...manual, available_at: `now() + n * interval '1 s'` };
    await copies('job_execution', WAITING, columnNames(JobExecutionEntity), later, `status = 'pending'`);
    await sql(`ANALYZE "${schema}".job; ANALYZE "${schema}".job_execution; ANALYZE "${schema}".node`);
  }, 60_000);

  it('is one statement that scans no table of jobs or executions, and reads a bounded number of their rows', async () => {
    const text = auditStatement(tablesOf(schema)).replaceAll('$1', `''`).replaceAll('$2', `'2026a'`);
    const [row] = await sql(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`);
    const reads = tableReads((row!['QUERY PLAN'] as [{ Plan: PlanNode }])[0].Plan);
    expect(reads.filter((read) => read.how === 'Seq Scan' && read.table !== 'node')).toEqual([]);
    expect(reads.filter((read) => read.rows > 5_000)).toEqual([]);
  });

  it('looks at every job in slices, and begins again after the last', async () => {
    await sql(`UPDATE "${schema}".job SET wake_at = NULL WHERE id IN ('job-000002', 'job-006000', 'job-012000')`);
    const ids: string[] = [];
    let slices = 0;
    let next: string | null = null;
    do {
      const report = await store.audit(next, null);
      ids.push(...report.findings.map((finding) => finding.id));
      next = report.next;
      slices += 1;
    } while (next !== null);
    expect(ids).toEqual(['job-000002', 'job-006000', 'job-012000']);
    expect(slices).toBe(3);
  });

  it('finds a hundred of a kind at a time', async () => {
    await sql(`UPDATE "${schema}".job SET wake_at = NULL WHERE id < 'job-000500'`);
    await sql(`UPDATE "${schema}".job_execution SET finished_at = NULL WHERE finished_at > now() - interval '500 s'`);
    const { findings } = await store.audit(null, null);
    const of = (what: string): number => findings.filter((finding) => finding.what === what).length;
    expect([of('job-asleep'), of('ended-open')]).toEqual([100, 100]);
  });
});
