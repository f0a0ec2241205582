import { inject, onTestFinished } from 'vitest';
import { createDatabase, FlakyProxy, type TestDatabase } from '../../src/index.js';
import { ask } from './client.js';

/** A database with an empty table `item`, and a proxy in front of it, until the test is over. */
export async function itemsBehindProxy(): Promise<{ database: TestDatabase; proxy: FlakyProxy }> {
  const database = await createDatabase(inject('postgresUrl'));
  await ask(database.url, 'CREATE TABLE item (name text)');
  const proxy = await FlakyProxy.start({ target: database.url });
  onTestFinished(async () => {
    await proxy.close();
    await database.drop();
  });
  return { database, proxy };
}
