import { createDatabase } from 'nestjs-vigil-testing';
import { describe, expect, inject, it } from 'vitest';

import { moreRuns, startApplication, tickerProviders } from './support/application.js';
import { CLEAN, createRunTable, judge, query } from './support/ledger.js';

/** What a hand or a bug may do to a row; the constraints of the table refuse the rest. */
const CORRUPTIONS = [
  `trigger = '{}'`,
  `trigger = '"every day"'`,
  `trigger = 'null'`,
  `trigger = NULL`,
  `trigger = '{"kind": "cron", "expression": "61 * * * *", "timeZone": "UTC"}'`,
  `trigger = '{"kind": "cron", "expression": "* * * * *", "timeZone": "Mars/Olympus"}'`,
  `trigger = '{"kind": "every", "every": "-3s"}'`,
];

describe('No error deletes a job:', () => {
  it.each(CORRUPTIONS)(
    'a row with %s is quarantined with the reason, the others go on, and it can be resumed',
    async (change) => {
      await using database = await createDatabase(inject('postgresUrl'));
      await createRunTable(database.url);
      await using application = await startApplication(
        { connection: { url: database.url } },
        tickerProviders(database.url),
      );
      const { scheduler, events } = application;
      await scheduler.addJob({ id: 'broken', handler: 'Ticker.tick', every: '1s' });
      const [row] = await query<{ trigger: object }>(
        database.url,
        `SELECT trigger FROM scheduler.job WHERE id = 'broken'`,
      );
      await query(database.url, `UPDATE scheduler.job SET ${change} WHERE id = 'broken'`);
      const { job } = await events.waitFor('job.quarantined');
      expect(job).toMatchObject({ id: 'broken', state: 'quarantined' });
      expect(job.reason).toMatch(/resumeJob\("broken"\)/);
      expect(await scheduler.getJob('broken')).toMatchObject({ state: 'quarantined' });
      await moreRuns(application, 2);
      expect(await judge(database.url, 'tick')).toMatchObject(CLEAN);

      await query(database.url, `UPDATE scheduler.job SET trigger = $1 WHERE id = 'broken'`, [row?.trigger]);
      expect(await scheduler.resumeJob('broken')).toMatchObject({ state: 'active' });
      await moreRuns(application, 1, 'broken');
    },
  );

  it('a job whose handler this node does not have is left for a node that has it', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await createRunTable(database.url);
    await using application = await startApplication(
      { connection: { url: database.url } },
      tickerProviders(database.url),
    );
    const { scheduler } = application;
    await scheduler.addJob({ id: 'foreign', handler: 'Ticker.tick', every: '1s' });
    const change = `handler = 'Elsewhere.run', capability = 'Elsewhere.run@default'`;
    await query(database.url, `UPDATE scheduler.job SET ${change} WHERE id = 'foreign'`);
    await moreRuns(application, 3);
    expect(await scheduler.getJob('foreign')).toMatchObject({ state: 'active', handler: 'Elsewhere.run' });
    const back = `handler = 'Ticker.tick', capability = 'Ticker.tick@default'`;
    await query(database.url, `UPDATE scheduler.job SET ${back} WHERE id = 'foreign'`);
    await moreRuns(application, 1, 'foreign');
    expect(await judge(database.url, 'tick')).toMatchObject(CLEAN);
  });
});
