// Type tests of the module and the service. Each @ts-expect-error is a promise.
import { Injectable, Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { getDataSourceToken } from '@nestjs/typeorm';
import {
  InjectScheduler,
  JobContext,
  JobHandler,
  MemoryJobStore,
  OnSchedulerEvent,
  SchedulerModule,
  SchedulerService,
  type SchedulerEvents,
} from 'nestjs-vigil';
import type { EntityManager } from 'typeorm';

interface Remind {
  userId: string;
  tags?: string[];
}
@Injectable()
export class ReminderService {
  static nothing = 1;
  readonly field = 3;
  constructor(private readonly x: ConfigService) {}
  @JobHandler('remind') async remind(context: JobContext<Remind>): Promise<void> {
    void context;
    void this.x;
  }
  @JobHandler() async noData(): Promise<void> {}
  @JobHandler({ key: 'ctx', retry: { maxAttempts: 3 } }) async ctx(context: JobContext): Promise<void> {
    void context;
  }
  @JobHandler() async optional(context: JobContext<Remind | undefined>): Promise<void> {
    void context;
  }
  @JobHandler() async optionalParam(context?: JobContext<Remind>): Promise<void> {
    void context;
  }
  async dated(context: JobContext<{ when: Date }>): Promise<void> {
    void context;
  }
  async notAHandler(a: string, b: number): Promise<void> {
    void a;
    void b;
  }
  async alsoNot(a: string): Promise<void> {
    void a;
  }
}
@Injectable()
export class Use {
  constructor(
    private readonly scheduler: SchedulerService,
    @InjectScheduler('billing') readonly billing: SchedulerService,
  ) {}
  @OnSchedulerEvent('execution.failed') failed(event: SchedulerEvents['execution.failed']): void {
    void event.retryAt;
  }
  async ok(manager: EntityManager, user: { id: string }) {
    const s = this.scheduler;
    await s.addJob({ handler: [ReminderService, 'remind'], in: '3d', data: { userId: user.id } }, { manager });
    await s.addJob(
      {
        id: `remind-${user.id}`,
        handler: [ReminderService, 'remind'],
        cron: '0 9 * * *',
        timeZone: 'Europe/Paris',
        data: { userId: user.id },
      },
      { manager, onConflict: 'replace' },
    );
    await s.addJob({ handler: [ReminderService, 'noData'] });
    await s.addJob({ handler: [ReminderService, 'ctx'], at: new Date() });
    await s.addJob({ handler: [ReminderService, 'ctx'], every: '1h', maxRuns: 3 });
    await s.addJob({ handler: [ReminderService, 'optional'] });
    await s.addJob({ handler: [ReminderService, 'optionalParam'], data: { userId: 'u' } });
    await s.addJob({ handler: 'remind', data: { anything: 1 } });
    await s.addJobs(
      [ReminderService, 'remind'],
      [
        { data: { userId: 'a' }, in: '1h' },
        { data: { userId: 'b' }, in: '2h' },
      ],
    );
    await s.addJobs([ReminderService, 'noData'], [{ id: 'x', every: '1h' }, {}], { manager, onConflict: 'keep' });
    await s.modifyJob('x', { cron: '* * * * *', timeZone: 'UTC' });
    await s.modifyJob('x', { timeoutMs: 3 });
    await s.modifyJob('x', { endAt: new Date(0), maxRuns: 3, data: { any: 1 } }, { manager });
    await s.modifyJob('x', { misfire: 'skip' }, { by: 'anna' });
    await s.modifyJob('x', { timeoutMs: null, maxRuns: null, every: '1h' });
    const exported = await s.exportJobs();
    await s.importJobs({ ...exported, jobs: exported.jobs.slice(0, 10_000) }, { onConflict: 'keep', by: 'anna' });
    const { runs, because } = await s.explain('x');
    void (runs ? '' : because.join(' '));
    await s.getJobs({ orphaned: true });
    const { submitted } = await s.backfill('x', new Date(0), new Date(1), { manager, batchId: 'b', by: 'anna' });
    void submitted.toFixed();
    void (await s.getJob('x'))?.missedCount.toFixed();
    await s.pause();
    await s.pause({ scope: 'node', reason: 'a heap dump', by: 'anna' });
    await s.resume({ catchUp: true, manager });
    s.on('execution.failed', ({ execution }) => execution.error?.message);
    s.on('scheduler.state', ({ to, downMs }) => `${to} ${downMs}`);
    s.on('execution.missed', ({ execution }) => execution.id);
  }
  async wrong() {
    const s = this.scheduler;
    // @ts-expect-error no data
    await s.addJob({ handler: [ReminderService, 'remind'], in: '3d' });
    // @ts-expect-error wrong type
    await s.addJob({ handler: [ReminderService, 'remind'], data: { userId: 3 } });
    // @ts-expect-error surplus property
    await s.addJob({ handler: [ReminderService, 'remind'], data: { userId: 'a', userid: 'b' } });
    // @ts-expect-error data for a method without data
    await s.addJob({ handler: [ReminderService, 'noData'], data: { a: 1 } });
    // @ts-expect-error data for a context without data
    await s.addJob({ handler: [ReminderService, 'ctx'], data: { a: 1 } });
    // @ts-expect-error no such method
    await s.addJob({ handler: [ReminderService, 'remindd'], data: { userId: 'a' } });
    // @ts-expect-error not a handler
    await s.addJob({ handler: [ReminderService, 'notAHandler'] });
    // @ts-expect-error not a handler
    await s.addJob({ handler: [ReminderService, 'alsoNot'] });
    // @ts-expect-error a field
    await s.addJob({ handler: [ReminderService, 'field'] });
    // @ts-expect-error Date would arrive as a string
    await s.addJob({ handler: [ReminderService, 'dated'], data: { when: new Date() } });
    // @ts-expect-error at xor in
    await s.addJob({ handler: [ReminderService, 'ctx'], at: new Date(), in: '3d' });
    // @ts-expect-error cron xor at
    await s.addJob({ handler: [ReminderService, 'ctx'], at: new Date(), cron: '* * * * *' });
    // @ts-expect-error maxRuns of a one-off
    await s.addJob({ handler: [ReminderService, 'ctx'], in: '1h', maxRuns: 3 });
    // @ts-expect-error event
    s.on('execution.faild', () => {});
    // @ts-expect-error wrong data in bulk
    await s.addJobs([ReminderService, 'remind'], [{ data: { user: 'a' }, in: '1h' }]);
    // @ts-expect-error no data in bulk
    await s.addJobs([ReminderService, 'remind'], [{ in: '1h' }]);
    // @ts-expect-error two schedules
    await s.modifyJob('x', { cron: '* * * * *', every: '1h' });
    // @ts-expect-error a zone without an expression
    await s.modifyJob('x', { timeZone: 'UTC' });
    // @ts-expect-error an instant: write trigger: at('…')
    await s.modifyJob('x', { at: new Date(0) });
    // @ts-expect-error a job has a priority
    await s.modifyJob('x', { priority: null });
    // @ts-expect-error the handler stays
    await s.modifyJob('x', { handler: 'remind' });
    // @ts-expect-error unknown option of a call
    await s.resumeJob('x', { catchup: true });
    // @ts-expect-error unknown scope
    await s.pause({ scope: 'world' });
    // @ts-expect-error a pause has nothing to catch up on
    await s.pause({ catchUp: true });
    // @ts-expect-error instants are Dates
    await s.backfill('x', '2026-01-01', '2026-01-02');
    // @ts-expect-error a time has an end
    await s.backfill('x', new Date(0));
    // @ts-expect-error unknown state
    await s.getJobs({ state: 'asleep' });
  }
}
@Module({
  imports: [
    SchedulerModule.forRoot(),
    SchedulerModule.forRoot({ name: 'billing', schema: 'billing_jobs', dataSource: getDataSourceToken('billing') }),
    SchedulerModule.forRoot({ pool: 'shared' }),
    SchedulerModule.forRoot({ connection: { url: 'x' }, pool: 5, autoStart: process.env.NODE_ENV !== 'test' }),
    SchedulerModule.forRoot({ store: new MemoryJobStore(), autoStart: false }),
    SchedulerModule.forRootAsync({
      imports: [ConfigModule],
      inject: [ConfigService],
      useFactory: (c: ConfigService) => ({
        timeZone: c.getOrThrow('TZ'),
        connection: { url: c.getOrThrow('DATABASE_URL') },
      }),
    }),
  ],
})
export class App {}
export function wrongOptions(): void {
  // @ts-expect-error synchronize
  SchedulerModule.forRoot({ connection: { url: 'x', synchronize: true } });
  // @ts-expect-error store xor connection
  SchedulerModule.forRoot({ connection: { url: 'x' }, store: new MemoryJobStore() });
  // @ts-expect-error own connection, shared pool
  SchedulerModule.forRoot({ connection: { url: 'x' }, pool: 'shared' });
  // @ts-expect-error a setting of one job
  SchedulerModule.forRoot({ defaults: { priority: 1 } });
}
