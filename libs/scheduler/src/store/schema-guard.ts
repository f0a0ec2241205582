import { MigrationExecutor } from 'typeorm';

import type { ConnectionKeeper } from './connection-keeper.js';
import { MIGRATE, noSchedulerIn, sqlStateOf } from './database-errors.js';
import { asText } from './entity-rows.js';
import { JobStoreConfigurationError } from './errors.js';
import type { Query } from './lease.js';
import { migrations, SCHEMA_VERSION } from './migrations/index.js';
import type { MigrationMode } from './store-options.js';
import type { Tables } from './tables.js';

const OLDEST_SERVER = 140_000;
const MIGRATION_DEADLINE_MS = 60_000;
/** Any number will do, if every process takes the same: two boots migrate one after the other. */
const MIGRATION_LOCK = 7_361_225_801;
const UNDEFINED_TABLE = '42P01';

export interface SchedulerIdentity {
  uid: string;
}

export interface SchemaCheck {
  mode: MigrationMode;
  schedulerName: string;
  /** This process has worked on the schema before. */
  isKnown: boolean;
}

/** Server, schema and name fit this code, or a JobStoreConfigurationError says what to change. */
export async function checkAndMigrate(
  keeper: ConnectionKeeper,
  tables: Tables,
  { mode, schedulerName, isKnown }: SchemaCheck,
): Promise<SchedulerIdentity> {
  await keeper.run((query) => checkServerVersion(query), { unanswered: 'not-written' });
  if (mode !== 'off') {
    const pending = await keeper.run((query) => pendingMigrations(query, tables), { unanswered: 'not-written' });
    if (pending.length > 0) {
      if (isKnown && pending.length === migrations.length) throw goneError(tables);
      if (mode === 'check') throw pendingError(tables, pending);
      await migrate(keeper, tables);
    }
  }
  await keeper.run((query) => checkRights(query, tables), { unanswered: 'not-written' });
  return await keeper.run((query) => identify(query, tables, schedulerName));
}

/** What every process does from its first statement on: a user who may only read would fail there, in PostgreSQL's words. */
async function checkRights(query: Query, { schema, node, job, execution }: Tables): Promise<void> {
  const { rows } = await query(
    `SELECT current_user AS "user", string_agg(DISTINCT missing, ', ') AS missing
      FROM unnest($1::text[]) "table", unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) missing
      WHERE to_regclass("table") IS NOT NULL AND NOT has_table_privilege("table", missing)`,
    [[node, job, execution]],
  );
  const missing = rows[0]?.missing;
  if (missing === null || missing === undefined) return;
  const user = `"${asText(rows[0]?.user)}"`;
  throw new JobStoreConfigurationError(
    `The user ${user} has not the right to ${asText(missing)} on the tables of schema ${schema}. As their owner: ` +
      `GRANT USAGE ON SCHEMA ${schema} TO ${user}; ` +
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${user};`,
  );
}

/** Unqualified, like every function that a test may want to stand before. */
async function checkServerVersion(query: Query): Promise<void> {
  const { rows } = await query(`SELECT current_setting('server_version_num') AS version`);
  const version = Number(rows[0]?.version);
  if (version >= OLDEST_SERVER) return;
  throw new JobStoreConfigurationError(
    `The server is PostgreSQL ${Math.floor(version / 10_000)}. Vigil needs PostgreSQL 14 or newer: upgrade the server.`,
  );
}

async function pendingMigrations(query: Query, tables: Tables): Promise<string[]> {
  const run = new Set(await executedMigrations(query, tables));
  return migrations.map(({ name }) => name).filter((name) => !run.has(name));
}

async function executedMigrations(query: Query, tables: Tables): Promise<string[]> {
  try {
    const { rows } = await query(`SELECT name FROM ${tables.migrations}`);
    return rows.map(({ name }) => asText(name));
  } catch (error) {
    if (sqlStateOf(error) === UNDEFINED_TABLE) return [];
    throw error;
  }
}

function pendingError(tables: Tables, pending: readonly string[]): JobStoreConfigurationError {
  return new JobStoreConfigurationError(
    `Migrations are pending in schema ${tables.schema}: ${pending.join(', ')}. ${MIGRATE}`,
  );
}

/** An empty schema in its place would look like work: nothing due, nothing recorded, and a restore would fail on it. */
function goneError(tables: Tables): JobStoreConfigurationError {
  return new JobStoreConfigurationError(
    `Schema ${tables.schema}, or every table in it, is gone. Restore it, and this process goes on by itself; ` +
      `to begin with an empty one, restart the process.`,
  );
}

/** One transaction, so that a boot that is killed leaves no half of it; processes that boot together take turns. */
async function migrate(keeper: ConnectionKeeper, tables: Tables): Promise<void> {
  await keeper.withOwnSource((source) =>
    keeper.transaction(
      async ({ query, lease }) => {
        await query(`SET LOCAL lock_timeout = ${MIGRATION_DEADLINE_MS}`);
        await query(`SELECT pg_advisory_xact_lock($1)`, [MIGRATION_LOCK]);
        await createSchema(query, tables);
        const executor = new MigrationExecutor(lease.dataSource, lease.runner);
        executor.transaction = 'none';
        await executor.executePendingMigrations();
      },
      { deadlineMs: MIGRATION_DEADLINE_MS, source },
    ),
  );
}

/** IF NOT EXISTS asks for the right to create even where there is nothing to create. */
async function createSchema(query: Query, { schema }: Tables): Promise<void> {
  const { rows } = await query(`SELECT 1 FROM pg_namespace WHERE nspname = $1`, [schema.slice(1, -1)]);
  if (rows.length === 0) await query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
}

/** Whoever boots first on a schema gives it its name. */
async function identify(query: Query, tables: Tables, schedulerName: string): Promise<SchedulerIdentity> {
  const found = await readScheduler(query, tables);
  const { uid, schemaVersion, compatibleFrom } = found;
  if (compatibleFrom > SCHEMA_VERSION)
    throw new JobStoreConfigurationError(
      `Schema ${tables.schema} is at version ${schemaVersion} and needs code of version ${compatibleFrom} or newer; this ` +
        `code is version ${SCHEMA_VERSION}. Update the package nestjs-vigil.`,
    );
  if (schemaVersion < SCHEMA_VERSION)
    throw new JobStoreConfigurationError(
      `Schema ${tables.schema} is at version ${schemaVersion}, this code needs ${SCHEMA_VERSION}. ${MIGRATE}`,
    );
  const name = found.name ?? (await takeName(query, tables, schedulerName));
  if (name !== schedulerName)
    throw new JobStoreConfigurationError(
      `Schema ${tables.schema} belongs to the scheduler "${name}", this one is "${schedulerName}". ` +
        `Give each scheduler a schema of its own, or both the same name.`,
    );
  return { uid };
}

async function readScheduler(
  query: Query,
  tables: Tables,
): Promise<{ uid: string; name: string | null; schemaVersion: number; compatibleFrom: number }> {
  const row = await query(`SELECT uid, name, schema_version, compatible_from FROM ${tables.scheduler}`).then(
    ({ rows }) => rows[0],
    (error: unknown) => {
      if (sqlStateOf(error) !== UNDEFINED_TABLE) throw error;
    },
  );
  if (!row) throw noSchedulerIn(tables.schema);
  return {
    uid: asText(row.uid),
    name: row.name === null ? null : asText(row.name),
    schemaVersion: Number(row.schema_version),
    compatibleFrom: Number(row.compatible_from),
  };
}

async function takeName(query: Query, tables: Tables, name: string): Promise<string> {
  const { rows } = await query(`UPDATE ${tables.scheduler} SET name = coalesce(name, $1) RETURNING name`, [name]);
  return asText(rows[0]?.name);
}
