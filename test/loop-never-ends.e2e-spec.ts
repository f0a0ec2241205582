import { createDatabase, FlakyProxy } from 'nestjs-vigil-testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { moreRuns, startApplication, tickerProviders, type Application } from './support/application.js';
import { CLEAN, createRunTable, judge, query } from './support/ledger.js';

const STATEMENTS: [string, RegExp][] = [
  ['reads the next due instant', /least\(due\.at, waiting\.at/],
  ['begins a transaction', /^BEGIN/],
  ['locks what is due', /d\.wake_at <= now\(\)/],
  ['counts what is active', /AS queued/],
  ['records, advances and claims', /WITH recorded AS/],
  ['commits', /^COMMIT/],
  ['completes a run', /WITH v AS \(SELECT \* FROM unnest/],
];

describe('The loop never ends while the application is up:', () => {
  let database: Awaited<ReturnType<typeof createDatabase>>;
  let proxy: FlakyProxy;
  let application: Application;

  beforeAll(async () => {
    database = await createDatabase(inject('postgresUrl'));
    await createRunTable(database.url);
    proxy = await FlakyProxy.start({ target: database.url });
    application = await startApplication({ connection: { url: proxy.url } }, tickerProviders(database.url));
    await moreRuns(application, 2);
  });
  afterAll(async () => {
    await application.app.close();
    await proxy.close();
    await database.drop();
  });

  for (const [what, match] of STATEMENTS) {
    for (const side of ['before', 'after'] as const) {
      const when = side === 'before' ? 'before the server has it' : 'after the server has executed it';
      it(`the connection breaks in the statement that ${what}, ${when}`, async () => {
        await proxy.cutOnce({ match, side });
        await moreRuns(application, 2);
        expect(await judge(database.url, 'tick')).toMatchObject(CLEAN);
      });
    }
  }

  it('a job that is finished is finished once, although the answer to its last commit is lost', async () => {
    const { scheduler } = application;
    const before = application.events.events.length;
    await scheduler.addJob({ id: 'once', handler: 'Ticker.tick', in: '1s' });
    await proxy.cutOnce({ match: /^COMMIT/, side: 'after' });
    await application.events.waitFor('execution.succeeded', ({ execution }) => execution.jobId === 'once', {
      from: before,
    });
    expect(await scheduler.getJob('once')).toMatchObject({ state: 'finished', runCount: 1 });
    expect((await scheduler.getExecutions({ jobId: 'once' })).items).toHaveLength(1);
  });

  it('another process deletes the row of a job that is due', async () => {
    await application.scheduler.addJob({ id: 'gone', handler: 'Ticker.tick', every: '1s' });
    await moreRuns(application, 1, 'gone');
    await query(database.url, `DELETE FROM scheduler.job WHERE id = 'gone'`);
    await moreRuns(application, 3);
    expect(await judge(database.url, 'tick')).toMatchObject(CLEAN);
  });

  it('the server ends every connection five times a second', async () => {
    for (let turn = 0; turn < 10; turn += 1) {
      await query(
        database.url,
        `SELECT pg_terminate_backend(pid), pg_sleep(0.2) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'vigil' LIMIT 3`,
      );
    }
    await moreRuns(application, 3);
    expect(await judge(database.url, 'tick')).toMatchObject(CLEAN);
  });

  it('a logger and a listener that throw change nothing', async () => {
    const { scheduler, logger } = application;
    const off = scheduler.on('scheduler.failure', () => {
      throw new Error('the listener');
    });
    const { warn, error, log } = logger;
    const angry = (): never => {
      throw new Error('the logger');
    };
    Object.assign(logger, { warn: angry, error: angry, log: angry });
    proxy.reset();
    await moreRuns(application, 2);
    Object.assign(logger, { warn, error, log });
    off();
    expect(await judge(database.url, 'tick')).toMatchObject(CLEAN);
  });

  it('nothing was doubled in all of that, and no handler ran twice', async () => {
    const verdict = await judge(database.url, 'tick');
    expect(verdict).toMatchObject(CLEAN);
    expect(verdict.runs).toBe(verdict.statuses['succeeded']);
  });
});
