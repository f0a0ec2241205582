import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { AppSettings } from './app.settings.js';
import { announce, listenNear } from './console/announcement.js';
import { LineLogger } from './console/line.logger.js';
import { RunPrinter } from './console/run.printer.js';
import { oneLine } from './console/words.js';
import { SharedServer } from './server/shared.server.js';
import { StopSignal } from './server/stop.signal.js';
import { SchedulerService } from 'nestjs-vigil';

const DATA_DIRECTORY = '.data';
const DEFAULT_PORT = 3_000;

function print(line: string): void {
  console.log(line);
}

async function start(): Promise<void> {
  const stop = new StopSignal(print);
  const given = process.env.DATABASE_URL;
  if (given) print('Database: the one that DATABASE_URL names.');
  const server = given ? null : await SharedServer.join(DATA_DIRECTORY, print);
  const settings = new AppSettings({ databaseUrl: given ?? server?.url ?? '' });
  const app = await NestFactory.create(AppModule.register(settings), {
    logger: new LineLogger(print),
    abortOnError: false,
  });
  const scheduler = app.get(SchedulerService);
  const printer = new RunPrinter(scheduler, print);
  if (server) scheduler.on('scheduler.failure', () => server.rejoin());
  const url = await listenNear(app, Number(process.env.PORT || DEFAULT_PORT), print);
  await announce(scheduler, url, print);

  await stop.received;
  const { running } = printer;
  print(
    `Draining: no new runs${running.length > 0 ? `; waiting for ${running.join(', ')}` : ''}. Ctrl-C again ends at once.`,
  );
  await app.close();
  if (server?.isOwn)
    print(
      'Database: stopping the embedded PostgreSQL. Another process of this checkout, if one runs, starts it again.',
    );
  await server?.stop();
  print('Stopped.');
  process.exit(0);
}

start().catch((error: unknown) => {
  print(`The application could not start: ${oneLine(error instanceof Error ? error.message : String(error), 600)}`);
  process.exit(1);
});
