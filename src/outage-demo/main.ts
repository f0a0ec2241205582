import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { SchedulerService } from 'nestjs-vigil';
import { FlakyProxy, readSchedule, recordTransitions, startPostgres, type PostgresServer } from 'nestjs-vigil-testing';
import { AppSettings } from '../app.settings.js';
import { oneLine } from '../console/words.js';
import { StopSignal } from '../server/stop.signal.js';
import { DemoModule } from './demo.module.js';
import { judgeJobs, judgeReminders } from './judgement.js';
import { cutConnections, freezeServer, killServer, silenceConnections, WATCHED_JOB, type Stage } from './outages.js';
import { RunDiary } from './run.diary.js';
import { Timeline } from './timeline.js';
import { printVerdict } from './verdict.js';

const ENDED_BY_SIGNAL = 130;
const WARM_UP_MS = 30_000;

/** Boots the shop with short intervals, behind networks that fail as told. */
async function bootShop(schedulerUrl: string, shopUrl: string, diary: RunDiary) {
  const settings = new AppSettings({
    databaseUrl: shopUrl,
    schedulerUrl,
    heartbeatEvery: '1s',
    expireCartsEvery: '2s',
    callWebhookEvery: '5s',
    signUpEvery: '3s',
    remindIn: '2s',
    aroundJob: diary.around,
  });
  return NestFactory.create(DemoModule.register(settings), { logger: false, abortOnError: false });
}

async function playOutages(server: PostgresServer): Promise<boolean> {
  const timeline = new Timeline();
  const diary = new RunDiary();
  await using schedulerNetwork = await FlakyProxy.start({ target: server.url });
  await using shopNetwork = await FlakyProxy.start({ target: server.url });
  const app = await bootShop(schedulerNetwork.url, shopNetwork.url, diary);
  const scheduler = app.get(SchedulerService);
  timeline.follow(scheduler);
  await app.listen(0, '127.0.0.1');
  // The tables are there, and no job is due in its first second.
  await recordTransitions(server.url);
  const stage: Stage = { server, schedulerNetwork, shopNetwork, diary, timeline };
  if (!(await diary.firstRun(WATCHED_JOB, 0, WARM_UP_MS))) throw new Error('No job ran at all.');
  timeline.saw(
    `the first ${WATCHED_JOB} ran; it is due every second, as every-fire is; other jobs use the database themselves`,
  );

  timeline.part(
    '1. The connection is cut exactly while a job is written back, where other schedulers die or run it twice.',
  );
  const recoveries = await cutConnections(stage);
  timeline.part('2. The server is killed, and comes back after five seconds.');
  recoveries.push(await killServer(stage));
  timeline.part('3. The server hangs for eight seconds: nothing fails, nothing answers.');
  recoveries.push(await freezeServer(stage));
  timeline.part('4. Every open connection goes silent, as behind a firewall that forgot it.');
  recoveries.push(await silenceConnections(stage));

  const stoppedAt = new Date();
  await app.close();
  const judgement = judgeJobs(await readSchedule(server.url), diary.runs, stoppedAt);
  return printVerdict({ ...judgement, reminders: await judgeReminders(server.url), recoveries });
}

async function demonstrate(): Promise<boolean> {
  const stop = new StopSignal(console.log);
  void stop.received.then(() => process.exit(ENDED_BY_SIGNAL));
  console.log('A small shop runs its jobs while its database fails in every way a database fails.');
  console.log('Starting a PostgreSQL server of its own, the shop, and a network between them that can be cut.');
  await using server = await startPostgres({ database: 'shop' });
  return await playOutages(server);
}

demonstrate().then(
  (isGood) => process.exit(isGood ? 0 : 1),
  (error: unknown) => {
    console.log(`\nThe demonstration broke: ${oneLine(error instanceof Error ? error.message : String(error), 600)}`);
    process.exit(1);
  },
);
