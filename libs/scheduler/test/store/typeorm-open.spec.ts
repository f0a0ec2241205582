import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { JobStoreConfigurationError, JobStoreUnavailableError } from '../../src/store/errors.js';
import { migrations } from '../../src/store/migrations/index.js';
import { storeEntities } from '../../src/store/store-entities.js';
import { aJob } from './builders.js';
import { Cleanup, aStore, serverUrl, sql } from './typeorm-store.support.js';

let cleanup: Cleanup;
let schema: string;
beforeEach(() => {
  cleanup = new Cleanup();
  schema = cleanup.schema();
});
afterEach(() => cleanup.run());

async function refusal(opening: Promise<void>): Promise<Error> {
  return await opening.then(
    () => expect.unreachable('it opened'),
    (error: unknown) => error as Error,
  );
}

/** As the code of the first migration left it. */
async function makeOlder(): Promise<void> {
  await sql(`ALTER TABLE "${schema}".job DROP COLUMN missed_count, DROP COLUMN skipped_count, DROP COLUMN queued_count,
      DROP COLUMN cancelled_count;
    DROP INDEX "${schema}".job_execution_waiting, "${schema}".job_execution_backfill;
    ALTER TABLE "${schema}".job_execution DROP COLUMN uncounted;
    ALTER TABLE "${schema}".scheduler DROP COLUMN missed_until;
    DROP INDEX "${schema}".job_urgent, "${schema}".job_execution_urgent;
    DELETE FROM "${schema}".migrations WHERE name NOT LIKE 'CreateTables%';
    UPDATE "${schema}".scheduler SET schema_version = 1`);
}

/** Everything an error can print. */
function allOf(error: Error): string {
  const parts = [error.message, error.stack, inspect(error, { depth: 12, showHidden: true }), String(error.cause)];
  return [...parts, JSON.stringify(error), JSON.stringify(error.cause)].join('\n');
}

describe('the schema', () => {
  it('is made once by eight processes that boot at the same time', async () => {
    const stores = Array.from({ length: 8 }, () => cleanup.store(schema));
    await Promise.all(stores.map((store) => store.open('default')));
    expect(await sql(`SELECT name FROM "${schema}".scheduler`)).toEqual([{ name: 'default' }]);
    expect(await sql(`SELECT count(*)::int AS n FROM "${schema}".migrations`)).toEqual([{ n: migrations.length }]);
  });

  it('does not differ from the entities', async () => {
    await cleanup.openStore(schema);
    const dataSource = new DataSource({ type: 'postgres', url: serverUrl(), schema, entities: [...storeEntities] });
    cleanup.add(await dataSource.initialize(), (each) => each.destroy());
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('of older code is brought up to date with the rows in it, and older code goes on working', async () => {
    const store = await cleanup.openStore(schema);
    await store.addJobs(() => [aJob({ runCount: 7 })], 'error');
    await store.close();
    await makeOlder();
    const check = await refusal(cleanup.store(schema, { migrations: 'check' }).open('default'));
    expect(check.message).toContain('AddCounters');

    const newer = await cleanup.openStore(schema);
    const none = { missedCount: 0, skippedCount: 0, queuedCount: 0, cancelledCount: 0 };
    expect(await newer.getJob('report')).toMatchObject({ runCount: 7, ...none });
    const [versions] = await sql(`SELECT schema_version, compatible_from FROM "${schema}".scheduler`);
    expect(versions).toEqual({ schema_version: migrations.length, compatible_from: 1 });
    // it writes rows without what it does not know
    const columns = Object.keys((await sql(`SELECT * FROM "${schema}".job`))[0]!).filter(
      (name) => !name.endsWith('d_count'),
    );
    await sql(`INSERT INTO "${schema}".job (${columns.map((name) => `"${name}"`).join()})
      SELECT ${columns.map((name) => `r."${name}"`).join()} FROM "${schema}".job j,
        jsonb_populate_record(NULL::"${schema}".job, to_jsonb(j) || '{"id": "old", "uid": "${randomUUID()}"}') r`);
    expect(await newer.getJob('old')).toMatchObject({ runCount: 7, ...none });
  });

  it('of older code is taken from older code at work without ending anything of it', async () => {
    const store = await cleanup.openStore(schema);
    await store.addJobs(() => [aJob()], 'error');
    await store.close();
    await makeOlder();
    const outcome = await cleanup.client();
    await outcome.query(`BEGIN; UPDATE "${schema}".job_execution SET reason = 'its outcome'`);
    const opened = cleanup.openStore(schema);
    // the migration has taken the one table and waits for the other
    const waiting = `SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted AND relation = $1::regclass`;
    await vi.waitUntil(async () => (await sql(waiting, [`"${schema}".job_execution`]))[0]?.n > 0, 10_000);
    await outcome.query(`UPDATE "${schema}".job SET consecutive_failures = 7; COMMIT`);
    const newer = await opened;
    expect(await newer.getJob('report')).toMatchObject({ consecutiveFailures: 7, missedCount: 0 });
  });

  it('keeps room on the page for updates, and is vacuumed early', async () => {
    await cleanup.openStore(schema);
    const rows = await sql(
      `SELECT relname, reloptions FROM pg_class WHERE relnamespace = $1::regnamespace AND reloptions IS NOT NULL ORDER BY 1`,
      [schema],
    );
    const busy = ['fillfactor=70', 'autovacuum_vacuum_scale_factor=0.01', 'autovacuum_analyze_scale_factor=0.01'];
    expect(rows).toEqual([
      { relname: 'job', reloptions: busy },
      { relname: 'job_execution', reloptions: busy },
    ]);
  });

  it('is used by a user who may not create schemas when it is there already', async () => {
    const role = `${schema}_user`;
    cleanup.add(role, () => sql(`DROP SCHEMA IF EXISTS "${schema}" CASCADE; DROP ROLE "${role}"`));
    await sql(`CREATE ROLE "${role}" LOGIN PASSWORD 'not-secret'; CREATE SCHEMA "${schema}" AUTHORIZATION "${role}"`);
    const url = new URL(serverUrl());
    url.username = role;
    url.password = 'not-secret';
    await cleanup.openStore(schema, { connection: { url: url.href } });
  });

  it('is refused to a user who may only read it, with the rights that are missing', async () => {
    await cleanup.openStore(schema);
    const role = `${schema}_reader`;
    cleanup.add(role, () => sql(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`));
    await sql(`CREATE ROLE "${role}" LOGIN PASSWORD 'not-secret'; GRANT USAGE ON SCHEMA "${schema}" TO "${role}";
      GRANT SELECT ON ALL TABLES IN SCHEMA "${schema}" TO "${role}"`);
    const url = new URL(serverUrl());
    url.username = role;
    url.password = 'not-secret';
    const opening = cleanup.store(schema, { connection: { url: url.href } }).open('default');
    const error = await refusal(opening);
    expect(error).toBeInstanceOf(JobStoreConfigurationError);
    expect(error.message).toContain(
      `"${role}" has not the right to INSERT, UPDATE on the tables of schema "${schema}"`,
    );
    await sql(error.message.slice(error.message.indexOf('GRANT USAGE')));
    await cleanup.openStore(schema, { connection: { url: url.href } });
  });

  it('is not made anew by a process that has worked on it: what is gone has to be restored', async () => {
    const store = await cleanup.openStore(schema);
    await sql(`ALTER SCHEMA "${schema}" RENAME TO "${schema}_away"`);
    await store.reconnect();
    expect((await refusal(store.open('default'))).message).toMatch(/is gone\. Restore it, and this process goes on/);
    await sql(`ALTER SCHEMA "${schema}_away" RENAME TO "${schema}"`);
    await store.open('default');

    await sql(`DROP SCHEMA "${schema}" CASCADE`);
    await store.close();
    await store.open('default');
    expect(await sql(`SELECT name FROM "${schema}".scheduler`)).toEqual([{ name: 'default' }]);
  });

  it.each(['my"schema', 'a; b', '1st', 'pg_jobs', '', 'x'.repeat(64), 'é'.repeat(40)])('is not called %j', (name) => {
    expect(() => aStore(name)).toThrow(JobStoreConfigurationError);
  });
});

describe('open', () => {
  it('refuses a server that is too old', async () => {
    await sql(`CREATE SCHEMA "${schema}"; CREATE FUNCTION "${schema}".current_setting(text) RETURNS text
      LANGUAGE sql AS $$ SELECT '130012' $$`);
    const extra = { options: `-c search_path=${schema},pg_catalog` };
    const error = await refusal(cleanup.store(schema, { connection: { url: serverUrl(), extra } }).open('default'));
    expect(error).toBeInstanceOf(JobStoreConfigurationError);
    expect(error.message).toContain('PostgreSQL 13');
  });

  it('runs on a newer schema that says it is compatible, whose migrations it does not know', async () => {
    await cleanup.openStore(schema);
    await sql(`UPDATE "${schema}".scheduler SET schema_version = 7;
      INSERT INTO "${schema}".migrations (timestamp, name) VALUES (1900000000000, 'FromTheFuture1900000000000')`);
    await cleanup.openStore(schema);
    await cleanup.openStore(schema, { migrations: 'check' });
  });

  it('refuses a newer schema that is not compatible, and says what to update', async () => {
    await cleanup.openStore(schema);
    await sql(`UPDATE "${schema}".scheduler SET schema_version = 9, compatible_from = 8`);
    const error = await refusal(cleanup.store(schema).open('default'));
    expect(error).toBeInstanceOf(JobStoreConfigurationError);
    expect(error.message).toContain('Update the package nestjs-vigil');
  });

  it('refuses a second scheduler in one schema', async () => {
    await cleanup.openStore(schema);
    const error = await refusal(cleanup.store(schema).open('billing'));
    expect(error).toBeInstanceOf(JobStoreConfigurationError);
    expect(error.message).toMatch(/"default".*"billing"/);
  });

  it("names the pending migrations with migrations: 'check', and makes nothing", async () => {
    const error = await refusal(cleanup.store(schema, { migrations: 'check' }).open('default'));
    expect(error).toBeInstanceOf(JobStoreConfigurationError);
    expect(error.message).toContain('CreateTables');
    expect(error.message).toMatch(
      /Boot one process with migrations: 'run', as a user who may make and alter these tables\.$/,
    );
    expect(await sql(`SELECT 1 FROM pg_namespace WHERE nspname = $1`, [schema])).toEqual([]);
  });

  it("says that there is no schema with migrations: 'off'", async () => {
    const error = await refusal(cleanup.store(schema, { migrations: 'off' }).open('default'));
    expect(error).toBeInstanceOf(JobStoreConfigurationError);
  });

  it.each(['url', 'fields'])('refuses a wrong password given as %s, and prints it nowhere', async (form) => {
    const secret = 'hunter2-is-wrong';
    const url = new URL(serverUrl());
    url.password = secret;
    const { hostname: host, port, username } = url;
    const fields = { host, port: Number(port), username, password: secret, database: url.pathname.slice(1) };
    const connection = form === 'url' ? { url: url.href } : fields;
    const error = await refusal(cleanup.store(schema, { connection }).open('default'));
    expect(error).toBeInstanceOf(JobStoreConfigurationError);
    expect(error.message).toContain('Correct the user name or the password');
    expect(allOf(error)).not.toContain(secret);
  });

  it.each([
    'postgres://u:hunter2%@127.0.0.1:1/db',
    'postgres://u:hunter2@127.0.0.1:no-port/db',
    'postgres://u:hunter2@[::/db',
  ])('refuses the connection url %s without repeating its password', async (url) => {
    const error = await refusal(Promise.resolve().then(() => aStore(schema, { connection: { url } }).open('default')));
    expect(allOf(error)).not.toContain('hunter2');
  });

  it('refuses a database that does not exist', async () => {
    const url = new URL(serverUrl());
    url.pathname = '/no_such_database';
    const error = await refusal(cleanup.store(schema, { connection: { url: url.href } }).open('default'));
    expect(error).toBeInstanceOf(JobStoreConfigurationError);
    expect(error.message).toContain('no_such_database');
  });

  it('takes a host that cannot be found for an outage, and names it', async () => {
    const connection = { host: 'no-such-host.invalid', port: 5433, username: 'u', password: 'hunter2', database: 'd' };
    const error = await refusal(cleanup.store(schema, { connection }).open('default'));
    expect(error).toBeInstanceOf(JobStoreUnavailableError);
    expect(error).toMatchObject({ outcome: 'not-written' });
    expect(error.message).toContain('no-such-host.invalid:5433');
    expect(allOf(error)).not.toContain('hunter2');
  });

  it('gives up on a server that accepts and says nothing, within the call timeout', async () => {
    const mute = createServer(() => {}).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    cleanup.add(mute, async (server) => server.close());
    const port = (mute.address() as { port: number }).port;
    const connection = { host: '127.0.0.1', port, username: 'u', password: 'p', database: 'd' };
    const began = performance.now();
    const error = await refusal(cleanup.store(schema, { connection, callTimeoutMs: 300 }).open('default'));
    expect(error).toBeInstanceOf(JobStoreUnavailableError);
    expect(performance.now() - began).toBeLessThan(1_500);
  });
});
