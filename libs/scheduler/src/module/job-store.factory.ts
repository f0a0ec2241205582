import type { Clock } from '../clock/clock.js';
import type { JobStore } from '../store/job-store.js';
import { TypeOrmJobStore } from '../store/typeorm-job.store.js';
import type { Place } from './application-data-source.js';
import { DEFAULT_OPTIONS, type ResolvedOptions } from './scheduler.options.js';

/** The PostgreSQL store of a scheduler. Nothing is connected before it is opened. */
export function makeStore(options: ResolvedOptions, { connection, shared }: Place, clock: Clock): JobStore {
  const { schema, callTimeoutMs, migrations, pool } = options;
  const poolSize = pool === 'shared' ? DEFAULT_OPTIONS.pool : pool;
  const common = { schema, poolSize, callTimeoutMs, migrations, clock };
  return new TypeOrmJobStore(shared === null ? { ...common, connection } : { ...common, sharedDataSource: shared });
}
