import { hostname } from 'node:os';

import type { InjectionToken } from '@nestjs/common';
import type { DataSource } from 'typeorm';

import type { AroundJob } from '../engine/around-job.js';
import type { JobPolicies } from '../engine/job-settings.js';
import type { JobStore } from '../store/job-store.js';
import type { MigrationMode, SchedulerConnection } from '../store/store-options.js';
import type { None } from './job-timing.js';

interface AppDataSource {
  /**
   * The application's data source, or its token: transactional handlers work on it, connection settings are copied from it
   * (connection settings only), and it need not be initialized yet. @default the default one of TypeOrmModule, if there is one
   */
  dataSource?: DataSource | InjectionToken;
}
interface OwnPool extends AppDataSource {
  /** Settings of the scheduler's own connections. @default copied from `dataSource`, else `DATABASE_URL` */
  connection?: SchedulerConnection;
  /**
   * Connections of the scheduler's own, the listening one included: the application's load cannot starve it, and
   * recovery may rebuild it freely. `'shared'`: use the application's data source, which is then never closed here.
   * @default 3
   */
  pool?: number;
  store?: never;
}
interface SharedPool extends AppDataSource, None<'connection' | 'store'> {
  pool: 'shared';
}
interface OwnStore extends AppDataSource, None<'connection' | 'pool'> {
  /** Where jobs live instead of PostgreSQL, e.g. `new MemoryJobStore()`. @default PostgreSQL */
  store: JobStore;
}

export type SchedulerModuleOptions = (OwnPool | SharedPool | OwnStore) & {
  /**
   * Where the scheduler's tables are. An identifier; not the schema of the application's own entities, whose
   * `synchronize` and generated migrations would drop them. @default 'scheduler'
   */
  schema?: string;
  /** `run`: bring the tables up to date at boot; `check`: refuse to boot on older ones; `off`: neither. @default 'run' */
  migrations?: MigrationMode;
  /**
   * false: nothing is opened and nothing runs before `SchedulerService.start()`. A `MemoryJobStore` has nothing to open:
   * other calls work on it before. @default true
   */
  autoStart?: boolean;
  /** false: this process manages jobs and runs none. @default true */
  runJobs?: boolean;
  /**
   * true: the boot waits until the scheduler runs. false: with the database away the boot goes on, and jobs start when
   * it comes up. Either way the boot fails at what waiting does not cure, such as refused credentials. @default false
   */
  waitForDatabase?: boolean;
  /** IANA name: the zone of cron expressions that name none. @default 'UTC' */
  timeZone?: string;
  /** Handlers at once on this node. @default 10 */
  concurrency?: number;
  /**
   * Named pools of their own, for jobs with that `executor`: `{ reports: { concurrency: 2 } }`. That of transactional handlers
   * is called `transactional`, and has at most half as many slots as the data source has connections.
   * @default none; transactional: 5, or that half
   */
  executors?: Record<string, { concurrency: number }>;
  /** Policies that every job starts from. @default the built-in ones */
  defaults?: JobPolicies;
  /**
   * The one hook around handlers: tenant, tracing, AsyncLocalStorage. It must call `run` and return what it gives; what
   * it throws fails the run. Around a transactional handler it is in the transaction, and `context` has the `manager`. Guards and interceptors made for HTTP are not applied to jobs. @default none
   */
  aroundJob?: AroundJob;
  /**
   * How long the history is kept, in milliseconds: of succeeded executions, and of all others; finished run-time jobs
   * go with the others. @default { succeededMs: 604_800_000, otherMs: 2_592_000_000 } (7 and 30 days)
   */
  retention?: { succeededMs?: number; otherMs?: number };
  /**
   * How long a shutdown may take, in milliseconds: handlers finish, then their signal aborts for the last quarter (at
   * most 2 seconds). What does not end is offered to other nodes. @default 10_000
   */
  shutdownTimeoutMs?: number;
  /** How long a node may be silent, in milliseconds, before others may take over what it runs. @default 60_000 */
  leaseMs?: number;
  /** No call to the database takes longer, in milliseconds; then it is an outage. @default 5_000 */
  callTimeoutMs?: number;
  /** Hear of other nodes' changes at once (LISTEN). false: they are seen within a second, at one query each. @default true */
  notifications?: boolean;
  /** Shown with executions; it need not be unique. @default 'host-pid' */
  nodeName?: string;
};

/** Injection token of the options of `forRoot` or `forRootAsync`: override it to test an application without a database. */
export const SCHEDULER_OPTIONS: unique symbol = Symbol('SCHEDULER_OPTIONS');
export const DEFAULT_SCHEDULER = 'default';

/** The scheduler's options, or its name, cannot work: what, where, and what to write instead. The boot fails. */
export class SchedulerOptionsError extends Error {
  override readonly name = 'SchedulerOptionsError';
}

const DAY_MS = 86_400_000;

/** The one place where the module's defaults stand. */
export const DEFAULT_OPTIONS = {
  schema: 'scheduler',
  pool: 3,
  migrations: 'run',
  autoStart: true,
  runJobs: true,
  waitForDatabase: false,
  timeZone: 'UTC',
  concurrency: 10,
  executors: {},
  defaults: {},
  retention: { succeededMs: 7 * DAY_MS, otherMs: 30 * DAY_MS },
  shutdownTimeoutMs: 10_000,
  leaseMs: 60_000,
  callTimeoutMs: 5_000,
  notifications: true,
} as const satisfies SchedulerModuleOptions;

type Defaulted = Omit<typeof DEFAULT_OPTIONS, 'pool'>;

/** Every option that has a default has a value. */
export type ResolvedOptions = Omit<SchedulerModuleOptions, keyof typeof DEFAULT_OPTIONS | 'store' | 'connection'> & {
  [K in keyof Defaulted]: NonNullable<SchedulerModuleOptions[K]>;
} & {
  name: string;
  nodeName: string;
  retention: { succeededMs: number; otherMs: number };
  pool: number | 'shared';
  store?: JobStore | undefined;
  connection?: SchedulerConnection | undefined;
};

/** `options` must have been checked. An option that is `undefined` says nothing. */
export function resolveOptions(name: string, options: SchedulerModuleOptions): ResolvedOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return {
    ...DEFAULT_OPTIONS,
    nodeName: `${hostname()}-${process.pid}`,
    ...given,
    retention: { ...DEFAULT_OPTIONS.retention, ...options.retention },
    name,
  };
}
