import { Injectable } from '@nestjs/common';
import { JobContext, ScheduledJob } from 'nestjs-vigil';
import { createDatabase, FlakyProxy } from 'nestjs-vigil-testing';
import { describe, expect, inject, it } from 'vitest';

import { moreRuns, startApplication, tickerProviders } from './support/application.js';
import { CLEAN, createRunTable, judge, query } from './support/ledger.js';

describe('Recorded before it is run, advanced only with the record:', () => {
  it('a handler that starts finds its record and its job advanced, committed', async () => {
    const url = inject('postgresUrl');
    await using database = await createDatabase(url);
    const found: object[] = [];
    @Injectable()
    class Witness {
      @ScheduledJob('* * * * * *', { id: 'witness' })
      async look(context: JobContext): Promise<void> {
        const sql = `SELECT e.status, e.lease_epoch, j.next_run_at > e.scheduled_at AS advanced, j.last_instant = e.scheduled_at AS decided
          FROM scheduler.job_execution e JOIN scheduler.job j ON j.uid = e.job_uid WHERE e.id = $1`;
        found.push(...(await query(database.url, sql, [context.executionId])));
      }
    }
    await using application = await startApplication({ connection: { url: database.url } }, [Witness]);
    await moreRuns(application, 3, 'witness');
    const committed = { status: 'running', lease_epoch: 1, advanced: true, decided: true };
    expect(found.slice(0, 3)).toEqual([committed, committed, committed]);
  });

  it('an error anywhere before the commit leaves the job due and starts nothing', async () => {
    await using database = await createDatabase(inject('postgresUrl'));
    await createRunTable(database.url);
    await using proxy = await FlakyProxy.start({ target: database.url });
    await using application = await startApplication({ connection: { url: proxy.url } }, tickerProviders(database.url));
    await moreRuns(application, 1);
    let atFailure: Promise<object[]> | undefined;
    application.scheduler.on('scheduler.failure', ({ service }) => {
      if (service !== 'loop') return;
      const sql = `SELECT j.next_run_at <= now() AS due, (SELECT count(*) FROM run r WHERE r.scheduled_at >= j.next_run_at)::int AS ran
        FROM scheduler.job j WHERE j.id = 'tick'`;
      atFailure ??= query(database.url, sql);
    });
    await proxy.cutOnce({ match: /WITH recorded AS/, side: 'after' });
    await moreRuns(application, 2);
    expect(await atFailure).toEqual([{ due: true, ran: 0 }]);
    expect(await judge(database.url, 'tick')).toMatchObject(CLEAN);
  });
});
