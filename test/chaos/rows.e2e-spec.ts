import pg from 'pg';
import { describe, expect } from 'vitest';

import { query } from '../support/ledger.js';
import { scenario } from './support/scenario.js';
import type { Stage } from './support/stage.js';

interface Column {
  name: string;
  type: string;
}

/** Values that no code of ours writes there, as SQL. */
const GARBAGE: Record<string, readonly string[]> = {
  text: [`NULL`, `''`, `'?'`, `repeat('x', 100000)`],
  jsonb: [`NULL`, `'null'`, `'{}'`, `'"text"'`, `'[[[]]]'`, `'{"kind": 7}'`],
  'timestamp with time zone': [`NULL`, `'infinity'`, `'-infinity'`, `'0001-01-01 BC'`, `'294276-01-01'`],
  integer: [`NULL`, `0`, `-1`, `2147483647`],
  bigint: [`NULL`, `0`, `-1`, `9223372036854775807`],
  smallint: [`NULL`, `0`, `-1`, `32767`],
  'double precision': [`NULL`, `'NaN'`, `'Infinity'`],
  boolean: [`NULL`],
  uuid: [`NULL`, `gen_random_uuid()`],
  ARRAY: [`NULL`, `'{}'`, `'{NULL}'`],
};

const OF_THE_PLAN = `AND column_name NOT IN ('id', 'uid')`;

describe('Rows are corrupted by hand, and every other job goes on:', () => {
  scenario('a job is corrupted in each of its columns, in every way', { timeoutMs: 180_000 }, async (stage) => {
    const node = await stage.boot();
    await stage.warmUp();
    await dropConstraints(stage, 'job');
    node.process.stdin!.write('add {"id":"victim","handler":"remind","every":"1s"}\n');
    await node.waitFor(({ added }) => added === 'victim', 'the job whose copies are corrupted');
    const victims = await corrupt(stage);
    await stage.goOn(5);
    await stage.recoveryFrom(performance.now());
    // none is deleted, all can be listed, and the scheduler calls itself well
    const left = await query(stage.place.url, `SELECT id FROM scheduler.job WHERE id LIKE 'victim %'`);
    expect(left).toHaveLength(victims);
    node.process.stdin!.write('list\n');
    const { listed, state } = await node.waitFor(({ listed: ids }) => Array.isArray(ids), 'the list of all jobs');
    expect((listed as string[]).filter((id) => id.startsWith('victim '))).toHaveLength(victims);
    expect(state).toBe('running');
    await query(stage.place.url, `DELETE FROM scheduler.job WHERE id LIKE 'victim%'`);
    await query(stage.place.url, `DELETE FROM scheduler.job_execution WHERE job_id LIKE 'victim%'`);
    // what was corrupted is not judged
    await stage.goOn(1);
    stage.diary.forget(({ jobId }) => jobId.startsWith('victim'));
  });
});

/** What forbids impossible rows; the keys stay. */
async function dropConstraints(stage: Stage, table: string): Promise<void> {
  const { url } = stage.place;
  const checks = await query<{ conname: string }>(
    url,
    `SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'c'`,
    [`scheduler.${table}`],
  );
  const columns = await columnsOf(stage, table, OF_THE_PLAN);
  const changes = [
    ...checks.map(({ conname }) => `DROP CONSTRAINT "${conname}"`),
    ...columns.map(({ name }) => `ALTER COLUMN "${name}" DROP NOT NULL`),
  ];
  await query(url, `ALTER TABLE scheduler.${table} ${changes.join(', ')}`);
}

/** A copy of the victim for each column and each value that does not belong there. */
async function corrupt(stage: Stage): Promise<number> {
  const columns = await columnsOf(stage, 'job', OF_THE_PLAN);
  const names = columns.map(({ name }) => `"${name}"`);
  const statements: string[] = [];
  for (const { name, type } of columns) {
    for (const value of GARBAGE[type] ?? expect.fail(`No garbage for the type ${type} of column ${name}.`)) {
      const values = names.map((each) => (each === `"${name}"` ? value : each));
      const id = pg.escapeLiteral(`victim ${name} = ${value}`);
      statements.push(
        `INSERT INTO scheduler.job (id, uid, ${names.join()})
         SELECT ${id}, gen_random_uuid(), ${values.join()} FROM scheduler.job WHERE id = 'victim'`,
      );
    }
  }
  // at once: a connection for each of them takes longer than all of them
  await query(stage.place.url, statements.join(';'));
  return statements.length;
}

async function columnsOf(stage: Stage, table: string, which: string): Promise<Column[]> {
  return await query<Column>(
    stage.place.url,
    `SELECT column_name AS name, data_type AS type FROM information_schema.columns
     WHERE table_schema = 'scheduler' AND table_name = $1 ${which} ORDER BY ordinal_position`,
    [table],
  );
}
