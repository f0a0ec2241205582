import { describe, expect, it } from 'vitest';

import { sql } from '../store/typeorm-store.support.js';
import { deferred } from './support.js';
import { ownDatabase, pay } from './transactional.support.js';

const database = ownDatabase();
const { shop } = database;
const aPromise = () => deferred<void>();

describe('A signal', () => {
  it.each([
    ['cancelled', {}],
    ['timed-out', { timeoutMs: 300 }],
  ] as const)('rolls back what a handler wrote that returned although it was %s', async (status, job) => {
    const started = aPromise();
    const { run, ended, payments, scheduler } = await shop({
      job,
      work: async (context) => {
        await pay(context);
        started.resolve();
        await aborted(context.signal);
        return 'done all the same';
      },
    });
    const id = await run();
    await started.promise;
    if (status === 'cancelled') await scheduler.cancelExecution(id, { reason: 'not today' });
    expect(await ended(id)).toMatchObject({ status, result: null });
    expect(await payments()).toEqual([]);
  });

  it.each([
    ['returns', 'succeeded', ['paid']],
    ['throws', 'pending', []],
  ] as const)('of a shutdown commits a handler that %s as %s', async (how, status, left) => {
    const started = aPromise();
    const { run, ended, payments, app } = await shop({
      scheduler: { shutdownTimeoutMs: 1_000 },
      work: async (context) => {
        await pay(context);
        started.resolve();
        await aborted(context.signal);
        if (how === 'throws') throw context.signal.reason;
      },
    });
    const id = await run();
    await started.promise;
    await Promise.all([app.close(), ended(id).catch(() => null)]);
    const [{ status: recorded } = { status: null }] = await sql(
      'SELECT status FROM scheduler.job_execution WHERE id = $1',
      [id],
      database.url,
    );
    expect(recorded).toBe(status);
    expect(await payments()).toEqual(left);
  });

  const aborted = (signal: AbortSignal) =>
    new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
});

describe('Bounds on the server:', () => {
  it('a statement, and a silence, of a handler may last as long as its run; locks are as the application has them', async () => {
    const { runAndEnd } = await shop({
      job: { timeoutMs: 7_000 },
      dataSource: { isolationLevel: 'SERIALIZABLE', extra: { options: '-c lock_timeout=1234' } },
      work: async ({ manager }) => {
        const names = [
          'statement_timeout',
          'idle_in_transaction_session_timeout',
          'lock_timeout',
          'transaction_isolation',
        ];
        const settings = names.map((name) => `current_setting('${name}') AS ${name}`);
        return ((await manager.query(`SELECT ${settings.join(', ')}`)) as unknown[])[0];
      },
    });
    expect((await runAndEnd()).result).toEqual({
      statement_timeout: '7s',
      idle_in_transaction_session_timeout: '7s',
      lock_timeout: '1234ms',
      transaction_isolation: 'read committed',
    });
  });

  it('a handler that stands still loses its locks when its time is over, while it is still waited for', async () => {
    const held = aPromise();
    const end = aPromise();
    await sql(`CREATE TABLE IF NOT EXISTS stock (id int PRIMARY KEY)`, [], database.url);
    await sql(`INSERT INTO stock VALUES (1) ON CONFLICT DO NOTHING`, [], database.url);
    const { run, ended } = await shop({
      job: { timeoutMs: 500 },
      work: async ({ manager }) => {
        await manager.query('SELECT * FROM stock FOR UPDATE');
        held.resolve();
        await end.promise;
      },
    });
    const id = await run();
    await held.promise;
    await sql(`SET lock_timeout = '3s'; SELECT * FROM stock FOR UPDATE`, [], database.url);
    end.resolve();
    expect(await ended(id)).toMatchObject({ status: 'timed-out' });
  });

  it('a handler that never settles is given up, its transaction too, and the pool is whole again', async () => {
    const { runAndEnd, payments, dataSource } = await shop({
      job: { timeoutMs: 200 },
      dataSource: { poolSize: 2 },
      work: async (context) => {
        await pay(context);
        await new Promise(() => {});
      },
    });
    expect(await runAndEnd()).toMatchObject({ status: 'timed-out' });
    expect(await payments()).toEqual([]);
    const both = await Promise.all([1, 2].map((n) => dataSource.query(`SELECT pg_sleep(0.1), ${n} AS n`)));
    expect(both).toMatchObject([[{ n: 1 }], [{ n: 2 }]]);
  }, 30_000);
});
