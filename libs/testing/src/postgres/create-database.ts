import { randomUUID } from 'node:crypto';
import pg from 'pg';

import { withClient } from './with-client.js';

/** A database of a test's own. */
export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  /** Ends every connection to it and removes it. Repeated calls do nothing. */
  drop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Makes an empty database, so that tests cannot see each other.
 *
 * @param serverUrl of any database of the server, with the right to create others
 * @param name default: a random one
 */
export async function createDatabase(
  serverUrl: string,
  name = `test_${randomUUID().slice(0, 13)}`,
): Promise<TestDatabase> {
  // Copied from template0: nobody can be connected to it, which would fail the copy.
  await runOn(serverUrl, `CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE template0`);
  const drop = async (): Promise<void> => {
    await runOn(serverUrl, `DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`);
  };
  return { url: withDatabase(serverUrl, name), name, drop, [Symbol.asyncDispose]: drop };
}

/** Answers a query, and makes the database if there is none of that name. */
export async function ensureDatabase(serverUrl: string, name: string): Promise<void> {
  const found = await runOn(serverUrl, `SELECT FROM pg_database WHERE datname = ${pg.escapeLiteral(name)}`);
  if (found === 0) await createDatabase(serverUrl, name);
}

/** `url` with another database. */
export function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURI(name)}`;
  return changed.href;
}

/** The number of rows the statement is about. */
async function runOn(url: string, statement: string): Promise<number | null> {
  return await withClient(url, async (client) => (await client.query(statement)).rowCount);
}
