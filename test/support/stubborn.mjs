// A replica whose handler misbehaves, in plain JavaScript, on the built library. It never calls process.exit: what is left
// behind by a shutdown keeps it alive. Settings come in the environment: DATABASE_URL, OPTIONS (JSON for forRoot),
// MISBEHAVIOUR (block, leak, ignore or obey; once in its life), SURVIVE (listens to unhandled rejections).
import 'reflect-metadata';
import { Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduledJob, SchedulerModule, SchedulerService } from 'nestjs-vigil';

const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const { DATABASE_URL, OPTIONS = '{}', MISBEHAVIOUR = 'none', SURVIVE } = process.env;
const BLOCK_MS = 9_000;
let hasMisbehaved = false;

if (SURVIVE !== undefined) process.on('unhandledRejection', (error) => tell({ unhandled: String(error) }));

const MISBEHAVIOURS = {
  none: () => {},
  block: () => {
    const until = performance.now() + BLOCK_MS;
    while (performance.now() < until);
  },
  leak: () => void Promise.reject(new Error('leaked by a handler')),
  ignore: () => new Promise(() => {}),
  obey: ({ signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
};

class Stubborn {
  async work(context) {
    const isOdd = !hasMisbehaved && MISBEHAVIOUR !== 'none';
    tell({ started: context.executionId, odd: isOdd });
    if (isOdd) {
      hasMisbehaved = true;
      await MISBEHAVIOURS[MISBEHAVIOUR](context);
    }
    tell({ ran: context.executionId });
    return process.pid;
  }
}
Injectable()(Stubborn);
ScheduledJob('* * * * * *', { id: 'work' })(
  Stubborn.prototype,
  'work',
  Object.getOwnPropertyDescriptor(Stubborn.prototype, 'work'),
);

class AppModule {}
Module({
  imports: [SchedulerModule.forRoot({ connection: { url: DATABASE_URL }, ...JSON.parse(OPTIONS) })],
  providers: [Stubborn],
})(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: new Logger() });
app.enableShutdownHooks();
const scheduler = app.get(SchedulerService);
scheduler.on('scheduler.state', ({ from, to }) => tell({ state: to, from }));
tell({ booted: true, state: scheduler.state });
// stdin must not be what keeps it alive
process.stdin.on('data', () => void app.close().then(() => tell({ closed: true }))).unref();
