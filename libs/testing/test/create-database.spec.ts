import { describe, expect, inject, it } from 'vitest';
import { createDatabase } from '../src/index.js';
import { ask, connect } from './support/client.js';

const serverUrl = inject('postgresUrl');

describe('A database of a test’s own', () => {
  it('is empty, and others do not see what happens in it', async () => {
    await using one = await createDatabase(serverUrl);
    await using other = await createDatabase(serverUrl);
    await ask(one.url, 'CREATE TABLE mine ()');
    expect(await ask(one.url, `SELECT to_regclass('mine') IS NOT NULL`)).toBe(true);
    expect(await ask(other.url, `SELECT to_regclass('mine') IS NULL`)).toBe(true);
  });

  it('can be dropped while somebody is connected, more than once, whatever its name', async () => {
    const database = await createDatabase(serverUrl, `it's "odd"/${process.pid}`);
    await using client = await connect(database.url);
    expect(await ask(database.url, 'SELECT current_database()')).toBe(database.name);
    await database.drop();
    await database.drop();
    await expect(client.query('SELECT 1')).rejects.toThrow();
    await expect(connect(database.url)).rejects.toMatchObject({ code: '3D000' });
  });
});
