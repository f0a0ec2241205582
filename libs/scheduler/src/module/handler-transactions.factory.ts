import type { DataSource } from 'typeorm';

import type { Clock } from '../clock/clock.js';
import { TRANSACTIONAL_SETTINGS } from '../engine/job-settings.js';
import type { HandlerTransactions } from '../store/handler-transactions.js';
import type { JobStore } from '../store/job-store.js';
import { TypeOrmHandlerTransactions } from '../store/typeorm-handler-transactions.js';
import { SchedulerOptionsError, type ResolvedOptions } from './scheduler.options.js';

/** Half of the connections that a data source has by default. */
const TRANSACTIONAL_SLOTS = 5;

interface Parts {
  options: ResolvedOptions;
  store: JobStore;
  clock: Clock;
  /** Of the application; null: there is none. */
  dataSource: DataSource | null;
  /** 'Class.method' of a transactional handler, for messages. */
  source: string;
}

/** null: there is nothing they could be on, and each run says so. @throws SchedulerOptionsError */
export function makeHandlerTransactions(parts: Parts): HandlerTransactions | null {
  const { options, store, clock, dataSource, source } = parts;
  const { callTimeoutMs } = options;
  if (dataSource !== null) return new TypeOrmHandlerTransactions(dataSource, { store, clock, callTimeoutMs });
  // tests that never run the job need no database
  if (store.completeIn === undefined) return null;
  throw new SchedulerOptionsError(
    `SchedulerModule "${options.name}": ${source} is transactional, and there is no data source of the application that it could ` +
      'work on. Import TypeOrmModule.forRoot({ … }) with PostgreSQL, or give the option dataSource.',
  );
}

/** Every pool of slots beside the default one. @throws SchedulerOptionsError */
export function executorsOf(
  { name, executors }: ResolvedOptions,
  hasTransactional: boolean,
  transactions: HandlerTransactions | null,
): Record<string, { concurrency: number }> {
  if (!hasTransactional) return executors;
  const { executor } = TRANSACTIONAL_SETTINGS;
  const most = transactions?.most ?? TRANSACTIONAL_SLOTS;
  const concurrency = executors[executor]?.concurrency ?? Math.min(TRANSACTIONAL_SLOTS, most);
  if (concurrency <= most) return { ...executors, [executor]: { concurrency } };
  throw new SchedulerOptionsError(
    `SchedulerModule "${name}": executors.${executor}.concurrency is ${concurrency}, and transactional handlers take at most half of ` +
      `the connections of the application's data source. Write at most ${most}, or give the data source a larger poolSize.`,
  );
}
