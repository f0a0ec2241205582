import { Injectable, type INestApplicationContext, type LoggerService, type Provider } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  JobContext,
  ScheduledJob,
  SchedulerModule,
  SchedulerService,
  type SchedulerEvents,
  type SchedulerModuleOptions,
} from 'nestjs-vigil';
import { recordEvents, type EventRecorder } from 'nestjs-vigil-testing';
import pg from 'pg';

/** Everything that was logged, so that a test can look for what must (not) be there. */
export class RecordingLogger implements LoggerService {
  readonly lines: string[] = [];
  log = (...parts: unknown[]): void => this.#add('log', parts);
  warn = (...parts: unknown[]): void => this.#add('warn', parts);
  error = (...parts: unknown[]): void => this.#add('error', parts);
  debug = (...parts: unknown[]): void => this.#add('debug', parts);
  verbose = (...parts: unknown[]): void => this.#add('verbose', parts);
  fatal = (...parts: unknown[]): void => this.#add('fatal', parts);
  get text(): string {
    return this.lines.join('\n');
  }
  #add(level: string, parts: unknown[]): void {
    this.lines.push(`${level} ${parts.map(String).join(' ')}`);
  }
}

const NAMES: readonly (keyof SchedulerEvents)[] = [
  'execution.started',
  'execution.succeeded',
  'execution.failed',
  'execution.missed',
  'execution.skipped',
  'job.quarantined',
  'scheduler.state',
  'scheduler.failure',
];

export interface Application extends AsyncDisposable {
  app: INestApplicationContext;
  scheduler: SchedulerService;
  events: EventRecorder<SchedulerEvents>;
  logger: RecordingLogger;
}

/** A real application; what it logs is kept, not printed. */
export async function startApplication(
  options: SchedulerModuleOptions,
  providers: Provider[] = [],
): Promise<Application> {
  class AppModule {}
  const logger = new RecordingLogger();
  const app = await NestFactory.createApplicationContext(
    { module: AppModule, imports: [SchedulerModule.forRoot({ autoStart: false, ...options })], providers },
    { logger, abortOnError: false },
  );
  const scheduler = app.get(SchedulerService);
  const events = recordEvents<SchedulerEvents>(scheduler, NAMES);
  if (options.autoStart !== false) await scheduler.start();
  return { app, scheduler, events, logger, [Symbol.asyncDispose]: () => app.close() };
}

/** A job that fires each second, or as `cron` says, and writes each run into the table `run`, over connections of its own. */
export function tickerProviders(url: string, cron = '* * * * * *'): Provider[] {
  @Injectable()
  class Ticker {
    private readonly runs = new pg.Pool({ connectionString: url, max: 1 }).on('error', () => {});

    @ScheduledJob(cron, { id: 'tick', maxInstances: 20 })
    async tick(context: JobContext): Promise<void> {
      await this.runs.query('INSERT INTO run (execution_id, job_id, scheduled_at) VALUES ($1, $2, $3)', [
        context.executionId,
        context.jobId,
        context.scheduledAt,
      ]);
    }

    async onApplicationShutdown(): Promise<void> {
      await this.runs.end();
    }
  }
  return [Ticker];
}

/** Resolves after `count` more runs of `jobId` have succeeded. */
export async function moreRuns({ events }: Application, count: number, jobId = 'tick'): Promise<void> {
  let seen = 0;
  await events.waitFor('execution.succeeded', ({ execution }) => execution.jobId === jobId && (seen += 1) >= count, {
    from: events.events.length,
    timeoutMs: 60_000,
  });
}
