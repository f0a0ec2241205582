import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource, TypeOrmModule } from '@nestjs/typeorm';
import { JobContext, JobHandler, SchedulerModule, SchedulerService } from 'nestjs-vigil';
import { createDatabase, recordEvents } from 'nestjs-vigil-testing';
import { DataSource } from 'typeorm';
import { beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';

import { deferred, initialise } from './support.js';

describe('With TypeOrmModule and no option at all', () => {
  let url: string;
  beforeAll(async () => {
    const database = await createDatabase(inject('postgresUrl'));
    url = database.url;
    return database.drop;
  });

  const imports = () => [TypeOrmModule.forRoot({ type: 'postgres', url, retryAttempts: 0 }), SchedulerModule.forRoot()];

  it("adds a job in the caller's transaction: it is there after the commit, and not after a rollback", async () => {
    @Injectable()
    class Reminders {
      @JobHandler('remind')
      remind(context: JobContext<{ user: string }>): string {
        return context.data.user;
      }
    }
    const app = await initialise({ scheduler: null, imports: imports(), providers: [Reminders] });
    const scheduler = app.get(SchedulerService, { strict: false });
    using events = recordEvents(scheduler, ['execution.succeeded']);
    const dataSource = app.get(DataSource, { strict: false });
    const add = async (id: string, fails: boolean): Promise<void> =>
      await dataSource.transaction(async (manager) => {
        await scheduler.addJob({ id, handler: [Reminders, 'remind'], data: { user: id } }, { manager });
        if (fails) throw new Error('sign-up failed');
      });
    await expect(add('undone', true)).rejects.toThrow('sign-up failed');
    await add('done', false);

    const { execution } = await events.waitFor('execution.succeeded');
    expect(execution).toMatchObject({ jobId: 'done', result: 'done' });
    expect(await scheduler.getJob('undone')).toBeNull();
  });

  it('takes calls before it starts, on a database that has no tables yet', async () => {
    const database = await createDatabase(inject('postgresUrl'));
    onTestFinished(database.drop);
    @Injectable()
    class Early implements OnModuleInit {
      constructor(private readonly scheduler: SchedulerService) {}
      async onModuleInit(): Promise<void> {
        await this.scheduler.addJob({ id: 'early', handler: 'elsewhere', every: '1h' });
      }
    }
    const own = SchedulerModule.forRoot({ connection: { url: database.url } });
    const app = await initialise({ scheduler: null, imports: [own], providers: [Early] });

    expect(await app.get(SchedulerService, { strict: false }).getJob('early')).not.toBeNull();
    await app.close();
  });

  it("lets a run that uses the application's data source end before TypeORM closes it", async () => {
    const started = deferred();
    const end = deferred();
    @Injectable()
    class Slow {
      constructor(@InjectDataSource() private readonly dataSource: DataSource) {}
      @JobHandler('slow')
      async run(): Promise<unknown> {
        started.resolve();
        await end.promise;
        return await this.dataSource.query('SELECT 1 AS one');
      }
    }
    const app = await initialise({ scheduler: null, imports: imports(), providers: [Slow] });
    const scheduler = app.get(SchedulerService, { strict: false });
    using events = recordEvents(scheduler, ['execution.succeeded', 'execution.failed', 'scheduler.state']);
    await scheduler.addJob({ handler: 'slow' });
    await started.promise;
    const closing = app.close();
    await events.waitFor('scheduler.state', ({ to }) => to === 'draining');
    end.resolve();
    await closing;

    expect(await events.waitFor('execution.succeeded')).toMatchObject({ execution: { result: [{ one: 1 }] } });
    expect(app.get(DataSource, { strict: false }).isInitialized).toBe(false);
  });
});
