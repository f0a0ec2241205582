import { connect as connectSocket, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { createDatabase, FlakyProxy, type TestDatabase } from '../src/index.js';
import { seededRandom } from '../src/proxy/random.js';
import { ask, connect } from './support/client.js';

const seed = Number(process.env.SEED ?? 1);

/** A login as far as it gets before the server asks for a password. */
const STARTUP = Buffer.from('\0\0\0\x20\0\x03\0\0user\0nobody\0database\0x\0\0');
const SSL_REQUEST = Buffer.from('\0\0\0\x08\x04\xd2\x16\x2f', 'latin1');
const TLS_HELLO = Buffer.from('\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', 'latin1');

describe('A flaky proxy', () => {
  let database: TestDatabase;
  let proxy: FlakyProxy;

  beforeEach(async () => {
    database = await createDatabase(inject('postgresUrl'));
    await ask(database.url, 'CREATE TABLE item (name text)');
    proxy = await FlakyProxy.start({ target: database.url });
  });

  afterEach(async () => {
    await proxy.close();
    await database.drop();
  });

  const dial = async (): Promise<Socket> => {
    const socket = connectSocket(proxy.port, '127.0.0.1').on('error', () => {});
    await new Promise((resolve) => ['connect', 'close'].forEach((event) => socket.once(event, resolve)));
    return socket;
  };
  const backends = async (): Promise<unknown> =>
    ask(database.url, `SELECT count(*)::int - 1 FROM pg_stat_activity WHERE datname = $1`, [database.name]);

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a part of a length', STARTUP.subarray(0, 3)],
    ['half a startup', STARTUP.subarray(0, 20)],
    ['a wish for encryption', SSL_REQUEST],
    ['encryption nobody agreed to', TLS_HELLO],
    ['a startup and no password', STARTUP],
    ['garbage after the startup', Buffer.concat([STARTUP, Buffer.alloc(100, 0xff)])],
    ['zeros', Buffer.alloc(100)],
  ])('forgets a client that says %s and leaves, in whatever way', async (_what, bytes) => {
    for (const leave of ['end', 'destroy', 'resetAndDestroy'] as const) {
      const socket = await dial();
      if (bytes.length > 0) socket.write(bytes);
      socket[leave]();
    }
    await expect.poll(() => proxy.connections).toBe(0);
    expect(await ask(proxy.url, 'SELECT 1')).toBe(1);
  });

  it('resets a client that does not speak the protocol', async () => {
    const socket = await dial();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(TLS_HELLO);
    await closed;
    await expect.poll(() => proxy.connections).toBe(0);
  });

  it('forgets a new client that leaves in the silence, whatever it said', async () => {
    proxy.silence('new');
    for (const leave of ['end', 'destroy', 'resetAndDestroy'] as const) {
      for (const bytes of [Buffer.alloc(0), STARTUP]) {
        const socket = await dial();
        await expect.poll(() => proxy.connections).toBe(1);
        if (bytes.length > 0) socket.write(bytes);
        socket[leave]();
        await expect.poll(() => proxy.connections).toBe(0);
      }
    }
  });

  it.each(['end', 'destroy', 'resetAndDestroy'] as const)(
    'does not tell the server that a silenced client has left by %s, until both go on',
    async (leave) => {
      await using client = await connect(proxy.url);
      const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
      proxy.silence('existing');
      stream[leave]();
      for (let turn = 0; turn < 5; turn++) expect(await backends()).toBe(1);
      expect(proxy.connections).toBe(1);
      proxy.heal({ existing: true });
      await expect.poll(() => proxy.connections).toBe(0);
      await expect.poll(backends).toBe(0);
    },
  );

  it('resets at once a client that does not read', async () => {
    await using client = await connect(proxy.url);
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
    stream.pause();
    void client.query(`SELECT repeat('x', 100000) FROM generate_series(1, 500)`).catch(() => {});
    const stuck = `SELECT count(*)::int FROM pg_stat_activity WHERE wait_event = 'ClientWrite' AND datname = $1`;
    await expect.poll(() => ask(database.url, stuck, [database.name])).toBe(1);
    proxy.reset();
    await expect.poll(() => proxy.connections).toBe(0);
    await expect.poll(backends).toBe(0);
  });

  it('forgets a silenced connection that is reset', async () => {
    await using client = await connect(proxy.url);
    expect(await client.query('SELECT 1')).toMatchObject({ rowCount: 1 });
    proxy.silence('all');
    proxy.reset();
    await expect.poll(() => proxy.connections).toBe(0);
  });

  it.each([
    ['cuts and delays', 0],
    ['silence as well', 0.01],
  ])(
    `survives 1,000 connections with random faults: %s (SEED=${seed})`,
    async (_what, silence) => {
      const random = seededRandom(seed);
      const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
      const statements: [string, unknown[]?][] = [
        ['SELECT 1'],
        ['BEGIN'],
        ['COMMIT'],
        ['SELECT broken'],
        ['INSERT INTO item VALUES ($1)', ['x']],
        [`SELECT repeat('x', 1000) FROM generate_series(1, 200)`],
      ];
      const talk = async (): Promise<void> => {
        await using client = await connect(proxy.url, { connectionTimeoutMillis: 1_000, query_timeout: 500 });
        for (let turn = 0; turn < 4; turn++) await client.query(...pick(statements)).catch(() => {});
        if (random() < 0.5) await Promise.race([client.end(), new Promise((resolve) => setTimeout(resolve, 200))]);
      };
      const babble = async (): Promise<void> => {
        const socket = await dial();
        const noise = Buffer.from(Array.from({ length: 64 }, () => Math.floor(random() * 256)));
        socket.write(pick([STARTUP.subarray(0, Math.floor(random() * 32)), STARTUP, SSL_REQUEST, TLS_HELLO, noise]));
        socket[pick(['end', 'destroy', 'resetAndDestroy'] as const)]();
      };
      const disturbances = [
        () => proxy.reset(),
        () => proxy.delay({ minMs: 0, maxMs: 5 }),
        () => proxy.throttle(1_000_000),
        () => proxy.refuse({ closePort: random() < 0.5 }),
        ...(silence > 0 ? [() => proxy.silence(pick(['new', 'existing', 'all'] as const))] : []),
      ];
      const startChaos = (): void =>
        proxy.chaos({
          seed,
          rates: { before: 0.03, 'in-request': 0.03, 'in-answer': 0.03, after: 0.03, delay: 0.1, silence },
          delay: { minMs: 0, maxMs: 10 },
        });
      let left = 1_000;
      const work = async (): Promise<void> => {
        while (left-- > 0) {
          if (random() < 0.03) pick(disturbances)();
          else if (random() < 0.06) proxy.heal({ existing: random() < 0.5 });
          else if (random() < 0.1) startChaos();
          await (random() < 0.7 ? talk() : babble()).catch(() => {});
        }
      };
      await Promise.all(Array.from({ length: 20 }, work));
      expect(proxy.statements.length).toBeGreaterThan(500);
      proxy.heal();
      if (silence > 0) proxy.reset();
      await expect.poll(() => proxy.connections, { timeout: 10_000 }).toBe(0);
      await expect.poll(backends, { timeout: 10_000 }).toBe(0);
      expect(await ask(proxy.url, 'SELECT 1')).toBe(1);
    },
    120_000,
  );
});
