import { Injectable, type INestApplicationContext, type Provider } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  ScheduledJob,
  SchedulerModule,
  SchedulerService,
  type ExecutionInfo,
  type SchedulerEvents,
  type SchedulerModuleOptions,
  type TransactionalJobContext,
} from 'nestjs-vigil';
import { createDatabase, recordEvents, type EventRecorder, type TestDatabase } from 'nestjs-vigil-testing';
import { Column, DataSource, Entity, PrimaryGeneratedColumn, type DataSourceOptions } from 'typeorm';
import { afterAll, beforeAll, inject, onTestFinished } from 'vitest';

import { sql } from '../store/typeorm-store.support.js';
import { initialise } from './support.js';

export const NEVER = '0 0 0 1 1 *';
const ENDED = [
  'execution.succeeded',
  'execution.failed',
  'execution.timed-out',
  'execution.cancelled',
  'execution.released',
  'execution.taken-over',
] as const;

@Entity('payment')
export class PaymentEntity {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'text' })
  note!: string;
}

export interface ShopOptions {
  url: string;
  work: (context: TransactionalJobContext) => unknown;
  /** Of the job. */
  job?: object;
  scheduler?: SchedulerModuleOptions;
  dataSource?: Partial<Extract<DataSourceOptions, { type: 'postgres' }>> & { manualInitialization?: boolean };
  providers?: Provider[];
}
export interface Shop {
  app: INestApplicationContext;
  scheduler: SchedulerService;
  dataSource: DataSource;
  events: EventRecorder<SchedulerEvents>;
  jobId: string;
  /** Asks for a run; resolves with its id. */
  run(): Promise<string>;
  /** Asks for a run, and resolves when it is over, with its row. */
  runAndEnd(): Promise<ExecutionInfo>;
  ended(executionId: string): Promise<ExecutionInfo>;
  payments(): Promise<string[]>;
}

let shops = 0;

/** An application with TypeORM, whose one job is transactional. */
async function shop({ url, work, job, scheduler = {}, dataSource, providers = [] }: ShopOptions): Promise<Shop> {
  const jobId = `charge-${(shops += 1)}`;
  const options = { type: 'postgres' as const, url, retryAttempts: 0, entities: [PaymentEntity], ...dataSource };
  await sql(
    'CREATE TABLE IF NOT EXISTS payment (id serial PRIMARY KEY, note text NOT NULL); TRUNCATE payment',
    [],
    url,
  );
  const app = await initialise({
    scheduler: null,
    imports: [TypeOrmModule.forRoot(options), SchedulerModule.forRoot(scheduler)],
    providers: [charging(jobId, work, job), ...providers],
  });
  const service = app.get(SchedulerService, { strict: false });
  const events = recordEvents<SchedulerEvents>(service, [...ENDED, 'execution.started', 'scheduler.state']);
  onTestFinished(() => events.stop());
  const ended = async (id: string): Promise<ExecutionInfo> => {
    const isIt = ({ execution }: { execution: ExecutionInfo }) => execution.id === id;
    const isLast = (event: SchedulerEvents['execution.failed']) => isIt(event) && event.retryAt === null;
    const waits = ENDED.map((name) =>
      name === 'execution.failed' ? events.waitFor(name, isLast) : events.waitFor(name, isIt),
    );
    await Promise.any(waits);
    for (const wait of waits) wait.catch(() => {});
    return (await service.getExecution(id))!;
  };
  const run = async (): Promise<string> => (await service.runJob(jobId)).id;
  return {
    app,
    scheduler: service,
    dataSource: app.get(DataSource, { strict: false }),
    events,
    jobId,
    run,
    runAndEnd: async () => await ended(await run()),
    ended,
    payments: async () => (await sql('SELECT note FROM payment ORDER BY id', [], url)).map(({ note }) => String(note)),
  };
}

export function charging(id: string, work: ShopOptions['work'], job: object = {}): Provider {
  @Injectable()
  class Charging {
    run(context: TransactionalJobContext): unknown {
      return work(context);
    }
  }
  const decorate = ScheduledJob as unknown as (options: object) => MethodDecorator;
  const descriptor = Object.getOwnPropertyDescriptor(Charging.prototype, 'run')!;
  decorate({ id, cron: NEVER, transactional: true, ...job })(Charging.prototype, 'run', descriptor);
  return Charging;
}

export async function pay({ manager }: TransactionalJobContext, note = 'paid'): Promise<void> {
  await manager.save(PaymentEntity, { note });
}

/** A database for the tests of a file, and shops on it. */
export function ownDatabase() {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase(inject('postgresUrl'));
  });
  afterAll(() => database.drop());
  return {
    get url(): string {
      return database.url;
    },
    shop: (options: Omit<ShopOptions, 'url'>): Promise<Shop> => shop({ url: database.url, ...options }),
  };
}
