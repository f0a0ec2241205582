import { createDatabase, FlakyProxy, startPostgres } from 'nestjs-vigil-testing';
import { describe, expect, inject, it } from 'vitest';

import { JobStoreUnavailableError } from 'nestjs-vigil';
import { moreRuns, startApplication, tickerProviders } from './support/application.js';
import { CLEAN, createRunTable, judge } from './support/ledger.js';

/** With default settings: the user tunes nothing. */
describe('Nothing waits on the database for ever:', () => {
  it.each(['existing', 'all'] as const)('%s connections go silent, and the jobs go on', async (which) => {
    await using database = await createDatabase(inject('postgresUrl'));
    await createRunTable(database.url);
    await using proxy = await FlakyProxy.start({ target: database.url });
    await using application = await startApplication({ connection: { url: proxy.url } }, tickerProviders(database.url));
    await moreRuns(application, 2);
    proxy.silence(which);
    const from = application.events.events.length;
    if (which === 'all') {
      await application.events.waitFor('scheduler.state', ({ to }) => to === 'disconnected', { from });
      proxy.heal();
    }
    await moreRuns(application, 2);
    expect(await judge(database.url, 'tick')).toMatchObject(CLEAN);
    expect(application.scheduler.state).toBe('running');
  });

  it('a call to a frozen server rejects and says that nothing or nobody knows what was written', async () => {
    await using server = await startPostgres({ settings: { fsync: 'off' } });
    await createRunTable(server.url);
    await using application = await startApplication(
      { connection: { url: server.url }, callTimeoutMs: 500 },
      tickerProviders(server.url),
    );
    await moreRuns(application, 1);
    await server.freeze();
    const call = application.scheduler.addJob({ id: 'late', handler: 'Ticker.tick', in: '1h' });
    await expect(call).rejects.toBeInstanceOf(JobStoreUnavailableError);
    await expect(call).rejects.toMatchObject({ outcome: expect.stringMatching(/^(not-written|unknown)$/) as string });
    await server.thaw();
    await moreRuns(application, 2);
    expect(await judge(server.url, 'tick')).toMatchObject(CLEAN);
  });
});
