import { once } from 'node:events';
import { connect as connectSocket, createServer, type AddressInfo } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { FlakyProxy, type CutSide, type TestDatabase } from '../src/index.js';
import { Chaos } from '../src/proxy/chaos.js';
import { ask, connect } from './support/client.js';
import { itemsBehindProxy } from './support/items.js';

const SIDES = ['before', 'in-request', 'in-answer', 'after'] as const satisfies CutSide[];
const ADD = 'INSERT INTO item VALUES ($1)';

describe('A flaky proxy', () => {
  let database: TestDatabase;
  let proxy: FlakyProxy;

  beforeEach(async () => {
    ({ database, proxy } = await itemsBehindProxy());
  });

  const items = async (): Promise<unknown> => ask(database.url, `SELECT string_agg(name, ',' ORDER BY name) FROM item`);
  const msOf = async (work: () => Promise<unknown>): Promise<number> => {
    const startedAt = performance.now();
    await work();
    return performance.now() - startedAt;
  };

  it.each([
    ['both ways', undefined, 300],
    ['on the way to the server', 'to-server', 150],
    ['on the way to the client', 'to-client', 150],
  ] as const)('delays what passes %s, on open connections and new ones', async (_name, direction, atLeastMs) => {
    await using open = await connect(proxy.url);
    proxy.delay(150, { direction });
    const [openMs, newMs] = await Promise.all([
      msOf(() => open.query('SELECT 1')),
      msOf(async () => (await connect(proxy.url))[Symbol.asyncDispose]()),
    ]);
    expect(openMs).toBeGreaterThanOrEqual(atLeastMs - 2);
    expect(newMs).toBeGreaterThanOrEqual(atLeastMs - 2);
    if (direction) expect(openMs).toBeLessThan(300);
  });

  it('keeps messages in order whatever their delays are', async () => {
    await using client = await connect(proxy.url);
    await client.query('LISTEN news');
    const heard: (string | undefined)[] = [];
    client.on('notification', ({ payload }) => heard.push(payload));
    proxy.delay({ minMs: 0, maxMs: 40 }, { seed: 7 });
    const sent = Array.from({ length: 30 }, (_, index) => String(index));
    for (const payload of sent) await ask(database.url, `SELECT pg_notify('news', $1)`, [payload]);
    await expect.poll(() => heard.length).toBe(sent.length);
    expect(heard).toEqual(sent);
  });

  it('delivers at once what is delayed when it is healed', async () => {
    await using client = await connect(proxy.url);
    proxy.delay(3_600_000);
    const answer = client.query('SELECT 1');
    await expect.poll(() => proxy.statements).toContain('SELECT 1');
    proxy.heal();
    expect(await answer).toMatchObject({ rowCount: 1 });
  });

  it('lets bytes trickle, in pieces, until it is healed', async () => {
    await using client = await connect(proxy.url);
    const { stream } = (client as unknown as { connection: { stream: NodeJS.ReadableStream } }).connection;
    let pieces = 0;
    stream.on('data', () => pieces++);
    proxy.throttle(20_000, { direction: 'to-client' });
    const trickledMs = await msOf(() => client.query(`SELECT repeat('x', 10000)`));
    expect(trickledMs).toBeGreaterThan(450);
    expect(pieces).toBeGreaterThan(10);
    proxy.throttle(100);
    const answer = client.query(`SELECT repeat('y', 1000000) AS text`);
    proxy.heal();
    expect((await answer).rows).toEqual([{ text: 'y'.repeat(1_000_000) }]);
  });

  it('refuses delays and rates that make no sense', () => {
    expect(() => proxy.delay(-1)).toThrow('0 ms or more');
    expect(() => proxy.delay({ minMs: 2, maxMs: 1 })).toThrow('minMs <= maxMs');
    expect(() => proxy.throttle(0)).toThrow('more than 0 bytes');
    expect(() => proxy.chaos({ seed: 1, rates: { before: 0.6, after: 0.6 } })).toThrow('together at most 1');
  });

  it('closes its port when asked to, and opens the same one again', async () => {
    await using client = await connect(proxy.url);
    const lost = once(client, 'error');
    proxy.refuse({ closePort: true });
    expect(await lost).toMatchObject([{ code: 'ECONNRESET' }]);
    await expect(connect(proxy.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    proxy.heal();
    expect(await ask(proxy.url, 'SELECT 1')).toBe(1);
    proxy.refuse({ closePort: true });
    proxy.heal();
    proxy.heal();
    proxy.refuse({ closePort: true });
    await expect.poll(() => connect(proxy.url).catch((error: { code: string }) => error.code)).toBe('ECONNREFUSED');
  });

  it.each([
    ['simple', `INSERT INTO item VALUES ('one')`, undefined, (bytes: number) => bytes],
    // Without its Sync, which is 5 bytes and comes after what executes the statement.
    ['prepared', ADD, ['one'], (bytes: number) => bytes - 5],
  ])('cuts in the request: the server gets half of a %s statement', async (_kind, text, values, statementBytes) => {
    const { hostname, port } = new URL(database.url);
    let received = 0;
    const tap = createServer((socket) => {
      const server = connectSocket({ host: hostname, port: Number(port) }).on('error', () => socket.destroy());
      socket.on('data', (bytes) => (received += bytes.length)).on('error', () => server.destroy());
      socket.pipe(server).pipe(socket);
    }).listen(0, '127.0.0.1');
    await once(tap, 'listening');
    const target = new URL(database.url);
    target.host = `127.0.0.1:${(tap.address() as AddressInfo).port}`;
    await using tapped = await FlakyProxy.start({ target: target.href });
    await using client = await connect(tapped.url);
    const bytesOf = async (query: () => Promise<unknown>): Promise<number> => {
      received = 0;
      await query().catch(() => {});
      await expect.poll(() => received).toBeGreaterThan(0);
      return received;
    };
    const whole = await bytesOf(() => client.query(text, values));
    const cut = tapped.cutOnce({ match: 'INSERT', side: 'in-request' });
    expect(await bytesOf(() => client.query(text, values))).toBe(Math.floor(statementBytes(whole) / 2));
    expect(await cut).toBe(text);
    expect(await items()).toBe('one');
    tap.close();
  });

  it('cuts in the answer: the statement is executed, and the client gets half of what it is told', async () => {
    await using client = await connect(proxy.url);
    const { stream } = (client as unknown as { connection: { stream: NodeJS.ReadableStream } }).connection;
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    const text = `INSERT INTO item VALUES ('one') RETURNING repeat('x', 100000)`;
    await client.query(text);
    const whole = bytes;
    bytes = 0;
    const cut = proxy.cutOnce({ match: text, side: 'in-answer' });
    await expect(client.query(text)).rejects.toThrow();
    await cut;
    expect(bytes).toBe(Math.floor(whole / 2));
    expect(await items()).toBe('one,one');
  });

  const scenario = async (): Promise<void> => {
    await using client = await connect(proxy.url);
    await client.query('BEGIN');
    await client.query(ADD, ['one']);
    await client.query(`INSERT  INTO item\n VALUES ($1)`, ['two']);
    await client.query('COMMIT');
  };

  it('records points, and cuts a scenario at each of them on each side', async () => {
    await scenario();
    expect(proxy.points).toEqual([]);
    proxy.startRecording();
    await scenario();
    const points = [...proxy.points];
    expect(points).toEqual([
      { number: 1, statement: 'BEGIN', occurrence: 1 },
      { number: 2, statement: ADD, occurrence: 1 },
      { number: 3, statement: ADD, occurrence: 2 },
      { number: 4, statement: 'COMMIT', occurrence: 1 },
    ]);
    for (const point of points) {
      for (const side of SIDES) {
        await ask(database.url, 'TRUNCATE item');
        proxy.startRecording();
        const cut = proxy.cutAt(point, side);
        await expect(scenario(), `${point.number} ${side}`).rejects.toThrow();
        await cut;
        expect(proxy.points, side).toEqual(points.slice(0, point.number));
        const committed = point.statement === 'COMMIT' && (side === 'in-answer' || side === 'after');
        expect(await items(), `${point.number} ${side}`).toBe(committed ? 'one,two' : null);
      }
    }
  });

  it('counts a statement for every cut that waits for it, and cuts a connection once', async () => {
    const cuts = [1, 1, 3].map((occurrence) => proxy.cutOnce({ match: 'SELECT 1', side: 'before', occurrence }));
    for (const cut of cuts) {
      await expect(ask(proxy.url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNRESET' });
      await cut;
    }
    expect(await ask(proxy.url, 'SELECT 1')).toBe(1);
  });

  const runChaos = async (seed: number): Promise<unknown> => {
    await using chaotic = await FlakyProxy.start({ target: database.url });
    const rates = { before: 0.1, 'in-request': 0.1, 'in-answer': 0.1, after: 0.1, delay: 0.2, silence: 0.1 };
    chaotic.chaos({ seed, rates, delay: { minMs: 1, maxMs: 5 } });
    for (let turn = 0; turn < 60; turn++) {
      await using client = await connect(chaotic.url, { query_timeout: 100 });
      await client.query(`SELECT ${turn}`).catch(() => {});
    }
    chaotic.heal();
    expect(await ask(chaotic.url, 'SELECT 1')).toBe(1);
    return chaotic.faults;
  };

  it('does the same to the same statements for the same seed, and says what it did', async () => {
    const faults = await runChaos(11);
    expect(faults).toEqual(await runChaos(11));
    expect(faults).not.toEqual(await runChaos(12));
    const chaos = new Chaos({ seed: 11, rates: { before: 0.1, 'in-request': 0.1, 'in-answer': 0.1, after: 0.1, delay: 0.2, silence: 0.1 }, delay: { minMs: 1, maxMs: 5 } }); // prettier-ignore
    const planned = Array.from({ length: 60 }, (_, index) => ({
      number: index + 1,
      statement: `SELECT ${index}`,
      ...chaos.decide(index + 1),
    }));
    expect(faults).toEqual(planned.filter((fault) => 'what' in fault));
    expect(new Set(planned.map((fault) => ('what' in fault ? fault.what : 'nothing'))).size).toBe(7);
  });

  it('does as much as its rates say', () => {
    const chaos = new Chaos({ seed: 5, rates: { before: 0.1, silence: 0.3 } });
    const done = Array.from({ length: 20_000 }, (_, index) => chaos.decide(index + 1)?.what);
    const share = (what: string | undefined): number => done.filter((each) => each === what).length / done.length;
    expect(share('before')).toBeCloseTo(0.1, 1.7);
    expect(share('silence')).toBeCloseTo(0.3, 1.7);
    expect(share(undefined)).toBeCloseTo(0.6, 1.7);
  });
});
