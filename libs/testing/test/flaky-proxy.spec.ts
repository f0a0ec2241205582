import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { FlakyProxy, type TestDatabase } from '../src/index.js';
import { ask, connect } from './support/client.js';
import { itemsBehindProxy } from './support/items.js';

const ignore = (): void => {};

describe('A flaky proxy', () => {
  let database: TestDatabase;
  let proxy: FlakyProxy;

  beforeEach(async () => {
    ({ database, proxy } = await itemsBehindProxy());
  });

  const items = async (): Promise<unknown> => ask(database.url, `SELECT string_agg(name, ',' ORDER BY name) FROM item`);

  it('passes everything on while nothing is wrong, large answers and large statements too', async () => {
    await using client = await connect(proxy.url);
    const large = 'x'.repeat(3_000_000);
    const { rows } = await client.query<{ same: string }>('SELECT $1::text AS same', [large]);
    expect(rows[0]?.same.length).toBe(large.length);
    await expect(client.query('SELECT broken')).rejects.toMatchObject({ code: '42703' });
    expect((await client.query('SELECT 1; SELECT 2')) as unknown).toHaveLength(2);
    expect(proxy.connections).toBe(1);
  });

  it('lets notifications through', async () => {
    await using client = await connect(proxy.url);
    await client.query('LISTEN news');
    const notified = once(client, 'notification');
    await ask(database.url, `SELECT pg_notify('news', 'hello')`);
    expect(await notified).toMatchObject([{ payload: 'hello' }]);
  });

  it('lets a statement be cancelled', async () => {
    await using client = await connect(proxy.url);
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    const cancelled = expect(client.query('SELECT pg_sleep(3600)')).rejects.toMatchObject({ code: '57014' });
    const untilItRuns = `SELECT count(*)::int FROM pg_stat_activity WHERE pid = $1 AND query LIKE 'SELECT pg_sleep%'`;
    await expect.poll(() => ask(database.url, untilItRuns, [processID])).toBe(1);
    const request = Buffer.alloc(16);
    [16, 80_877_102, processID, secretKey].forEach((value, index) => request.writeInt32BE(value, index * 4));
    connectSocket(proxy.port, '127.0.0.1').end(request);
    await cancelled;
  });

  it('answers a wish for encryption with no', async () => {
    await expect(connect(proxy.url, { ssl: true })).rejects.toThrow('does not support SSL');
  });

  it('records the statements that come, and only the last of them', async () => {
    await using short = await FlakyProxy.start({ target: database.url, keepStatements: 3 });
    await using client = await connect(short.url);
    await client.query('SELECT 0');
    await client.query('BEGIN');
    for (const name of ['a', 'b']) {
      await client.query({ name: 'add', text: 'INSERT INTO item VALUES ($1)', values: [name] });
    }
    expect(short.statements).toEqual(['BEGIN', 'INSERT INTO item VALUES ($1)', 'INSERT INTO item VALUES ($1)']);
  });

  it('refuses new connections and resets the open ones, until it is healed', async () => {
    await using client = await connect(proxy.url);
    const running = expect(client.query('SELECT pg_sleep(3600)')).rejects.toMatchObject({ code: 'ECONNRESET' });
    proxy.refuse();
    await running;
    await expect(connect(proxy.url)).rejects.toMatchObject({ code: 'ECONNRESET' });
    proxy.heal();
    expect(await ask(proxy.url, 'SELECT 1')).toBe(1);
  });

  it('resets open connections once, idle or not, and takes new ones', async () => {
    await using client = await connect(proxy.url);
    const lost = once(client, 'error');
    proxy.reset();
    expect(await lost).toMatchObject([{ code: 'ECONNRESET' }]);
    expect(await ask(proxy.url, 'SELECT 1')).toBe(1);
  });

  it('silences open connections: the statement does not arrive, and the server keeps the transaction open', async () => {
    await using client = await connect(proxy.url);
    await client.query('BEGIN');
    await client.query(`INSERT INTO item VALUES ('locked')`);
    proxy.silence('existing');
    let answered = false;
    void client.query('COMMIT').then(() => (answered = true), ignore);
    expect(await ask(proxy.url, 'SELECT 1')).toBe(1);
    await client[Symbol.asyncDispose]();
    const open = `SELECT count(*)::int FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = $1`;
    expect(await ask(database.url, open, [database.name])).toBe(1);
    expect(answered).toBe(false);
    expect(await items()).toBeNull();
  });

  it('silences answers of statements that are on their way', async () => {
    await using client = await connect(proxy.url);
    await using locker = await connect(database.url);
    await locker.query('SELECT pg_advisory_lock(1)');
    let answered = false;
    void client.query('SELECT pg_advisory_lock(1)').then(() => (answered = true), ignore);
    const waiting = `SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`;
    await expect.poll(() => ask(database.url, waiting)).toBe(1);
    proxy.silence('existing');
    await locker.query('SELECT pg_advisory_unlock(1)');
    await expect.poll(() => ask(database.url, waiting)).toBe(0);
    expect(await ask(proxy.url, 'SELECT 1')).toBe(1);
    expect(answered).toBe(false);
  });

  it('silences new connections, and healing does not bring back what was silent', async () => {
    await using open = await connect(proxy.url);
    proxy.silence('new');
    expect(await open.query('SELECT 1')).toMatchObject({ rowCount: 1 });
    await expect(connect(proxy.url, { connectionTimeoutMillis: 200 })).rejects.toThrow('timeout');
    proxy.silence('all');
    let answered = false;
    void open.query('SELECT 1').then(() => (answered = true), ignore);
    proxy.heal();
    expect(await ask(proxy.url, 'SELECT 1')).toBe(1);
    expect(answered).toBe(false);
  });

  it('delivers late what was sent in the silence, when open connections are healed too', async () => {
    await using client = await connect(proxy.url);
    proxy.silence('all');
    const answer = client.query(`INSERT INTO item VALUES ('late')`);
    const connecting = connect(proxy.url);
    proxy.heal({ existing: true });
    await answer;
    await using late = await connecting;
    expect(await late.query('SELECT name FROM item')).toMatchObject({ rows: [{ name: 'late' }] });
  });

  it.each([
    ['before', 'simple', 'is not executed', undefined, null],
    ['after', 'simple', 'is executed', undefined, 'one'],
    ['before', 'prepared', 'is not executed', ['one'], null],
    ['after', 'prepared', 'is executed', ['one'], 'one'],
  ] as const)('cuts %s a %s INSERT, which %s', async (side, _kind, _what, values, executed) => {
    await using client = await connect(proxy.url);
    const text = values ? 'INSERT INTO item VALUES ($1) RETURNING name' : `INSERT INTO item VALUES ('one')`;
    const cut = proxy.cutOnce({ match: /^INSERT/, side });
    await expect(client.query(text, values && [...values])).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await cut).toBe(text);
    expect(await items()).toBe(executed);
    expect(await ask(proxy.url, `INSERT INTO item VALUES ('two') RETURNING name`)).toBe('two');
  });

  it.each([
    ['before', 'is not there', null],
    ['after', 'is there', 'one'],
  ] as const)('cuts %s a COMMIT: the client sees an error, and the row %s', async (side, _what, kept) => {
    await using client = await connect(proxy.url);
    const cut = proxy.cutOnce({ match: /^COMMIT/, side });
    await client.query('BEGIN');
    await client.query(`INSERT INTO item VALUES ($1)`, ['one']);
    await expect(client.query('COMMIT')).rejects.toMatchObject({ code: 'ECONNRESET' });
    await cut;
    expect(await items()).toBe(kept);
  });

  it('cuts at the occurrence asked for, of a prepared statement as well', async () => {
    await using client = await connect(proxy.url);
    const cut = proxy.cutOnce({ match: 'INTO item', side: 'after', occurrence: 3 });
    const add = (name: string): Promise<unknown> =>
      client.query({ name: 'add', text: 'INSERT INTO item VALUES ($1)', values: [name] });
    await add('a');
    await add('b');
    await expect(add('c')).rejects.toMatchObject({ code: 'ECONNRESET' });
    await cut;
    expect(await items()).toBe('a,b,c');
  });

  it('loses an error like any other answer', async () => {
    await using client = await connect(proxy.url);
    const cut = proxy.cutOnce({ match: 'broken', side: 'after' });
    await expect(client.query('SELECT broken')).rejects.toMatchObject({ code: 'ECONNRESET' });
    await cut;
  });

  it('says so when it is closed before the statement came', async () => {
    const cut = proxy.cutOnce({ match: /^VACUUM/, side: 'before' });
    await proxy.close();
    await expect(cut).rejects.toThrow('before a statement came that matches /^VACUUM/');
  });

  it('refuses an occurrence that no statement has, and stays closed when it is healed after its end', async () => {
    expect(() => proxy.cutOnce({ match: 'x', side: 'before', occurrence: 0 })).toThrow(RangeError);
    await using other = await FlakyProxy.start({ target: database.url });
    await other.close();
    other.refuse({ closePort: true });
    other.heal();
    await expect(connect(other.url)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('ends connections when the server is away, or talks something else', async () => {
    await using nowhere = await FlakyProxy.start({ target: { host: '127.0.0.1', port: 1 } });
    await expect(connect(nowhere.url)).rejects.toThrow();
    const stranger = connectSocket(proxy.port, '127.0.0.1').on('error', () => {});
    stranger.write(Buffer.alloc(64));
    await new Promise((resolve) => stranger.once('close', resolve));
    await expect.poll(() => proxy.connections).toBe(0);
  });
});
