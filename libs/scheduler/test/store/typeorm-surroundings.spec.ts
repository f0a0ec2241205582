import { afterEach, beforeEach, expect, it } from 'vitest';

import type { TypeOrmJobStore } from '../../src/store/typeorm-job.store.js';
import { PAST } from './builders.js';
import { Cleanup, sql } from './typeorm-store.support.js';

let cleanup: Cleanup;
let schema: string;
let store: TypeOrmJobStore;
beforeEach(async () => {
  cleanup = new Cleanup();
  schema = cleanup.schema();
  store = await cleanup.openStore(schema);
});
afterEach(() => cleanup.run());

it('A cluster that is paused says by whom, why and since when', async () => {
  const pause = `UPDATE "${schema}".scheduler SET paused = true, paused_reason = 'move', paused_by = 'ann', paused_at = $1`;
  await sql(pause, [PAST]);
  expect(await store.clusterPause()).toEqual({ reason: 'move', by: 'ann', at: PAST });
  await sql(`UPDATE "${schema}".scheduler SET paused_reason = NULL, paused_by = NULL, paused_at = NULL`);
  expect(await store.clusterPause()).toEqual({ reason: null, by: null, at: null });
});
