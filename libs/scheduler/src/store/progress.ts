import type { ConnectionKeeper } from './connection-keeper.js';
import { isUnwritable } from './database-errors.js';
import type { JobStore } from './job-store.js';
import type { Query } from './lease.js';
import type { Tables } from './tables.js';

type Entries = Parameters<JobStore['saveProgress']>[0];

/** One that cannot be stored is dropped, so that it does not hold up the others; the next one of it may be better. */
export async function saveProgress(keeper: ConnectionKeeper, tables: Tables, entries: Entries): Promise<void> {
  if (entries.length === 0) return;
  try {
    await keeper.transaction(({ query }) => writeProgress(query, tables, entries));
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    if (entries.length === 1) return;
    for (const entry of entries) await saveProgress(keeper, tables, [entry]);
  }
}

/** Of a row that somebody else has locked nothing is written: more progress will come. */
async function writeProgress(query: Query, { execution }: Tables, entries: Entries): Promise<void> {
  await query(
    `WITH v AS (SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[]) v(id, epoch, progress)
     ), free AS (
       SELECT e.id, v.epoch, v.progress FROM v JOIN ${execution} e ON e.id = v.id
       WHERE e.lease_epoch = v.epoch AND e.status = 'running' FOR NO KEY UPDATE OF e SKIP LOCKED
     ) UPDATE ${execution} e SET progress = v.progress::jsonb FROM free v
       WHERE e.id = v.id AND e.lease_epoch = v.epoch AND e.status = 'running'`,
    [
      entries.map((each) => each.executionId),
      entries.map((each) => each.leaseEpoch),
      entries.map((each) => JSON.stringify(each.progress).replaceAll('\\u0000', '')),
    ],
  );
}
