import { setTimeout as delay } from 'node:timers/promises';
import type { FlakyProxy, PostgresServer } from 'nestjs-vigil-testing';
import type { RunDiary } from './run.diary.js';
import type { Timeline } from './timeline.js';

export interface Stage {
  server: PostgresServer;
  /** Between the scheduler and the server. */
  schedulerNetwork: FlakyProxy;
  /** Between the jobs' own queries and the server. */
  shopNetwork: FlakyProxy;
  diary: RunDiary;
  timeline: Timeline;
}

/** How an outage went. */
export interface Recovery {
  outage: string;
  /** From when the database could be reached again to the next run; null: nothing ran any more. */
  seconds: number | null;
  limitSeconds: number;
}

/** The job that must go on after each outage. */
export const WATCHED_JOB = 'heartbeat';
/** The scheduler gives up a call that was not answered for so long (`callTimeoutMs`, its default). */
const CALL_TIMEOUT_SECONDS = 5;
const LIMIT_SECONDS = 2;
const GIVE_UP_MS = 20_000;
const DOWN_MS = 5_000;
const FROZEN_MS = 8_000;

const COMMIT = /^\s*COMMIT/i;
const COMPLETION = /\bv\(n, id, epoch, status, delay_ms\b/;

/** Cuts the connection exactly where a fire is written back. */
export async function cutConnections(stage: Stage): Promise<Recovery[]> {
  const recoveries: Recovery[] = [];
  for (const [what, match] of [
    ['the commit of a claim', COMMIT],
    ['the writing of a result', COMPLETION],
  ] as const) {
    for (const side of ['before', 'after'] as const) {
      const where = side === 'before' ? 'before the server has it' : 'after the server has it, before its answer';
      const outage = `cut at ${what}, ${where}`;
      await stage.schedulerNetwork.cutOnce({ match, side });
      stage.timeline.did(outage);
      recoveries.push(await recovery(stage, outage, performance.now(), LIMIT_SECONDS));
    }
  }
  return recoveries;
}

export async function killServer(stage: Stage): Promise<Recovery> {
  const { server, timeline } = stage;
  await server.kill();
  timeline.did('killed the server (SIGKILL)');
  await delay(DOWN_MS);
  const beforeMs = performance.now();
  await server.start();
  timeline.did('started it again; it has answered a query');
  return recovery(stage, 'server killed, down for 5 s', performance.now(), LIMIT_SECONDS, beforeMs);
}

export async function freezeServer(stage: Stage): Promise<Recovery> {
  const { server, timeline } = stage;
  await server.freeze();
  timeline.did('froze the server (SIGSTOP): its connections are open, and nothing is answered');
  await delay(FROZEN_MS);
  const beforeMs = performance.now();
  await server.thaw();
  timeline.did('let it go on');
  return recovery(stage, 'server frozen for 8 s', beforeMs, LIMIT_SECONDS);
}

export async function silenceConnections(stage: Stage): Promise<Recovery> {
  const silentMs = performance.now();
  for (const network of [stage.schedulerNetwork, stage.shopNetwork]) network.silence('existing');
  stage.timeline.did('silenced every open connection for good: nothing passes, nothing is closed; new ones work');
  // A run that was claimed a moment before may still start.
  const inFlightMs = 300;
  return recovery(stage, 'connections silenced', silentMs, CALL_TIMEOUT_SECONDS + LIMIT_SECONDS, silentMs + inFlightMs);
}

/** @param readyMs since when the database can be reached; a run may have come after `sinceMs` already */
async function recovery(
  { diary, timeline }: Stage,
  outage: string,
  readyMs: number,
  limitSeconds: number,
  sinceMs = readyMs,
): Promise<Recovery> {
  const run = await diary.firstRun(null, sinceMs, GIVE_UP_MS);
  const seconds = run && Math.max(0, run.startedMs - readyMs) / 1_000;
  timeline.saw(
    seconds === null ? 'no run any more' : `the next run, of ${run?.jobId}, came after ${seconds.toFixed(1)} s`,
  );
  // It goes on as before.
  let lastMs = run?.startedMs ?? null;
  for (let more = 0; more < 2 && lastMs !== null; more++) {
    lastMs = (await diary.firstRun(WATCHED_JOB, lastMs, GIVE_UP_MS))?.startedMs ?? null;
  }
  return { outage, seconds: lastMs === null ? null : seconds, limitSeconds };
}
