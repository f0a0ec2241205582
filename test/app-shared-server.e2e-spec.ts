import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { SharedServer } from '../src/server/shared.server.js';
import { query } from './support/ledger.js';

it('The processes of one checkout share a server, and one that stays starts it again on its data and port', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vigil-shared-server-'));
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const first = await SharedServer.join(directory, say);
  const second = await SharedServer.join(directory, say);
  try {
    expect([first.isOwn, second.isOwn]).toEqual([true, false]);
    expect(second.url).toBe(first.url);
    await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS one');
    await second.rejoin();
    expect(second.isOwn).toBe(false);

    await first.stop();
    await Promise.all([second.rejoin(), second.rejoin()]);
    expect(second.isOwn).toBe(true);
    expect(said.at(-1)).toMatch(/this process starts it again/);
    expect(await query(first.url, 'SELECT one FROM kept')).toEqual([{ one: 1 }]);
  } finally {
    await first.stop();
    await second.stop();
    await rm(directory, { recursive: true, force: true });
  }
});
