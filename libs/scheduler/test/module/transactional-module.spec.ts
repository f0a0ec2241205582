import { AsyncLocalStorage } from 'node:async_hooks';

import { Inject, Injectable, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import {
  InvalidJobError,
  JobContext,
  JobHandler,
  MemoryJobStore,
  ScheduledJob,
  SchedulerModule,
  SchedulerOptionsError,
  SchedulerService,
  TransactionalJobContext,
  getSchedulerToken,
} from 'nestjs-vigil';
import { createDatabase, recordEvents, type TestDatabase } from 'nestjs-vigil-testing';
import { DataSource } from 'typeorm';
import { describe, expect, inject, it, onTestFinished } from 'vitest';

import { sql } from '../store/typeorm-store.support.js';
import { boot, deferred, initialise, resultOf } from './support.js';
import { charging, NEVER, ownDatabase, pay, PaymentEntity } from './transactional.support.js';

const database = ownDatabase();
const { shop } = database;

async function another(): Promise<TestDatabase> {
  const elsewhere = await createDatabase(inject('postgresUrl'));
  onTestFinished(elsewhere.drop);
  return elsewhere;
}

describe('A job with transactional: true', () => {
  it('has an executor and a timeout of its own, which every layer may change', async () => {
    const { scheduler, jobId, app } = await shop({ work: () => {} });
    expect((await scheduler.getJob(jobId))?.settings).toMatchObject({ executor: 'transactional', timeoutMs: 60_000 });
    await app.close();
    const other = await shop({
      work: () => {},
      job: { executor: 'reports', timeoutMs: 1_000 },
      scheduler: { executors: { reports: { concurrency: 1 } } },
    });
    const job = await other.scheduler.getJob(other.jobId);
    expect(job?.settings).toMatchObject({ executor: 'reports', timeoutMs: 1_000 });
  });

  it('may be added at run time, for a @JobHandler', async () => {
    @Injectable()
    class Charges {
      @JobHandler({ key: 'charge', transactional: true })
      async charge(context: TransactionalJobContext<{ note: string }>): Promise<void> {
        await context.manager.insert(PaymentEntity, { note: context.data.note });
      }
    }
    const { scheduler, events, payments } = await shop({ work: () => {}, providers: [Charges] });
    const { id, settings } = await scheduler.addJob({ handler: [Charges, 'charge'], data: { note: 'added' } });
    expect(settings).toMatchObject({ executor: 'transactional', timeoutMs: 60_000 });
    await events.waitFor('execution.succeeded', ({ execution }) => execution.jobId === id);
    expect(await payments()).toEqual(['added']);
  });

  it('has a timeout also when it was added where nobody knew its handler', async () => {
    const { scheduler, jobId, events } = await shop({
      work: async ({ manager }) => await manager.query(`SELECT current_setting('statement_timeout') AS bound`),
    });
    await sql('UPDATE scheduler.job SET timeout_ms = NULL WHERE id = $1', [jobId], database.url);
    await scheduler.runJob(jobId);
    const { execution } = await events.waitFor('execution.succeeded');
    expect(execution.result).toEqual([{ bound: '1min' }]);
  });

  it('inherits it from the @JobHandler on its method', async () => {
    @Injectable()
    class Both {
      @ScheduledJob({ id: 'both', cron: NEVER })
      @JobHandler({ key: 'both', transactional: true })
      run(context: JobContext & { manager?: unknown }): boolean {
        return context.manager !== undefined;
      }
    }
    const { scheduler, events } = await shop({ work: () => {}, providers: [Both] });
    await scheduler.runJob('both');
    expect((await events.waitFor('execution.succeeded')).execution.result).toBe(true);
  });

  it.each([
    ['@ScheduledJob', ScheduledJob, { id: 'x', cron: NEVER, transactional: 'yes' }],
    ['@JobHandler', JobHandler, { key: 'x', transactional: 1 }],
  ] as const)('fails the boot when %s says something else than true or false', async (where, decorator, options) => {
    class Wrong {
      run(): void {}
    }
    const decorate = decorator as unknown as (options: object) => MethodDecorator;
    decorate(options)(Wrong.prototype, 'run', Object.getOwnPropertyDescriptor(Wrong.prototype, 'run')!);
    const booting = boot({ providers: [Wrong] });
    await expect(booting).rejects.toThrow(InvalidJobError);
    await expect(booting).rejects.toThrow(new RegExp(`${where}.*transactional is .*Write true or false`));
  });
});

describe('The data source of transactional handlers', () => {
  it('is missing: the boot fails, unless the process runs no jobs', async () => {
    const providers = [charging('charge', () => {})];
    const own = (more: object) =>
      initialise({
        scheduler: null,
        imports: [SchedulerModule.forRoot({ connection: { url: database.url }, ...more })],
        providers,
      });
    await expect(own({})).rejects.toThrow(SchedulerOptionsError);
    await expect(own({})).rejects.toThrow(/Charging\.run is transactional.*Import TypeOrmModule/);
    await own({ runJobs: false });
  });

  it('is on another database: the boot fails', async () => {
    const elsewhere = await another();
    const booting = shop({ work: () => {}, scheduler: { connection: { url: elsewhere.url } } });
    await expect(booting).rejects.toThrow(/data source works on another database than the scheduler/);
  });

  it('is not initialized: the run fails with that, and a later one finds it initialized', async () => {
    const { dataSource, runAndEnd, payments } = await shop({ work: pay, dataSource: { manualInitialization: true } });
    const { status, error } = await runAndEnd();
    expect(status).toBe('failed');
    expect(error?.message).toMatch(/not initialized: call its initialize/);
    await dataSource.initialize();
    expect(await runAndEnd()).toMatchObject({ status: 'succeeded' });
    expect(await payments()).toEqual(['paid']);
  });

  it('is of each scheduler its own', async () => {
    const elsewhere = await another();
    await sql('CREATE TABLE payment (id serial PRIMARY KEY, note text NOT NULL)', [], elsewhere.url);
    const billing = { name: 'billing', type: 'postgres' as const, url: elsewhere.url, entities: [PaymentEntity] };
    @Injectable()
    class Charges {
      @ScheduledJob({ id: 'billing', cron: NEVER, transactional: true, scheduler: 'billing' })
      async run(context: TransactionalJobContext): Promise<void> {
        await pay(context, 'elsewhere');
      }
    }
    const options = { type: 'postgres' as const, url: database.url, entities: [PaymentEntity] };
    const app = await initialise({
      scheduler: null,
      imports: [
        TypeOrmModule.forRoot(options),
        TypeOrmModule.forRoot(billing),
        SchedulerModule.forRoot(),
        SchedulerModule.forRoot({ name: 'billing', dataSource: getDataSourceToken('billing') }),
      ],
      providers: [Charges],
    });
    const scheduler = app.get<SchedulerService>(getSchedulerToken('billing'), { strict: false });
    using events = recordEvents(scheduler, ['execution.succeeded', 'execution.failed']);
    await scheduler.runJob('billing');
    await events.waitFor('execution.succeeded');
    expect(await sql('SELECT note FROM payment', [], elsewhere.url)).toEqual([{ note: 'elsewhere' }]);
  });
});

describe('With a memory store', () => {
  const memory = () => ({ store: new MemoryJobStore() });

  it('there is a transaction all the same: committed when the handler returns, and the run recorded after it', async () => {
    let isPoor = true;
    const { runAndEnd, payments } = await shop({
      scheduler: memory(),
      work: async (context) => {
        await pay(context);
        if (isPoor) throw new Error('no credit');
      },
    });
    expect(await runAndEnd()).toMatchObject({ status: 'failed', error: { message: 'no credit' } });
    expect(await payments()).toEqual([]);
    isPoor = false;
    expect(await runAndEnd()).toMatchObject({ status: 'succeeded' });
    expect(await payments()).toEqual(['paid']);
  });

  it('and no data source the application boots, and only such a run fails, with what is missing', async () => {
    const { scheduler } = await boot({ providers: [charging('charge', () => {})] });
    using events = recordEvents(scheduler, ['execution.failed']);
    await scheduler.runJob('charge');
    const { execution } = await events.waitFor('execution.failed');
    expect(execution.error?.message).toMatch(/needs a data source of the application.*Import TypeOrmModule/);
  });
});

describe('Around a transactional handler', () => {
  it('aroundJob is in the transaction: it has the manager, and what it throws rolls back', async () => {
    const current = new AsyncLocalStorage<TransactionalJobContext<unknown>>();
    let isVetoed = true;
    const { runAndEnd, payments } = await shop({
      scheduler: {
        aroundJob: async (context, run) => {
          const own = context as TransactionalJobContext<unknown>;
          const value = await current.run(own, run);
          await own.manager.insert(PaymentEntity, { note: 'audit' });
          if (isVetoed) throw new Error('vetoed');
          return value;
        },
      },
      // what a repository does that finds its manager by itself
      work: async () => void (await current.getStore()!.manager.insert(PaymentEntity, { note: 'paid' })),
    });
    expect(await runAndEnd()).toMatchObject({ status: 'failed', error: { message: 'vetoed' } });
    expect(await payments()).toEqual([]);
    isVetoed = false;
    expect(await runAndEnd()).toMatchObject({ status: 'succeeded' });
    expect(await payments()).toEqual(['paid', 'audit']);
  });

  it('a request-scoped provider finds the manager in its REQUEST', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Payments {
      constructor(@Inject(REQUEST) private readonly context: TransactionalJobContext) {}
      @ScheduledJob({ id: 'scoped', cron: NEVER, transactional: true })
      async run(context: TransactionalJobContext): Promise<boolean> {
        await pay(this.context, 'scoped');
        return context === this.context;
      }
    }
    const booted = await shop({ work: () => {}, providers: [Payments] });
    expect(await resultOf(booted, 'scoped')).toBe(true);
    expect(await booted.payments()).toEqual(['scoped']);
  });
});

describe("The application's connections", () => {
  it('are half its own, however many runs are due, and a handler may use a second one', async () => {
    const full = deferred();
    const end = deferred();
    let atWork = 0;
    let most = 0;
    const { run, ended, dataSource } = await shop({
      dataSource: { poolSize: 4 },
      job: { maxInstances: 10 },
      work: async () => {
        most = Math.max(most, (atWork += 1));
        if (atWork === 2) full.resolve();
        await end.promise;
        await dataSource.query('SELECT pg_sleep(0.05)');
        atWork -= 1;
      },
    });
    const ids = [await run(), await run(), await run(), await run()];
    await full.promise;
    expect(await dataSource.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    end.resolve();
    const statuses = (await Promise.all(ids.map(ended))).map(({ status }) => status);
    expect(statuses).toEqual(['succeeded', 'succeeded', 'succeeded', 'succeeded']);
    expect(most).toBe(2);
  });

  it('are not taken from it by jobs in another executor either: these wait for their turn', async () => {
    const end = deferred();
    let atWork = 0;
    let most = 0;
    const { run, ended, events } = await shop({
      dataSource: { poolSize: 2 },
      scheduler: { executors: { wide: { concurrency: 5 } } },
      job: { maxInstances: 10, executor: 'wide' },
      work: async () => {
        most = Math.max(most, (atWork += 1));
        await end.promise;
        atWork -= 1;
      },
    });
    const ids = [await run(), await run(), await run()];
    for (const id of ids) await events.waitFor('execution.started', ({ execution }) => execution.id === id);
    end.resolve();
    const statuses = (await Promise.all(ids.map(ended))).map(({ status }) => status);
    expect(statuses).toEqual(['succeeded', 'succeeded', 'succeeded']);
    expect(most).toBe(1);
  });

  it('must be twice what the executor is told to use', async () => {
    const booting = shop({
      work: () => {},
      dataSource: { poolSize: 6 },
      scheduler: { executors: { transactional: { concurrency: 4 } } },
    });
    await expect(booting).rejects.toThrow(SchedulerOptionsError);
    await expect(booting).rejects.toThrow(/executors\.transactional\.concurrency is 4.*Write at most 3/);
  });

  it('are initialized by the application, and are there after the scheduler has stopped', async () => {
    const { app, runAndEnd } = await shop({ work: pay });
    await runAndEnd();
    const dataSource = app.get(DataSource, { strict: false });
    await app.get(SchedulerService, { strict: false }).shutdown();
    expect(await dataSource.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});
