import { describe, expect, it } from 'vitest';

import { sql } from '../store/typeorm-store.support.js';
import { deferred } from './support.js';
import { ownDatabase, pay, PaymentEntity } from './transactional.support.js';

const RETRY = { retry: { maxAttempts: 2, backoff: { kind: 'fixed', delayMs: 0, jitter: false } } };

const database = ownDatabase();
const { shop } = database;
const aPromise = () => deferred<void>();

describe('A transactional handler', () => {
  it('commits what it writes and the end of its run in one transaction', async () => {
    const written = aPromise();
    const end = aPromise();
    const { run, ended, payments, scheduler } = await shop({
      work: async (context) => {
        await pay(context);
        context.progress(0.5, 'half');
        written.resolve();
        await end.promise;
        return { paid: 1 };
      },
    });
    const id = await run();
    await written.promise;
    expect(await payments()).toEqual([]);
    expect(await scheduler.getExecution(id)).toMatchObject({ status: 'running' });
    end.resolve();

    const execution = await ended(id);
    expect(execution).toMatchObject({ status: 'succeeded', result: { paid: 1 }, attempt: 1, error: null });
    expect(execution.progress).toEqual({ fraction: 0.5, message: 'half' });
    expect(await payments()).toEqual(['paid']);
    const [row] = await sql('SELECT duration_ms, owner FROM scheduler.job_execution WHERE id = $1', [id], database.url);
    expect(row).toEqual({ duration_ms: expect.any(Number) as number, owner: null });
  });

  it('that throws leaves nothing behind, and its next attempt begins from there', async () => {
    const { runAndEnd, payments, scheduler } = await shop({
      job: RETRY,
      work: async (context) => {
        await pay(context, `attempt ${context.attempt}`);
        if (context.attempt === 1) throw new Error('no credit');
      },
    });
    const { id } = await runAndEnd();
    expect(await scheduler.getExecution(id)).toMatchObject({
      status: 'succeeded',
      attempt: 2,
      attempts: [{ attempt: 1, error: 'no credit' }],
    });
    expect(await payments()).toEqual(['attempt 2']);
  });

  it('fails for good when its attempts are over, and a success counts the failures of its job from zero', async () => {
    let isPoor = true;
    const { runAndEnd, payments, jobId } = await shop({
      work: async (context) => {
        await pay(context);
        if (isPoor) throw new Error('no credit');
      },
    });
    const failures = async () =>
      (await sql('SELECT consecutive_failures AS n FROM scheduler.job WHERE id = $1', [jobId], database.url))[0]?.n;
    expect(await runAndEnd()).toMatchObject({ status: 'failed', error: { message: 'no credit' } });
    expect(await failures()).toBe(1);
    isPoor = false;
    expect(await runAndEnd()).toMatchObject({ status: 'succeeded' });
    expect(await failures()).toBe(0);
    expect(await payments()).toEqual(['paid']);
  });

  it('takes calls of the scheduler into its transaction', async () => {
    const { runAndEnd, scheduler, jobId } = await shop({
      job: RETRY,
      work: async ({ manager, attempt }) => {
        await scheduler.addJob({ id: `${jobId}-${attempt}`, handler: 'elsewhere', in: '1h' }, { manager });
        if (attempt === 1) throw new Error('not yet');
      },
    });
    expect(await runAndEnd()).toMatchObject({ status: 'succeeded' });
    expect(await scheduler.getJob(`${jobId}-1`)).toBeNull();
    expect(await scheduler.getJob(`${jobId}-2`)).not.toBeNull();
  });

  it('can roll a part of it back alone', async () => {
    const { runAndEnd, payments } = await shop({
      work: async (context) => {
        await pay(context, 'kept');
        const part = context.manager.transaction(async (manager) => {
          await manager.insert(PaymentEntity, { note: 'undone' });
          throw new Error('this part only');
        });
        await part.catch(() => {});
        await context.manager.transaction((manager) => manager.insert(PaymentEntity, { note: 'nested' }));
      },
    });
    expect(await runAndEnd()).toMatchObject({ status: 'succeeded' });
    expect(await payments()).toEqual(['kept', 'nested']);
  });
});

describe('Nothing is recorded as succeeded that was rolled back:', () => {
  it('a handler that goes on after a failed statement fails, and says what to do', async () => {
    const { runAndEnd, payments } = await shop({
      work: async (context) => {
        await pay(context);
        await context.manager.query('SELECT no_such_column').catch(() => {});
      },
    });
    const { status, error } = await runAndEnd();
    expect(status).toBe('failed');
    expect(error?.message).toMatch(
      /the handler went on.*Let the error be thrown, or put what may fail into manager\.transaction/,
    );
    expect(await payments()).toEqual([]);
  });

  it('a constraint that fails at the commit fails the run', async () => {
    await sql(
      `CREATE TABLE IF NOT EXISTS account (id int PRIMARY KEY, other int REFERENCES account DEFERRABLE INITIALLY DEFERRED)`,
      [],
      database.url,
    );
    const { runAndEnd, payments } = await shop({
      work: async (context) => {
        await pay(context);
        await context.manager.query('INSERT INTO account VALUES (1, 2)');
      },
    });
    const { status, error, result } = await runAndEnd();
    expect({ status, result, message: error?.message }).toEqual({
      status: 'failed',
      result: null,
      message: expect.stringContaining('violates foreign key constraint') as string,
    });
    expect(await payments()).toEqual([]);
  });

  it('a run that was taken over meanwhile is rolled back, and reported', async () => {
    const { run, events, payments, scheduler } = await shop({
      work: async (context) => {
        await pay(context);
        await takeOver(context.executionId);
      },
    });
    const id = await run();
    await events.waitFor('execution.taken-over', ({ execution }) => execution.id === id);
    expect(await payments()).toEqual([]);
    expect(await scheduler.getExecution(id)).toMatchObject({ status: 'pending', result: null });
  });

  /** As a rescuer does. */
  const takeOver = (id: string) =>
    sql(
      `UPDATE scheduler.job_execution SET status = 'pending', owner = NULL, lease_epoch = lease_epoch + 1,
         available_at = now() + interval '1 hour' WHERE id = $1`,
      [id],
      database.url,
    );

  it.each([
    ['COMMIT', ['before']],
    ['ROLLBACK', []],
    ['COMMIT; BEGIN', ['before']],
  ])('a handler that sends %s by hand fails, once, and says why', async (statement, left) => {
    const { runAndEnd, payments } = await shop({
      job: RETRY,
      work: async (context) => {
        await pay(context, 'before');
        await context.manager.query(statement);
      },
    });
    const { status, attempt, error } = await runAndEnd();
    expect({ status, attempt }).toEqual({ status: 'failed', attempt: 1 });
    expect(error?.message).toMatch(/ended its transaction by hand.*Return to commit, throw to roll back/);
    expect(await payments()).toEqual(left);
  });

  it('committing with the query runner is refused', async () => {
    const { runAndEnd, payments } = await shop({
      work: async (context) => {
        await pay(context);
        await context.manager.queryRunner!.commitTransaction();
      },
    });
    const { status, error } = await runAndEnd();
    expect(status).toBe('failed');
    expect(error?.message).toMatch(/committed by the scheduler/);
    expect(await payments()).toEqual([]);
  });

  it('what a handler left behind is refused from the moment it has settled, while its transaction is still open', async () => {
    const late = aPromise();
    const refused = deferred<unknown>();
    const { runAndEnd, payments, dataSource } = await shop({
      work: async (context) => {
        await pay(context);
        const insert = () => context.manager.insert(PaymentEntity, { note: 'late' });
        void late.promise.then(insert).then(refused.resolve, refused.resolve);
        // it is not the handler's to give away
        await context.manager.queryRunner!.release();
      },
    });
    const beforeTransactionCommit = async (): Promise<void> => {
      late.resolve();
      await refused.promise;
    };
    dataSource.subscribers.push({ beforeTransactionCommit });
    expect(await runAndEnd()).toMatchObject({ status: 'succeeded' });
    expect(await refused.promise).toMatchObject({ message: expect.stringContaining('released') as string });
    expect(await payments()).toEqual(['paid']);
  });

  it('subscribers of the application hear of its transactions as of others, and one that fails after the commit changes nothing', async () => {
    const heard: string[] = [];
    const { runAndEnd, payments, dataSource } = await shop({
      work: async (context) => {
        await pay(context);
        if (context.attempt === 1) throw new Error('no credit');
      },
      job: RETRY,
    });
    const hears = (what: string) => (): void => void heard.push(what);
    dataSource.subscribers.push({
      afterTransactionStart: hears('start'),
      afterTransactionRollback: hears('rollback'),
      beforeTransactionCommit: hears('commit'),
      afterTransactionCommit: () => {
        heard.push('committed');
        throw new Error('a subscriber that fails');
      },
    });
    expect(await runAndEnd()).toMatchObject({ status: 'succeeded' });
    expect(heard).toEqual(['start', 'rollback', 'start', 'commit', 'committed']);
    expect(await payments()).toEqual(['paid']);
  });

  it('what a handler did not wait for is committed with it, or refused', async () => {
    const { runAndEnd, payments } = await shop({
      work: (context) => {
        void pay(context, 'not awaited').catch(() => {});
      },
    });
    const { status } = await runAndEnd();
    expect(status).toBe('succeeded');
    expect((await payments()).every((note) => note === 'not awaited')).toBe(true);
  });
});
