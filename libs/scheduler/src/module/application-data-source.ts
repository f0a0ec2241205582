import { Inject, Injectable, type InjectionToken, type Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { DataSource } from 'typeorm';

import { connectionOf } from '../store/connection-source.js';
import type { SchedulerConnection } from '../store/store-options.js';
import { SchedulerOptionsError, type ResolvedOptions } from './scheduler.options.js';

/** Where a scheduler's tables shall be. */
export interface Place {
  connection: SchedulerConnection;
  /** The application's, when its connections are to be used. */
  shared: DataSource | null;
}

const WAYS =
  'Import TypeOrmModule.forRoot({ … }) with PostgreSQL, or give SchedulerModule the option connection: { url: … }, ' +
  'or set the environment variable DATABASE_URL.';

/** Finds out which database a scheduler shall use. Nothing is connected. */
@Injectable()
export class ApplicationDataSource {
  constructor(@Inject(ModuleRef) private readonly moduleRef: ModuleRef) {}

  /** @throws SchedulerOptionsError */
  placeFor(options: ResolvedOptions): Place {
    const where = `SchedulerModule "${options.name}"`;
    const dataSource = this.#find(options.dataSource, where);
    if (dataSource !== null) refuseItsSchema(dataSource, options, where);
    if (options.pool === 'shared') {
      if (dataSource === null) {
        throw new SchedulerOptionsError(`${where}: pool is 'shared', and there is no data source to share. ${WAYS}`);
      }
      return { connection: connectionOf(dataSource), shared: dataSource };
    }
    const connection = options.connection ?? connectionBy(dataSource);
    if (connection === null) throw new SchedulerOptionsError(`${where} has no database. ${WAYS}`);
    return { connection, shared: null };
  }

  /**
   * What transactional handlers work on. null: there is none, and nobody asked for one.
   *
   * @throws SchedulerOptionsError
   */
  forHandlers(options: ResolvedOptions): DataSource | null {
    return this.#find(options.dataSource, `SchedulerModule "${options.name}"`);
  }

  #find(wanted: ResolvedOptions['dataSource'], where: string): DataSource | null {
    if (wanted === undefined) {
      const found = this.#get(DataSource);
      return isPostgres(found) ? found : null;
    }
    const found = typeof wanted === 'object' ? wanted : this.#get(wanted);
    if (isPostgres(found)) return found;
    const what = typeof wanted === 'object' ? 'it' : String((wanted as Type).name ?? wanted);
    const problem = isDataSource(found)
      ? `${what} is of type "${found.options.type}"`
      : `no data source is provided as ${what}`;
    throw new SchedulerOptionsError(
      `${where}: dataSource: ${problem}. Give one of type "postgres", e.g. getDataSourceToken('…'), or the option connection.`,
    );
  }

  #get(token: InjectionToken): unknown {
    try {
      return this.moduleRef.get(token as string, { strict: false });
    } catch {
      return null;
    }
  }
}

function connectionBy(dataSource: DataSource | null): SchedulerConnection | null {
  if (dataSource !== null) return connectionOf(dataSource);
  const { DATABASE_URL } = process.env;
  return DATABASE_URL === undefined || DATABASE_URL === '' ? null : { url: DATABASE_URL };
}

function refuseItsSchema(dataSource: DataSource, { schema }: ResolvedOptions, where: string): void {
  const { schema: applications = 'public' } = dataSource.options as { schema?: string };
  if (schema !== applications) return;
  throw new SchedulerOptionsError(
    `${where}: schema is "${schema}", which is the schema of the application's own data source: its synchronize and ` +
      `generated migrations would drop the scheduler's tables. Use another one, e.g. schema: 'scheduler'.`,
  );
}

/** Structurally: the application may have another copy of TypeORM. */
function isDataSource(value: unknown): value is DataSource {
  return typeof (value as DataSource | null)?.options?.type === 'string';
}
function isPostgres(value: unknown): value is DataSource {
  return isDataSource(value) && value.options.type === 'postgres';
}
