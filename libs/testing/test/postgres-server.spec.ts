import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres, type PostgresServer } from '../src/index.js';
import { prepareDataDirectory } from '../src/postgres/data-directory.js';
import { childrenOf } from '../src/postgres/processes.js';
import { findServerUser } from '../src/postgres/server-user.js';
import { ask, connect } from './support/client.js';
import { expectGone } from './support/processes.js';

describe('A PostgreSQL server for tests', () => {
  let base: string;
  let server: PostgresServer;

  beforeAll(async () => {
    // Only its owner may enter: as root, the server's own user may not.
    base = await mkdtemp(join(tmpdir(), 'vigil-server-spec-'));
    server = await startPostgres({
      dataDirectory: join(base, 'data'),
      settings: { fsync: 'off', max_connections: '17' },
      database: 'shop "2"',
    });
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await rm(base, { recursive: true });
  });

  it('answers on its URL, in the database and with the settings asked for', async () => {
    expect(await ask(server.url, 'SELECT current_database()')).toBe('shop "2"');
    expect(await ask(server.url, 'SHOW max_connections')).toBe('17');
    expect(await ask(server.url, 'SHOW server_encoding')).toBe('UTF8');
    expect(await ask(server.url, 'SHOW server_version')).toMatch(/^18/);
  });

  it('refuses a wrong password', async () => {
    const wrong = new URL(server.url);
    wrong.password = 'wrong';
    await expect(connect(wrong.href)).rejects.toMatchObject({ code: '28P01' });
  });

  it.each(['fast', 'immediate', 'smart'] as const)('keeps its data and port over a restart, mode %s', async (mode) => {
    const { port, pid } = server;
    await ask(server.url, 'CREATE TABLE IF NOT EXISTS kept (mode text)');
    await ask(server.url, 'INSERT INTO kept VALUES ($1)', [mode]);
    await server.restart(mode);
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await ask(server.url, 'SELECT count(*)::int FROM kept WHERE mode = $1', [mode])).toBe(1);
  });

  it('is down after a stop, and a second stop or start changes nothing', async () => {
    await server.stop();
    await server.stop();
    expect(server.pid).toBeNull();
    await expect(connect(server.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await server.start();
    const { pid } = server;
    await server.start();
    expect(server.pid).toBe(pid);
  });

  it('waits in a smart stop for the clients to leave', async () => {
    const client = await connect(server.url);
    let stopped = false;
    const stopping = server.stop('smart').then(() => (stopped = true));
    expect(await client.query('SELECT 1')).toMatchObject({ rowCount: 1 });
    expect(stopped).toBe(false);
    await client.end();
    await stopping;
    await server.start();
  });

  it('is gone with all its processes after a kill, and recovers what was committed', async () => {
    await using client = await connect(server.url);
    await client.query('CREATE TABLE committed AS SELECT 1');
    await client.query('BEGIN');
    await client.query('CREATE TABLE lost AS SELECT 1');
    const pids = [server.pid ?? 0, ...(await childrenOf(server.pid ?? 0))];
    expect(pids.length).toBeGreaterThan(5);
    await server.kill();
    await expectGone(pids);
    expect(await readdir(server.dataDirectory)).toContain('postmaster.pid');
    await server.start();
    expect(await ask(server.url, `SELECT to_regclass('committed') IS NOT NULL`)).toBe(true);
    expect(await ask(server.url, `SELECT to_regclass('lost') IS NULL`)).toBe(true);
  });

  it('kills a backend that computes and does not notice its server is dead', async () => {
    await using client = await connect(server.url);
    const lost = expect(client.query('SELECT count(*) FROM generate_series(1, 1e12)')).rejects.toThrow();
    await server.kill();
    await lost;
    await server.start();
  });

  it('starts when its lock file names a living process that is no server', async () => {
    const stranger = spawn('cat', { ...(await findServerUser()), cwd: '/' });
    await server.kill();
    const lock = join(server.dataDirectory, 'postmaster.pid');
    const lines = (await readFile(lock, 'utf8')).split('\n');
    await writeFile(lock, [stranger.pid, ...lines.slice(1)].join('\n'));
    await server.start();
    expect(await ask(server.url, 'SELECT 1')).toBe(1);
    stranger.kill();
  });

  it('does not start a second server on the same data', async () => {
    const starting = startPostgres({ dataDirectory: server.dataDirectory, startTimeoutMs: 500 });
    await expect(starting).rejects.toThrow(`A server (process ${server.pid}) already runs on`);
    expect(await ask(server.url, 'SELECT 1')).toBe(1);
  });

  it('answers nothing while it is frozen, and goes on where it was after a thaw', async () => {
    await using client = await connect(server.url);
    await server.freeze();
    let answered = false;
    const answer = client.query('SELECT 1').then(() => (answered = true));
    // A connection is accepted by the system, and never greeted.
    await expect(connect(server.url, { connectionTimeoutMillis: 300 })).rejects.toThrow('timeout');
    expect(answered).toBe(false);
    await server.thaw();
    await answer;
  });

  it.each(['stop', 'kill'] as const)('can be ended while it is frozen, by %s', async (end) => {
    const pids = [server.pid ?? 0, ...(await childrenOf(server.pid ?? 0))];
    await server.freeze();
    await server[end]();
    await expectGone(pids);
    await server.start();
  });

  it('says which port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(startPostgres({ dataDirectory: join(base, 'other'), port })).rejects.toThrow(
      `Port ${port} of 127.0.0.1`,
    );
    other.close();
  });

  it('says what the server said when it does not start', async () => {
    const settings = { shared_buffers: 'plenty' };
    await expect(startPostgres({ dataDirectory: join(base, 'other'), settings })).rejects.toThrow(
      /shared_buffers.*plenty/,
    );
  });

  it('refuses a directory that holds something else', async () => {
    const dataDirectory = join(base, 'something else');
    await mkdir(join(dataDirectory, 'something'), { recursive: true });
    await expect(startPostgres({ dataDirectory })).rejects.toThrow('is not empty and holds no PostgreSQL data');
  });

  it('says what initdb said when it fails, and leaves nothing half-done', async () => {
    const dataDirectory = join(base, 'failing');
    const binaries = { version: '18', initdb: '/bin/ls', postgres: '' };
    const failing = prepareDataDirectory({ dataDirectory, binaries, user: undefined, durable: false });
    await expect(failing).rejects.toThrow(/initdb in .*failing.* ended with code \d:\n.*username/);
    expect(await readdir(dataDirectory)).toEqual([]);
  });

  it('says what the server said last when it is not ready in time', async () => {
    const starting = startPostgres({ dataDirectory: join(base, 'other'), startTimeoutMs: 0 });
    await expect(starting).rejects.toThrow('did not get ready in time');
  });
});
