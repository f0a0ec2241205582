import { Injectable, type Provider } from '@nestjs/common';
import { ScheduledJob, TransactionalJobContext } from 'nestjs-vigil';
import { createDatabase, FlakyProxy, type TestDatabase } from 'nestjs-vigil-testing';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { startApplication, type Application } from './support/application.js';
import { CLEAN, createRunTable, judge, query } from './support/ledger.js';
import { Replica } from './support/replicas.js';

describe('What a transactional handler writes is there exactly once', () => {
  describe.each([
    ['INSERT INTO run', /^INSERT INTO run/],
    ['the statement that completes the run', /WITH v AS \(SELECT \* FROM unnest/],
    ['COMMIT', /^COMMIT/],
    ['START TRANSACTION', /^START TRANSACTION/],
  ])('when the connection is cut at %s', (name, match) => {
    it.each(['before', 'after'] as const)('%s the server has it', async (side) => {
      const before = (await runs()).length;
      const cut = proxy.cutOnce({ match, side });
      const { id } = await application.scheduler.runJob('charge');
      await cut;
      await application.events.waitFor('execution.succeeded', ({ execution }) => execution.id === id);

      const isCommitted = name === 'COMMIT' && side === 'after';
      const execution = await application.scheduler.getExecution(id);
      expect(execution).toMatchObject({ status: 'succeeded', attempt: isCommitted ? 1 : 2, result: 'charged' });
      expect(execution?.attempts).toHaveLength(isCommitted ? 0 : 1);
      expect((await runs()).slice(before)).toEqual([{ execution_id: id }]);
      const told = application.events.events.filter(
        ({ name: event, payload }) =>
          event.startsWith('execution.') && (payload as { execution: { id: string } }).execution.id === id,
      );
      const failed = ['execution.started', 'execution.failed'];
      expect(told.map(({ name: event }) => event)).toEqual([
        ...(isCommitted ? [] : failed),
        'execution.started',
        'execution.succeeded',
      ]);
      const succeeded = told.at(-1)?.payload as { execution: object };
      expect(succeeded.execution).toMatchObject({ result: 'charged', error: null });
    });
  });

  let database: TestDatabase;
  let proxy: FlakyProxy;
  let dataSource: DataSource;
  let application: Application;
  const runs = () => query<{ execution_id: string }>(database.url, 'SELECT execution_id FROM run ORDER BY ctid');

  beforeAll(async () => {
    database = await createDatabase(inject('postgresUrl'));
    await createRunTable(database.url);
    proxy = await FlakyProxy.start({ target: database.url });
    dataSource = await new DataSource({ type: 'postgres', url: proxy.url, poolErrorHandler: () => {} }).initialize();
    application = await startApplication({ connection: { url: database.url }, dataSource }, [charging()]);
  });
  afterAll(async () => {
    await application[Symbol.asyncDispose]();
    await dataSource.destroy();
    await proxy.close();
    await database.drop();
  });
});

function charging(): Provider {
  @Injectable()
  class Charging {
    @ScheduledJob({
      id: 'charge',
      cron: '0 0 0 1 1 *',
      transactional: true,
      retry: { maxAttempts: 3, backoff: { kind: 'fixed', delayMs: 0, jitter: false } },
    })
    async charge({ manager, executionId, jobId }: TransactionalJobContext): Promise<string> {
      await manager.query('INSERT INTO run (execution_id, job_id) VALUES ($1, $2)', [executionId, jobId]);
      return 'charged';
    }
  }
  return Charging;
}

describe('A process that is frozen in the middle of a transactional handler, declared dead, and thaws', () => {
  const LEASE_MS = 1_500;

  it.each([
    ['before the server has ended its transaction', 60_000],
    ['after the server has ended it, so that its locks hold up the other node no longer', 4_000],
  ])(
    '%s: the other node runs the job, and the writes of one of the two are there',
    async (_, timeoutMs) => {
      await using database = await createDatabase(inject('postgresUrl'));
      await createRunTable(database.url);
      await query(database.url, 'CREATE TABLE account (charges int); INSERT INTO account VALUES (0)');
      // what waits for the frozen one's lock is bounded by the server in the second case only
      if (timeoutMs > 30_000) await query(database.url, 'DELETE FROM account');
      const environment = {
        DATABASE_URL: database.url,
        TIMEOUT_MS: String(timeoutMs),
        OPTIONS: JSON.stringify({ leaseMs: LEASE_MS }),
      };
      await using frozen = Replica.start({ ...environment, HOLD: '1' }, { script });
      await using other = Replica.start(environment, { script });
      const { holding } = await frozen.waitFor(({ holding }) => holding !== undefined, 'the run that is held');
      await other.waitFor(({ state }) => state === 'running', 'running');
      frozen.process.kill('SIGSTOP');
      await other.waitFor(({ succeeded }) => succeeded === holding, 'the same run on the other node');
      frozen.process.kill('SIGCONT');
      frozen.process.stdin!.write('go\n');
      await frozen.waitFor(({ takenOver }) => takenOver === holding, 'taken over');
      expect(await Promise.all([frozen.stop(), other.stop()])).toEqual([0, 0]);

      const verdict = await judge(database.url, 'charge');
      expect(verdict).toMatchObject(CLEAN);
      expect(verdict.runs).toBe(verdict.statuses.succeeded);
      const [execution] = await query(
        database.url,
        'SELECT status, crashes, lease_epoch FROM scheduler.job_execution WHERE id = $1',
        [holding],
      );
      expect(execution).toMatchObject({ status: 'succeeded', crashes: 1 });
      const [account] = await query<{ charges: number }>(database.url, 'SELECT charges FROM account');
      if (account !== undefined) expect(account.charges).toBe(verdict.runs);
      expect([...frozen.lines, ...other.lines].filter((line) => 'unhandled' in line || 'uncaught' in line)).toEqual([]);
    },
    90_000,
  );

  const script = new URL('support/transactional.mjs', import.meta.url);
});
