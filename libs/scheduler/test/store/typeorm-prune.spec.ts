import { afterEach, beforeEach, expect, it } from 'vitest';

import { aJob, FAR_FUTURE } from './builders.js';
import { added, waiting } from './contract/fixture.js';
import { Cleanup, sql } from './typeorm-store.support.js';

let cleanup: Cleanup;
beforeEach(() => {
  cleanup = new Cleanup();
});
afterEach(() => cleanup.run());

it('prunes one bounded batch of a kind at a time, so that the caller can stop in between', async () => {
  const schema = cleanup.schema();
  const store = await cleanup.openStore(schema);
  const [job] = await added(store, aJob({ nextRunAt: FAR_FUTURE }));
  const id = await waiting(store, job!);
  await sql(
    `INSERT INTO "${schema}".job_execution SELECT (jsonb_populate_record(e, jsonb_build_object(
       'id', gen_random_uuid(), 'kind', 'manual', 'status', 'succeeded', 'finished_at', now() - interval '1 h'))).*
     FROM "${schema}".job_execution e, generate_series(1, 1500) WHERE e.id = $1`,
    [id],
  );
  const prune = () => store.prune({ succeededMs: 0, otherMs: 0 });
  expect([await prune(), await prune(), await prune()]).toEqual([1_000, 500, 0]);
});
