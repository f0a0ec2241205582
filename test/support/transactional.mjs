// A replica whose one job is transactional, in plain JavaScript, on the built library: each run writes a line into the table
// `run` and adds one to `account`. Prints one line of JSON for each thing that happens. Settings come in the environment:
// DATABASE_URL, OPTIONS (JSON for forRoot), TIMEOUT_MS, HOLD (the first run returns when "go" is said).
import 'reflect-metadata';
import { Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduledJob, SchedulerModule, SchedulerService } from 'nestjs-vigil';
import { DataSource } from 'typeorm';

const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const { DATABASE_URL, OPTIONS = '{}', TIMEOUT_MS = '60000', HOLD } = process.env;
let isHeld = HOLD !== undefined;
let go;
const gone = new Promise((resolve) => (go = resolve));

process.on('unhandledRejection', (error) => tell({ unhandled: String(error) }));
process.on('uncaughtException', (error) => tell({ uncaught: String(error) }));

class Charging {
  async charge({ manager, executionId, jobId, scheduledAt }) {
    await manager.query('INSERT INTO run (execution_id, job_id, scheduled_at, pid) VALUES ($1, $2, $3, $4)', [
      executionId,
      jobId,
      scheduledAt,
      process.pid,
    ]);
    await manager.query('UPDATE account SET charges = charges + 1');
    if (!isHeld) return;
    isHeld = false;
    tell({ holding: executionId });
    await gone;
  }
}
Injectable()(Charging);
ScheduledJob({
  id: 'charge',
  cron: '* * * * * *',
  maxInstances: 5,
  transactional: true,
  timeoutMs: Number(TIMEOUT_MS),
})(Charging.prototype, 'charge', Object.getOwnPropertyDescriptor(Charging.prototype, 'charge'));

const dataSource = await new DataSource({ type: 'postgres', url: DATABASE_URL }).initialize();
class AppModule {}
Module({ imports: [SchedulerModule.forRoot({ dataSource, ...JSON.parse(OPTIONS) })], providers: [Charging] })(
  AppModule,
);

const app = await NestFactory.createApplicationContext(AppModule, { logger: new Logger() });
const scheduler = app.get(SchedulerService);
scheduler.on('scheduler.state', ({ to }) => tell({ state: to }));
scheduler.on('execution.succeeded', ({ execution }) => tell({ succeeded: execution.id }));
scheduler.on('execution.taken-over', ({ execution }) => tell({ takenOver: execution.id }));
tell({ state: scheduler.state });
process.stdin.on('data', (line) => {
  if (String(line).includes('go')) go();
  if (!String(line).includes('stop')) return;
  void app
    .close()
    .then(() => dataSource.destroy())
    .then(() => process.exit(0));
});
// whoever started it is gone
process.stdin.on('end', () => process.exit(1));
