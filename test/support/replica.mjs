// A replica of its own process, in plain JavaScript, on the built library. Prints one line of JSON for each thing that
// happens. Settings come in the environment: DATABASE_URL, JOBS (how many), CRON, OPTIONS (JSON for forRoot).
import 'reflect-metadata';
import { Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduledJob, SchedulerModule, SchedulerService } from 'nestjs-vigil';
import pg from 'pg';

const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const { DATABASE_URL, RUNS_URL = DATABASE_URL, JOBS = '1', CRON = '* * * * * *', OPTIONS = '{}' } = process.env;

process.on('unhandledRejection', (error) => tell({ unhandled: String(error) }));
process.on('uncaughtException', (error) => tell({ uncaught: String(error) }));

// what the handlers really did, in a table of their own that no outage of the scheduler's connections touches
const runs = new pg.Pool({ connectionString: RUNS_URL, max: 2 });
runs.on('error', () => {});

class Ticker {
  async tick(context) {
    await runs.query('INSERT INTO run (execution_id, job_id, scheduled_at, pid) VALUES ($1, $2, $3, $4)', [
      context.executionId,
      context.jobId,
      context.scheduledAt,
      process.pid,
    ]);
    tell({ ran: context.jobId, at: context.scheduledAt });
  }
}
Injectable()(Ticker);
for (let index = 0; index < Number(JOBS); index += 1) {
  ScheduledJob(CRON, { id: `job-${index}`, maxInstances: 5 })(
    Ticker.prototype,
    'tick',
    Object.getOwnPropertyDescriptor(Ticker.prototype, 'tick'),
  );
}

class AppModule {}
Module({
  imports: [SchedulerModule.forRoot({ connection: { url: DATABASE_URL }, ...JSON.parse(OPTIONS) })],
  providers: [Ticker],
})(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: new Logger(), abortOnError: false }).catch(
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
app.enableShutdownHooks();
const scheduler = app.get(SchedulerService);
scheduler.on('scheduler.state', ({ from, to, downMs }) => tell({ state: to, from, downMs }));
tell({ booted: true, state: scheduler.state });
process.stdin.on('data', (line) => {
  if (String(line).trim() === 'stop')
    void app
      .close()
      .then(() => runs.end())
      .then(() => process.exit(0));
});
// whoever started it is gone
process.stdin.on('end', () => process.exit(1));
