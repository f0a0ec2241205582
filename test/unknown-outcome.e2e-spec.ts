import { createDatabase, FlakyProxy } from 'nestjs-vigil-testing';
import { describe, expect, inject, it } from 'vitest';

import { moreRuns, startApplication, tickerProviders } from './support/application.js';
import { CLEAN, createRunTable, judge } from './support/ledger.js';

describe('An unknown outcome is resolved, not guessed:', () => {
  it('every fire runs once although the answer to its commit is lost, three times in a row', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await createRunTable(database.url);
    await using proxy = await FlakyProxy.start({ target: database.url });
    await using application = await startApplication({ connection: { url: proxy.url } }, tickerProviders(database.url));
    await moreRuns(application, 1);
    for (let turn = 0; turn < 3; turn += 1) await proxy.cutOnce({ match: /^COMMIT/, side: 'after' });
    await moreRuns(application, 3);
    await application.app.close();
    const verdict = await judge(database.url, 'tick');
    expect(verdict).toMatchObject(CLEAN);
    expect(Object.keys(verdict.statuses).filter((status) => status !== 'missed')).toEqual(['succeeded']);
  });

  it('a run whose completion was written and not answered is not reported again, nor run again', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await createRunTable(database.url);
    await using proxy = await FlakyProxy.start({ target: database.url });
    await using application = await startApplication({ connection: { url: proxy.url } }, tickerProviders(database.url));
    await moreRuns(application, 1);
    const cut = await proxy.cutOnce({ match: /WITH v AS \(SELECT \* FROM unnest/, side: 'after' });
    expect(cut).toContain('UPDATE');
    await moreRuns(application, 2);
    const verdict = await judge(database.url, 'tick');
    expect(verdict).toMatchObject(CLEAN);
    expect(application.events.names).not.toContain('execution.failed');
  });

  it.each([
    ['before', 'not-written', /INSERT INTO "scheduler"\."job"/],
    ['after', 'unknown', /^COMMIT/],
  ] as const)(
    'a public call whose connection breaks %s the server has its commit says "%s"',
    async (side, outcome, match) => {
      await using database = await createDatabase(inject('postgresUrl'));
      await using proxy = await FlakyProxy.start({ target: database.url });
      await using application = await startApplication(
        { connection: { url: proxy.url } },
        tickerProvidersIdle(database.url),
      );
      const cut = proxy.cutOnce({ match, side });
      const call = application.scheduler.addJob({ id: 'mine', handler: 'Ticker.tick', in: '1h' });
      await expect(call).rejects.toMatchObject({ name: 'JobStoreUnavailableError', outcome });
      await cut;
      const job = await application.scheduler.getJob('mine');
      expect(job === null).toBe(outcome === 'not-written');
    },
  );
});

/** The same handler; nothing is due, so that only the call's own statements are on the wire. */
function tickerProvidersIdle(url: string) {
  return tickerProviders(url, '0 0 0 1 1 *');
}
