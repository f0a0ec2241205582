import { createDatabase } from 'nestjs-vigil-testing';
import { expect, inject, it } from 'vitest';

import { moreRuns, startApplication, tickerProviders } from './support/application.js';
import { createRunTable, judge, query } from './support/ledger.js';

/** The server's clock, turned by hand: functions that are found before those of `pg_catalog`. */
const TURNED_CLOCK = `
  CREATE SCHEMA turned;
  CREATE TABLE turned.clock (by interval NOT NULL);
  INSERT INTO turned.clock VALUES ('0');
  CREATE FUNCTION turned.now() RETURNS timestamptz STABLE LANGUAGE sql
    AS 'SELECT pg_catalog.now() + by FROM turned.clock';
  CREATE FUNCTION turned.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql
    AS 'SELECT pg_catalog.clock_timestamp() + by FROM turned.clock';`;

it('Time is one thing: a step of the database clock delays or advances fires and repeats none', async () => {
  await using database = await createDatabase(inject('postgresUrl'));
  await createRunTable(database.url);
  await query(database.url, TURNED_CLOCK);
  const extra = { options: '-c search_path=turned,pg_catalog,public' };
  await using application = await startApplication(
    { connection: { url: database.url, extra } },
    tickerProviders(database.url),
  );
  const { scheduler } = application;
  const turn = async (by: string): Promise<void> => {
    await query(database.url, 'UPDATE turned.clock SET by = $1', [by]);
    // whatever wakes the loop makes it ask the clock again
    await scheduler.addJob({ handler: 'Ticker.tick', in: '1h' });
  };
  await moreRuns(application, 3);
  await turn('1 hour');
  await moreRuns(application, 3);
  await turn('-1 hour');
  await scheduler.runJob('tick');
  await moreRuns(application, 1);
  await turn('2 hours');
  await moreRuns(application, 3);

  const verdict = await judge(database.url, 'tick');
  expect(verdict).toMatchObject({ missing: [], doubled: [], ranTwice: [] });
  const { items } = await scheduler.getExecutions({ jobId: 'tick', status: 'missed' });
  expect(items.map(({ instantCount }) => instantCount)).toEqual([1_001, 1_001]);
});
