import type { DataSource, DataSourceOptions } from 'typeorm';

import type { Clock } from '../clock/clock.js';
import { JobStoreConfigurationError } from './errors.js';

type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/** Settings of the scheduler's own connections. */
export type SchedulerConnection = Pick<
  PostgresOptions,
  | 'url'
  | 'host'
  | 'port'
  | 'username'
  | 'password'
  | 'database'
  | 'ssl'
  | 'applicationName'
  | 'connectTimeoutMS'
  | 'driver'
  | 'extra'
>;

/** `run`: bring the schema up to date at boot; `check`: refuse to boot on an older one; `off`: neither. */
export type MigrationMode = 'run' | 'check' | 'off';

interface CommonStoreOptions {
  /** Where the tables are: letters, digits and underscores. */
  schema: string;
  /** Connections at most, the listening one included. Not used with a shared data source. */
  poolSize: number;
  /** No call takes longer. */
  callTimeoutMs: number;
  migrations: MigrationMode;
  clock: Clock;
  /** @default 'vigil' */
  applicationName?: string;
}

/** Connections of its own, which it may rebuild freely, or the application's data source, which it never closes. */
export type TypeOrmJobStoreOptions = CommonStoreOptions &
  (
    { connection: SchedulerConnection; sharedDataSource?: never } | { sharedDataSource: DataSource; connection?: never }
  );

const MAX_IDENTIFIER_BYTES = 63;

/** @throws JobStoreConfigurationError when PostgreSQL would not take it as a schema of ours, quoted or not. */
export function checkSchemaName(schema: string): void {
  const what = `The schema name ${JSON.stringify(schema)}`;
  if (!/^[\p{L}_][\p{L}\p{N}_]*$/u.test(schema))
    throw new JobStoreConfigurationError(
      `${what} is not an identifier. Use letters, digits and underscores, not beginning with a digit.`,
    );
  if (Buffer.byteLength(schema) > MAX_IDENTIFIER_BYTES)
    throw new JobStoreConfigurationError(
      `${what} is longer than ${MAX_IDENTIFIER_BYTES} bytes, where PostgreSQL would cut it. Shorten it.`,
    );
  if (/^pg_/i.test(schema))
    throw new JobStoreConfigurationError(`${what} begins with "pg_", which PostgreSQL keeps for itself. Rename it.`);
}
