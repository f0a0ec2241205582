import type { Socket } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { FlakyProxy, type TestDatabase } from '../src/index.js';
import { MessageReader } from '../src/proxy/wire.js';
import { ask, connect } from './support/client.js';
import { itemsBehindProxy } from './support/items.js';

const message = (type: string, ...parts: (string | Buffer)[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};
const int32 = (value: number): Buffer => Buffer.from([value >> 24, value >> 16, value >> 8, value]);
const query = (text: string): Buffer => message('Q', text, '\0');
const prepared = (text: string): Buffer =>
  Buffer.concat([
    message('P', '\0', text, '\0', Buffer.alloc(2)),
    message('B', '\0\0', Buffer.alloc(6)),
    message('D', 'P\0'),
  ]);
const execute = (rows = 0): Buffer => message('E', '\0', int32(rows));
const [sync, flush, copyDone] = [message('S'), message('H'), message('c')];

/** A connection that speaks the protocol by hand, after the login. */
async function speak(url: string) {
  const client = await connect(url);
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  stream.removeAllListeners('data');
  const reader = new MessageReader('server');
  const heard: string[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    for (const { type } of reader.read(chunk)) heard.push(type);
  });
  /** The types of the messages that came, up to the nth of this type. */
  const until = async (type: string, count = 1): Promise<string> => {
    const end = (): number => heard.flatMap((each, index) => (each === type ? [index] : []))[count - 1] ?? -1;
    await expect.poll(end, { timeout: 20_000, interval: 5 }).toBeGreaterThanOrEqual(0);
    return heard.splice(0, end() + 1).join('');
  };
  return {
    stream,
    until,
    bytes: () => bytes,
    say: (...messages: Buffer[]) => void stream.write(Buffer.concat(messages)),
    heard: () => heard.join(''),
    closed: () => new Promise((resolve) => stream.once('close', resolve)),
    [Symbol.asyncDispose]: client[Symbol.asyncDispose],
  };
}

describe('A flaky proxy passes on', () => {
  let database: TestDatabase;
  let proxy: FlakyProxy;

  beforeEach(async () => {
    ({ database, proxy } = await itemsBehindProxy());
  });

  const items = async (): Promise<unknown> => ask(database.url, `SELECT string_agg(name, ',' ORDER BY name) FROM item`);
  const copyIn = 'COPY item FROM STDIN';
  const data = message('d', 'one\ntwo\n');

  it('answers to what is flushed, without a Sync', async () => {
    await using client = await speak(proxy.url);
    client.say(prepared('SELECT 1'), flush);
    expect(await client.until('T')).toBe('12T');
    client.say(execute(), flush);
    expect(await client.until('C')).toBe('DC');
    client.say(sync);
    expect(await client.until('Z')).toBe('Z');
  });

  it('rows fetched in portions as one statement', async () => {
    await using client = await speak(proxy.url);
    client.say(prepared('SELECT generate_series(1, 3)'), execute(2), flush);
    expect(await client.until('s')).toBe('12TDDs');
    client.say(execute(2), sync);
    expect(await client.until('Z')).toBe('DCZ');
    expect(proxy.statements).toEqual(['SELECT generate_series(1, 3)']);
  });

  it('many statements sent at once, errors among them, each with its answer', async () => {
    await using client = await speak(proxy.url);
    const good = Buffer.concat([prepared(`INSERT INTO item VALUES ('x')`), execute(), sync]);
    const bad = Buffer.concat([prepared('SELECT broken'), execute(), prepared('SELECT 2'), execute(), sync]);
    client.say(...Array.from({ length: 200 }, () => [good, bad, query('SELECT 1')]).flat());
    expect(await client.until('Z', 600)).toBe('12nCZEZTDCZ'.repeat(200));
    expect(await ask(database.url, 'SELECT count(*)::int FROM item')).toBe(200);
  });

  it('statements of a pipeline that asks for no answer for long', async () => {
    await using client = await speak(proxy.url);
    client.say(...Array.from({ length: 20_000 }, () => [prepared(`INSERT INTO item VALUES ('x')`), execute()]).flat());
    await expect.poll(() => proxy.statements.length).toBe(1_000);
    client.say(sync);
    await client.until('Z');
    expect(await ask(database.url, 'SELECT count(*)::int FROM item')).toBe(20_000);
  });

  it('COPY in both directions, of simple and prepared statements, as large as it may be', async () => {
    const rows = Array.from({ length: 1_000 }, () => message('d', `${'x'.repeat(9_999)}\n`));
    await using client = await speak(proxy.url);
    client.say(query(copyIn));
    expect(await client.until('G')).toBe('G');
    client.say(...rows, copyDone);
    expect(await client.until('Z')).toBe('CZ');
    // As libpq does: a Sync that the server takes no notice of, and one after the data.
    client.say(prepared(copyIn), execute(), sync);
    expect(await client.until('G')).toBe('12nG');
    client.say(...rows, copyDone, sync);
    expect(await client.until('Z')).toBe('CZ');
    client.say(query('COPY item TO STDOUT'));
    expect(await client.until('Z')).toBe(`H${'d'.repeat(2_000)}cCZ`);
    expect(client.bytes()).toBeGreaterThan(20_000_000);
    client.say(query(copyIn));
    await client.until('G');
    client.say(message('f', 'no more\0'));
    expect(await client.until('Z')).toBe('EZ');
    const closed = client.closed();
    const cut = proxy.cutOnce({ match: 'SELECT 1', side: 'after' });
    client.say(query('SELECT 1'));
    await cut;
    await closed;
    expect(client.heard()).toBe('');
  });

  it('nothing of a flushed statement that fails and whose answer is lost', async () => {
    await using client = await speak(proxy.url);
    const cut = proxy.cutOnce({ match: 'SELECT 1', side: 'after' });
    const closed = client.closed();
    client.say(prepared('SELECT 1 / 0'), execute(), flush);
    await cut;
    await closed;
    expect(client.heard()).toBe('');
  });

  it.each([
    ['simple', [query(copyIn)], [data, copyDone]],
    ['prepared', [prepared(copyIn), execute(), sync], [data, copyDone, sync]],
    ['flushed', [prepared(copyIn), execute(), flush], [data, copyDone, sync]],
  ])('the data of a %s COPY whose answer is lost', async (kind, start, end) => {
    await using client = await speak(proxy.url);
    const cut = proxy.cutOnce({ match: copyIn, side: 'after' });
    client.say(...start);
    expect(await client.until('G')).toMatch(/G$/);
    const closed = client.closed();
    client.say(...end);
    await cut;
    await closed;
    // A transaction that ends with its Sync does not outlive a connection that is lost before.
    if (kind !== 'flushed') expect(await items()).toBe('one,two');
  });

  it.each([
    ['before', null],
    ['in-request', null],
    ['in-answer', 'a,b'],
    ['after', 'a,b'],
  ] as const)('what was sent ahead of a statement that is cut %s', async (side, executed) => {
    await using client = await speak(proxy.url);
    const add = (name: string): Buffer => Buffer.concat([prepared(`INSERT INTO item VALUES ('${name}')`), execute()]);
    const cut = proxy.cutOnce({ match: 'INSERT', side, occurrence: 2 });
    const closed = client.closed();
    client.say(add('a'), add('b'), sync, query(`INSERT INTO item VALUES ('c')`));
    expect(await cut).toBe(`INSERT INTO item VALUES ('b')`);
    await closed;
    expect(await items()).toBe(executed);
  });

  it('the whole answer before the one that is lost', async () => {
    await using client = await speak(proxy.url);
    const cut = proxy.cutOnce({ match: 'SELECT 2', side: 'after' });
    const closed = client.closed();
    client.say(query('SELECT 1'), prepared('SELECT broken'), execute(), sync, prepared('SELECT 2'), execute(), flush);
    expect(await client.until('Z', 2)).toBe('TDCZEZ');
    await cut;
    await closed;
    expect(client.heard()).toBe('');
  });

  it('flushed statements up to the one that is cut, and counts each once', async () => {
    await using client = await speak(proxy.url);
    const cut = proxy.cutOnce({ match: 'SELECT', side: 'before', occurrence: 2 });
    client.say(prepared('SELECT 1'), flush, execute(), flush);
    expect(await client.until('C')).toBe('12TDC');
    const closed = client.closed();
    client.say(prepared('SELECT 2'), execute(), flush);
    expect(await cut).toBe('SELECT 2');
    await closed;
  });

  it.each([
    ['calm', () => {}],
    ['late', () => proxy.delay(1, { direction: 'to-client' })],
    ['slow', () => proxy.throttle(10_000_000)],
  ])('no more than a slow reader takes, in %s weather', async (_name, change) => {
    await using client = await speak(proxy.url);
    await using watcher = await connect(database.url);
    change();
    client.stream.pause();
    const memory = (): number => process.memoryUsage().arrayBuffers;
    const before = memory();
    client.say(query(`SELECT repeat('x', 100000) FROM generate_series(1, 1500)`));
    const stuck = `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'ClientWrite' AND datname = current_database()`;
    let stuckTimes = 0;
    const seen = async (): Promise<number> => (stuckTimes = (await watcher.query(stuck)).rowCount ? stuckTimes + 1 : 0);
    await expect.poll(seen, { interval: 20, timeout: 10_000 }).toBe(20);
    expect(memory() - before).toBeLessThan(40_000_000);
    proxy.heal();
    client.stream.resume();
    await client.until('Z');
    expect(client.bytes()).toBeGreaterThan(150_000_000);
  });

  it('no more than a busy server takes', async () => {
    await using client = await speak(proxy.url);
    await using locker = await connect(database.url);
    await locker.query('SELECT pg_advisory_lock(7)');
    client.say(query('SELECT pg_advisory_lock(7)'), ...Array.from({ length: 500 }, () => query(`-- ${'x'.repeat(100_000)}`))); // prettier-ignore
    const left = (): number => client.stream.writableLength;
    const arrived = (): number => client.stream.bytesWritten - left();
    let before = -1;
    const settled = (): boolean => before === (before = arrived());
    await expect.poll(settled, { interval: 200 }).toBe(true);
    expect(left()).toBeGreaterThan(0);
    await locker.query('SELECT pg_advisory_unlock(7)');
    await client.until('Z', 501);
    expect(left()).toBe(0);
  });
});
