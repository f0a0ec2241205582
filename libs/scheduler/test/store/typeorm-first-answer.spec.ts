import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, it } from 'vitest';

import { JobStoreUnavailableError } from '../../src/store/errors.js';
import { Cleanup, serverUrl } from './typeorm-store.support.js';

const READY_FOR_QUERY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/** What the server says when an administrator ends a connection. */
function terminated(): Buffer {
  const text = 'SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0';
  const message = Buffer.alloc(5 + text.length);
  message.write('E');
  message.writeInt32BE(4 + text.length, 1);
  message.write(text, 5, 'latin1');
  return message;
}

/** Ends its second connection in the packet that says that it is ready, when no listener is on it for a moment. */
async function aCruelServer({ hostname, port }: URL): Promise<{ port: number; close(): Promise<unknown> }> {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((client) => {
    const number = (connections += 1);
    const upstream = connect(Number(port), hostname);
    let isFirst = true;
    client.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => {
      const isReady = number === 2 && isFirst && chunk.subarray(-READY_FOR_QUERY.length).equals(READY_FOR_QUERY);
      if (isReady) isFirst = false;
      if (isReady) client.end(Buffer.concat([chunk, terminated()]));
      else client.write(chunk);
    });
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => [client, upstream].forEach((each) => each.destroy()));
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): Promise<unknown> => {
    for (const socket of open) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, close };
}

it('A connection that is ended with its first answer is an outage, and no error that nobody hears', async () => {
  const cleanup = new Cleanup();
  const unhandled: unknown[] = [];
  const remember = (error: unknown): void => void unhandled.push(error);
  process.on('uncaughtException', remember);
  const url = new URL(serverUrl());
  const server = cleanup.add(await aCruelServer(new URL(serverUrl())), (each) => each.close());
  url.port = String(server.port);
  const store = cleanup.store(cleanup.schema(), { connection: { url: url.href } });
  await store.open('default');
  const answers = await Promise.allSettled([store.peek(['x'], []), store.peek(['x'], [])]);
  expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const failed = answers.find((answer) => answer.status === 'rejected');
  expect(failed?.reason).toBeInstanceOf(JobStoreUnavailableError);
  expect((await store.peek(['x'], [])).nextAt).toBeNull();
  await cleanup.run();
  await new Promise(setImmediate);
  process.off('uncaughtException', remember);
  expect(unhandled).toEqual([]);
});
