// Type tests: what compiles and what must not. Each @ts-expect-error is a promise.
import { Injectable } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { JobContext, JobHandler, ScheduledJob, TransactionalJobContext, type Trigger } from 'nestjs-vigil';

@Injectable()
export class ReportService {
  @ScheduledJob('*/3 * * * * *')
  noParam(): void {}

  @ScheduledJob('0 30 7 * * 1-5', { timeZone: 'Europe/Paris', retry: { maxAttempts: 3 } })
  async ctx(context: JobContext): Promise<void> {
    void context;
  }

  @ScheduledJob({ every: '15m', data: { region: 'eu' } })
  async withData(context: JobContext<{ region: string }>): Promise<number> {
    return context.data.region.length;
  }

  @ScheduledJob({ cron: '@daily', transactional: true })
  async tx(context: TransactionalJobContext): Promise<void> {
    await context.manager.query('select 1');
  }

  @ScheduledJob('@daily', { transactional: true, data: { n: 1 } })
  async txWithData(context: TransactionalJobContext<{ n: number }>): Promise<void> {
    await context.manager.query('select $1', [context.data.n]);
  }

  @ScheduledJob({ cron: '@daily', transactional: true })
  async needsNoManager(context: JobContext): Promise<void> {
    void context;
  }

  @JobHandler({ key: 'charge', transactional: true })
  async handler(context: TransactionalJobContext<{ amount: number }>): Promise<void> {
    void context;
  }

  @ScheduledJob({
    inject: [ConfigService],
    useFactory: (config) => ({ cron: config.getOrThrow<string>('CRON'), disabled: config.get('OFF') === '1' }),
  })
  async configured(): Promise<void> {}

  @ScheduledJob({
    inject: [ConfigService, 'REGION'],
    useFactory: async (config, region: string) => ({ cron: config.getOrThrow<string>('CRON'), data: { region } }),
  })
  async configuredData(context: JobContext<{ region: string }>): Promise<void> {
    void context;
  }

  @ScheduledJob({ id: 'eu', cron: '0 6 * * *', data: { region: 'eu' } })
  @ScheduledJob({ id: 'us', cron: '0 12 * * *', data: { region: 'us' } })
  async twice(context: JobContext<{ region: 'eu' | 'us' }>): Promise<void> {
    void context;
  }

  @ScheduledJob({ cron: '0 12 * * *', data: { ids: ['a', 'b'], nested: { flag: true } } })
  async arrays(context: JobContext<{ ids: string[]; nested: { flag: boolean; note?: string } }>): Promise<void> {
    void context;
  }

  @ScheduledJob({ cron: '0 12 * * *' })
  async optionalData(context: JobContext<{ a: string } | undefined>): Promise<void> {
    void context;
  }

  @ScheduledJob({ cron: '0 12 * * *' })
  protected async hidden(context: JobContext): Promise<void> {
    void context;
  }

  @ScheduledJob('0 12 * * *', { data: { n: 3 }, disabled: process.env['X'] === '1', overlap: 'queue-one' })
  // @ts-expect-error nobody calls it but the scheduler
  private async short(context: JobContext<{ n: number }>): Promise<void> {
    void context;
  }
}
declare const trigger: Trigger;

class Wrong {
  // @ts-expect-error no trigger
  @ScheduledJob({ timeZone: 'UTC' })
  a(): void {}
  // @ts-expect-error two triggers
  @ScheduledJob({ cron: '* * * * *', every: '1m' })
  b(): void {}
  // @ts-expect-error number without unit
  @ScheduledJob({ every: 30 })
  c(): void {}
  // @ts-expect-error zone on an interval
  @ScheduledJob({ every: '1h', timeZone: 'UTC' })
  d(): void {}
  // @ts-expect-error missing data
  @ScheduledJob({ cron: '* * * * *' })
  e(context: JobContext<{ n: number }>): void {
    void context;
  }
  // @ts-expect-error wrong data
  @ScheduledJob({ cron: '* * * * *', data: { n: 'x' } })
  f(context: JobContext<{ n: number }>): void {
    void context;
  }
  // @ts-expect-error part of the data (bivariance would let it pass)
  @ScheduledJob({ cron: '* * * * *', data: { n: 1 } })
  g(context: JobContext<{ n: number; m: string }>): void {
    void context;
  }
  // @ts-expect-error two parameters
  @ScheduledJob({ cron: '* * * * *' })
  h(a: string, b: string): void {
    void a;
    void b;
  }
  // @ts-expect-error not a context
  @ScheduledJob({ cron: '* * * * *' })
  i(a: string): void {
    void a;
  }
  // @ts-expect-error manager without transactional
  @ScheduledJob({ cron: '* * * * *' })
  j(context: TransactionalJobContext): void {
    void context;
  }
  // @ts-expect-error manager with transactional: false
  @ScheduledJob('* * * * *', { transactional: false })
  jj(context: TransactionalJobContext): void {
    void context;
  }
  // @ts-expect-error manager without transactional
  @JobHandler('charge')
  handler(context: TransactionalJobContext): void {
    void context;
  }
  // @ts-expect-error trigger xor cron
  @ScheduledJob({ trigger, cron: '* * * * *' })
  k(): void {}
  // @ts-expect-error Date in data
  @ScheduledJob({ cron: '* * * * *', data: { when: new Date() } })
  l(context: JobContext<{ when: Date }>): void {
    void context;
  }
  // @ts-expect-error unknown option
  @ScheduledJob({ cron: '* * * * *', timezone: 'UTC' })
  n(): void {}
}
void Wrong;

class Injected {
  @ScheduledJob({
    inject: [ConfigService],
    transactional: true,
    useFactory: (config) => ({ cron: config.getOrThrow<string>('C'), data: { n: 1 } }),
  })
  async tx(context: TransactionalJobContext<{ n: number }>): Promise<void> {
    void context;
  }
  // @ts-expect-error wrong data from the factory
  @ScheduledJob({ inject: [ConfigService], useFactory: () => ({ cron: '* * * * *', data: { n: 'x' } }) })
  async wrong(context: JobContext<{ n: number }>): Promise<void> {
    void context;
  }
  // @ts-expect-error no schedule from the factory
  @ScheduledJob({ inject: [ConfigService], useFactory: () => ({ priority: 1 }) })
  async none(): Promise<void> {}
  // @ts-expect-error `at` is for addJob
  @ScheduledJob({ at: new Date() })
  async at(): Promise<void> {}
}
void Injected;
