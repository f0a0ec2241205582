import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { getMetadataArgsStorage } from 'typeorm';
import { afterEach, beforeEach, inject } from 'vitest';

import { systemClock } from '../../src/clock/clock.js';
import { JobStoreUnavailableError } from '../../src/store/errors.js';
import { storeEntities } from '../../src/store/store-entities.js';
import type { SchedulerConnection, TypeOrmJobStoreOptions } from '../../src/store/store-options.js';
import { TypeOrmJobStore } from '../../src/store/typeorm-job.store.js';
import { SCHEDULER_NAME } from './contract/fixture.js';
import type { StoreUnderTest } from './job-store.contract.js';

export const serverUrl = (): string => inject('postgresUrl');

export function aSchema(): string {
  return `vigil_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
}

export type StoreSettings = Partial<Omit<TypeOrmJobStoreOptions, 'connection' | 'sharedDataSource'>> & {
  connection?: SchedulerConnection;
};

export function aStore(schema: string, settings: StoreSettings = {}): TypeOrmJobStore {
  const { connection = { url: serverUrl() }, ...others } = settings;
  const common = { poolSize: 3, callTimeoutMs: 5_000, migrations: 'run', clock: systemClock } as const;
  return new TypeOrmJobStore({ ...common, ...others, schema, connection });
}

let outside: pg.Pool | undefined;
function openPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 5, idleTimeoutMillis: 2_000, allowExitOnIdle: true });
  return pool.on('error', () => {});
}

/** Raw SQL from outside, in no transaction that lasts. The connection stays for the next one: to open it costs most. */
export async function sql(text: string, parameters: unknown[] = [], url = serverUrl()): Promise<pg.QueryResultRow[]> {
  if (url === serverUrl()) {
    outside ??= openPool(url);
    return (await outside.query<pg.QueryResultRow>(text, parameters)).rows;
  }
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query(text, parameters);
    return rows as pg.QueryResultRow[];
  } finally {
    await client.end();
  }
}

/** A call timeout that is short for the sake of a test is not what the opening is about. */
async function openPatiently(store: TypeOrmJobStore, attempts = 5): Promise<void> {
  try {
    await store.open('default');
  } catch (error) {
    if (attempts === 1 || !(error instanceof JobStoreUnavailableError)) throw error;
    await openPatiently(store, attempts - 1);
  }
}

/** What a test opened, ended in reverse. */
export class Cleanup {
  readonly #ends: (() => Promise<unknown>)[] = [];

  add<T>(resource: T, end: (resource: T) => Promise<unknown>): T {
    this.#ends.push(() => end(resource));
    return resource;
  }

  /** A schema's name; the schema goes with the test. */
  schema(): string {
    return this.add(aSchema(), (schema) => sql(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`));
  }

  store(schema: string, settings?: StoreSettings): TypeOrmJobStore {
    return this.add(aStore(schema, settings), (store) => store.close());
  }

  async openStore(schema: string, settings?: StoreSettings): Promise<TypeOrmJobStore> {
    const store = this.store(schema, settings);
    await openPatiently(store);
    return store;
  }

  /** Somebody with psql. */
  async client(url = serverUrl()): Promise<pg.Client> {
    const client = this.add(new pg.Client({ connectionString: url }), (each) => each.end());
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  async run(): Promise<void> {
    for (let end = this.#ends.pop(); end; end = this.#ends.pop()) await end();
  }
}

export let cleanup: Cleanup;
export let schema: string;
export let store: TypeOrmJobStore;

/** Each test of the file has an open `store` on a `schema` of its own, and what it gives to `cleanup` ends with it. */
export function aStoreForEachTest(): void {
  beforeEach(async () => {
    cleanup = new Cleanup();
    schema = cleanup.schema();
    store = await cleanup.openStore(schema);
  });
  afterEach(() => cleanup.run());
}

/**
 * For the contract of all stores: each test gets the same store on the same schema, emptied. To make the tables takes
 * longer than all that a test does.
 */
export function onOneSchema(
  make: (schema: string, cleanup: Cleanup) => TypeOrmJobStore | Promise<TypeOrmJobStore>,
): [make: () => Promise<StoreUnderTest>, end: () => Promise<void>] {
  const cleanup = new Cleanup();
  const schema = cleanup.schema();
  const open = async () => {
    const store = await make(schema, cleanup);
    await store.open(SCHEDULER_NAME);
    const client = await cleanup.client();
    await client.query(`CREATE TABLE "${schema}".fresh AS TABLE "${schema}".scheduler`);
    return { store, client };
  };
  let opened: ReturnType<typeof open> | undefined;
  const makeEmpty = async (): Promise<StoreUnderTest> => {
    opened ??= open();
    const { store, client } = await opened;
    await client.query(emptying(schema));
    const others = new Cleanup();
    return { store, another: async () => await make(schema, others), dispose: () => others.run() };
  };
  return [makeEmpty, () => cleanup.run()];
}

/** As after its first opening. The last tables refer to those before them. */
function emptying(schema: string): string {
  const tables = storeEntities.map((entity) => getMetadataArgsStorage().filterTables(entity)[0]?.name);
  const deletions = tables.reverse().map((table) => `DELETE FROM "${schema}"."${table}";`);
  return `${deletions.join(' ')} INSERT INTO "${schema}".scheduler TABLE "${schema}".fresh`;
}
