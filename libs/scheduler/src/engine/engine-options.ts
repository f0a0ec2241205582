import type { Random } from '../clock/backoff.js';
import type { Clock } from '../clock/clock.js';
import type { HandlerTransactions } from '../store/handler-transactions.js';
import type { JobStore } from '../store/job-store.js';
import type { AroundJob } from './around-job.js';
import type { EngineEvents, SchedulerState } from './engine-events.js';
import type { JobLoggerFactory, Logger } from './engine-logger.js';
import type { HandlerRegistry } from './handler-registry.js';

export interface EngineOptions {
  name: string;
  nodeName: string;
  /** Of the library; shown in the node table. */
  version: string;
  /** Slots by executor. */
  concurrency: Readonly<Record<string, number>>;
  /** false: this process manages jobs and runs none. */
  runJobs: boolean;
  waitForDatabase: boolean;
  notifications: boolean;
  leaseMs: number;
  shutdownTimeoutMs: number;
  /** The loop looks at least this often, should a notification get lost; after three times as long it is not alive. @default 60_000 */
  peekEveryMs?: number | undefined;
  retention: { succeededMs: number; otherMs: number };
  aroundJob?: AroundJob | undefined;
  loggerFor: JobLoggerFactory;
  logger: Logger;
}
export interface EngineParts {
  store: JobStore;
  registry: HandlerRegistry;
  clock: Clock;
  random: Random;
  /** For transactional handlers. @default none: their runs fail, and say why */
  transactions?: HandlerTransactions | undefined;
  /** Where listeners may have subscribed already. @default new ones */
  events?: EngineEvents | undefined;
}

/**
 * alive: the loop turns, also through an outage (for liveness). ready: it can claim, or could if nobody had paused it or its
 * cluster (for readiness: a pause of jobs takes no process out of service).
 */
export interface SchedulerHealth {
  state: SchedulerState;
  alive: boolean;
  ready: boolean;
  lastPassAt: Date | null;
  /** How late the runs of the last pass started. */
  latenessMs: number | null;
  reconnects: number;
  /** Why it is not running. */
  reason: string | null;
}
