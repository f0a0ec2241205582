import { createDatabase } from 'nestjs-vigil-testing';
import { describe, expect, inject, it } from 'vitest';

import { moreRuns, startApplication, tickerProviders } from '../support/application.js';
import { createRunTable } from '../support/ledger.js';
import { HAS_PGBOUNCER, startPgBouncer } from './support/pgbouncer.js';
import { scenario } from './support/scenario.js';

describe.skipIf(!HAS_PGBOUNCER)('Through PgBouncer in transaction mode (Debian: apt install pgbouncer)', () => {
  scenario('connections are reset behind a pooler', {}, async (stage) => {
    const pooler = stage.own(await startPgBouncer(stage.proxy.url));
    await stage.boot({ name: 'first', url: pooler.url });
    await stage.boot({ name: 'second', url: pooler.url });
    await stage.warmUp();
    for (let turn = 0; turn < 5; turn += 1) {
      stage.proxy.reset();
      await stage.recoveryFrom(performance.now());
    }
  });

  it('a job that another process adds runs at once, although nothing is ever heard', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await using pooler = await startPgBouncer(database.url);
    await using deaf = await startApplication(
      { connection: { url: pooler.url } },
      tickerProviders(database.url, NEVER),
    );
    await createRunTable(database.url);
    await deaf.events.waitFor('scheduler.failure', ({ error }) => error.name === 'NotificationsUnheardError');
    expect(deaf.scheduler.health()).toMatchObject({ state: 'degraded', ready: true });
    await using other = await startApplication({ connection: { url: database.url }, runJobs: false });
    await other.scheduler.addJob({ id: 'now', handler: 'Ticker.tick', in: '1ms' });
    await moreRuns(deaf, 1, 'now');
  }, 20_000);
});

const NEVER = '0 0 0 1 1 *';
