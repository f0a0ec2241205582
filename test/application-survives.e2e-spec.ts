import { createDatabase, FlakyProxy, startPostgres } from 'nestjs-vigil-testing';
import { describe, expect, inject, it } from 'vitest';

import { CLEAN, createRunTable, judge } from './support/ledger.js';
import { Replica } from './support/replicas.js';

const isComplaint = (line: Record<string, unknown>): boolean => 'unhandled' in line || 'uncaught' in line;
const state = (name: string) => (line: Record<string, unknown>) => line.state === name;

describe('The application survives:', () => {
  it('it boots when the database is down, and its jobs start when it comes up', async () => {
    await using server = await startPostgres({ settings: { fsync: 'off' } });
    await createRunTable(server.url);
    await server.stop('immediate');
    await using replica = Replica.start({ DATABASE_URL: server.url });
    await replica.waitFor(({ booted }) => booted === true, 'booted');
    await replica.waitFor(state('disconnected'), 'disconnected');
    await server.start();
    await replica.waitFor(state('running'), 'running');
    await replica.waitFor(({ ran }) => ran === 'job-0', 'a run');
    expect(await replica.stop()).toBe(0);
    expect(replica.lines.filter(isComplaint)).toEqual([]);
  });

  it('no unhandled rejection, no error event and no exit comes of resets, silence and a killed server', async () => {
    await using server = await startPostgres();
    await createRunTable(server.url);
    await using proxy = await FlakyProxy.start({ target: server.url });
    const options = JSON.stringify({ callTimeoutMs: 1_000 });
    await using replica = Replica.start({ DATABASE_URL: proxy.url, RUNS_URL: server.url, OPTIONS: options });
    await replica.waitFor(state('running'), 'running');
    const outages: [begin: () => unknown, end: () => unknown][] = [
      [() => proxy.reset(), () => {}],
      [() => proxy.refuse(), () => proxy.heal()],
      [() => proxy.silence('all'), () => proxy.heal()],
      [() => server.kill(), () => server.start()],
      [() => server.freeze(), () => server.thaw()],
    ];
    for (const [begin, end] of outages) {
      const from = replica.lines.length;
      await begin();
      await replica.waitFor(({ from: before }) => before === 'running', 'an outage', from);
      await end();
      await replica.waitFor(state('running'), 'running again', from);
      await replica.waitFor(({ ran }) => ran === 'job-0', 'a run', replica.lines.length);
    }
    expect(replica.process.exitCode).toBeNull();
    expect(await replica.stop()).toBe(0);
    expect(replica.lines.filter(isComplaint)).toEqual([]);
    expect(await judge(server.url, 'job-0')).toMatchObject(CLEAN);
  }, 90_000);

  it('a wrong password fails the boot with an error that says so, and is printed nowhere', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    const url = new URL(database.url);
    url.password = 'hunter2-is-wrong';
    await using replica = Replica.start({ DATABASE_URL: url.href });
    expect(await replica.exited).not.toBe(0);
    const printed = `${JSON.stringify(replica.lines)}\n${replica.noise.join('\n')}`;
    expect(printed).toMatch(/password/i);
    expect(printed).not.toContain('hunter2-is-wrong');
  });
});
