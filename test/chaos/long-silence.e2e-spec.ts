import { setTimeout as delay } from 'node:timers/promises';
import { Test } from '@nestjs/testing';
import { SCHEDULER_CLOCK, SchedulerModule, SchedulerService } from 'nestjs-vigil';
import {
  createDatabase,
  FlakyProxy,
  formatVerdict,
  judgeSchedule,
  ManualClock,
  readSchedule,
} from 'nestjs-vigil-testing';
import { expect, inject, it } from 'vitest';

import { RecordingLogger, tickerProviders } from '../support/application.js';
import { createRunTable, query } from '../support/ledger.js';

const SILENCE_MINUTES = 5;

it('Every connection is silent for five minutes of the process, and then the jobs go on', async () => {
  await using database = await createDatabase(inject('postgresUrl'));
  await createRunTable(database.url);
  await using proxy = await FlakyProxy.start({ target: database.url });
  const clock = new ManualClock();
  const module = await Test.createTestingModule({
    imports: [SchedulerModule.forRoot({ connection: { url: proxy.url } })],
    providers: tickerProviders(database.url),
  })
    .setLogger(new RecordingLogger())
    .overrideProvider(SCHEDULER_CLOCK)
    .useValue(clock)
    .compile();
  const scheduler = module.get(SchedulerService);
  let runs = 0;
  scheduler.on('execution.succeeded', () => (runs += 1));
  /** The process's clock is turned by hand; the database and the network take their own time. */
  const until = async (isSo: () => boolean, what: string): Promise<void> => {
    for (let turn = 0; turn < 3_000 && !isSo(); turn += 1) {
      await clock.advance(20);
      await delay(2);
    }
    expect(isSo(), what).toBe(true);
  };
  const booting = module.init();
  await until(() => runs >= 2, 'the first runs');
  await booting;
  const sockets = openSockets();

  proxy.silence('all');
  const from = clock.monotonicMs();
  await clock.advance(20_000);
  expect(scheduler.health()).toMatchObject({ state: 'disconnected', alive: true, ready: false });
  await clock.advance(SILENCE_MINUTES * 60_000);
  expect(clock.monotonicMs() - from).toBeGreaterThanOrEqual(SILENCE_MINUTES * 60_000);
  // none of the calls that were given up holds a socket
  expect(openSockets()).toBeLessThanOrEqual(sockets + 3);

  proxy.heal();
  const seen = runs;
  await until(() => runs >= seen + 2, 'runs after the silence');
  expect(scheduler.state).toBe('running');
  const [there] = await query<{ now: Date }>(database.url, 'SELECT now()');
  const closing = module.close();
  let isClosed = false;
  void closing.then(() => (isClosed = true));
  await until(() => isClosed, 'the end');
  // the clocks of process and database differ: what was due a moment before the end may be due still
  const endedAt = new Date(Number(there?.now) - 5_000);
  const verdict = judgeSchedule({ ...(await readSchedule(database.url)), until: endedAt });
  expect(verdict.isClean, formatVerdict(verdict)).toBe(true);
});

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}
