import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startPostgres, type PostgresServer } from 'nestjs-vigil-testing';
import pg from 'pg';

import { query } from '../../support/ledger.js';
import type { Stage } from './stage.js';

/** Changes a setting of the running server; also where it forbids writing. */
export async function configure(stage: Stage, name: string, value: string): Promise<void> {
  await query(stage.place.url, `ALTER SYSTEM SET ${name} = ${pg.escapeLiteral(value)}`);
  await query(stage.place.url, 'SELECT pg_reload_conf()');
}

/** Every connection of the schedulers is terminated, with 200 ms before the next time. */
export async function terminateConnections(stage: Stage): Promise<void> {
  await query(
    stage.place.url,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'vigil' UNION ALL SELECT pg_sleep(0.2) IS NULL`,
  );
}

/** Throws the schedulers out and takes every connection that the server has. */
export async function takeAllConnections(stage: Stage): Promise<{ leave(): Promise<void> }> {
  const clients: pg.Client[] = [];
  const take = async (): Promise<boolean> => {
    const client = new pg.Client({ connectionString: stage.place.url });
    client.on('error', () => {});
    const isIn = await client.connect().then(
      () => true,
      () => false,
    );
    if (isIn) clients.push(client);
    return isIn;
  };
  stage.proxy.reset();
  while (await take());
  // what the first ones were let in for may have been freed by the reset a moment later
  stage.proxy.reset();
  while (await take());
  return { leave: async () => void (await Promise.all(clients.map((client) => client.end()))) };
}

/**
 * Every write of a table fails with an error of this SQLSTATE, the given share of times, until `heal`.
 */
export async function failWrites(stage: Stage, sqlState: string, share = 1): Promise<{ heal(): Promise<void> }> {
  const { url } = stage.place;
  await query(
    url,
    `CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF random() < ${share} THEN RAISE EXCEPTION 'planted' USING ERRCODE = '${sqlState}'; END IF;
       RETURN NEW; END $$`,
  );
  const tables = ['job', 'job_execution'];
  for (const table of tables) {
    await query(
      url,
      `CREATE TRIGGER planted BEFORE INSERT OR UPDATE ON scheduler.${table} FOR EACH ROW EXECUTE FUNCTION public.fail()`,
    );
  }
  const heal = async (): Promise<void> => {
    // one table at a time: both in one transaction is a deadlock with a pass
    for (const table of tables) await query(url, `DROP TRIGGER planted ON scheduler.${table}`);
    await query(url, 'DROP FUNCTION public.fail');
  };
  return { heal };
}

/** Somebody holds a table of the scheduler, as a careless migration does. */
export async function holdTableLocked(
  stage: Stage,
  table: string,
): Promise<AsyncDisposable & { release(): Promise<void> }> {
  const client = new pg.Client({ connectionString: stage.place.url });
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE scheduler.${table} IN ACCESS EXCLUSIVE MODE`);
  const release = async (): Promise<void> => client.end();
  return { release, [Symbol.asyncDispose]: release };
}

/** A standby of the stage's server, made from a cold copy of its data. It has every commit before the client hears of it. */
export async function addStandby(stage: Stage): Promise<PostgresServer> {
  const primary = stage.server;
  const parent = await mkdtemp(join(tmpdir(), 'vigil-standby-'));
  const dataDirectory = join(parent, 'data');
  stage.own({ [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }) });
  await primary.stop();
  // with its owner, which Node's own copy does not keep
  await promisify(execFile)('cp', ['-a', primary.dataDirectory, dataDirectory]);
  await writeFile(join(dataDirectory, 'standby.signal'), '');
  await primary.start();
  const from = new URL(primary.url);
  const standby = await startPostgres({
    dataDirectory,
    settings: {
      fsync: 'off',
      primary_conninfo: `host=127.0.0.1 port=${from.port} user=${from.username} password=${from.password}`,
    },
  });
  stage.own(standby);
  await configure(stage, 'synchronous_standby_names', '*');
  return standby;
}
