import { randomUUID } from 'node:crypto';

import { ManualClock } from 'nestjs-vigil-testing';
import { expect, it } from 'vitest';

import { backfilledInstants } from '../../src/engine/backfill.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { every } from '../../src/triggers/interval.trigger.js';
import { after, aRow } from './deciding.js';
import { aNode, type JobSpec } from './support.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

it('A backfill ends before the first instant that is not decided, whatever a hand made of the next run', () => {
  const job = { ...aRow('job'), nextRunAt: after(3), lastInstant: after(5) };
  const trigger = every('1s', { anchor: after(0) });
  const instants = (to: number): number =>
    backfilledInstants(job, trigger, { from: after(1), to: after(to) }, after(9)).length;
  expect(instants(5)).toBe(5);
  expect(instants(5.999)).toBe(5);
  expect(() => instants(6)).toThrow(`Give a to that lies before ${after(6).toISOString()}`);
});

it('A backfill of a trigger that stands still does not step for ever', () => {
  const trigger = { nextAfter: (instant: Date) => instant, describe: () => 'mine' };
  const time = { from: after(0), to: after(0.5) };
  expect(() => backfilledInstants(aRow('job'), trigger as never, time, after(2))).toThrow(
    /"mine" does not move forward/,
  );
});

it('A backfill takes what the schedule and runs by hand leave of the room, the oldest instant first', async () => {
  const clock = new ManualClock();
  const store = new MemoryJobStore({ clock });
  const began = clock.now().getTime();
  const ran: [string, number][] = [];
  const kindOf = async (id: string): Promise<string> => (await store.getExecution(id))!.execution.kind;
  const run: JobSpec['run'] = async ({ executionId, scheduledAt }) => {
    ran.push([await kindOf(executionId), (scheduledAt.getTime() - began) / MINUTE]);
    await clock.sleep(40 * SECOND);
  };
  const { engine } = aNode([{ every: '1m', overlap: 'queue-one', run }], { clock, store });
  await engine.start();
  await clock.advance(SECOND);
  const plan = (): Date[] => [-3, -2, -1, 0].map((minute) => new Date(began + minute * MINUTE));
  await store.addBackfill('job', { batchId: randomUUID(), reason: null, plan });
  // the second of the backfill is at work when the first fire is due
  await clock.advance(59 * SECOND);
  await store.addManualExecution('job', { id: randomUUID(), data: null, reason: null });
  await clock.advance(4 * MINUTE);
  expect(ran).toEqual([
    ['backfill', -3],
    ['backfill', -2],
    ['schedule', 1],
    ['manual', 1],
    // the second fire was skipped: one waited already
    ['backfill', -1],
    ['schedule', 3],
    ['schedule', 4],
    ['backfill', 0],
  ]);
});

it('A backfill with more room than a node has slots leaves them to the jobs that are due', async () => {
  const clock = new ManualClock();
  const store = new MemoryJobStore({ clock });
  const late: number[] = [];
  const long: JobSpec = { id: 'long', every: '1d', maxInstances: 50, run: () => clock.sleep(500) };
  const short: JobSpec = {
    id: 'short',
    every: '10s',
    run: ({ scheduledAt }) => void late.push(clock.now().getTime() - scheduledAt.getTime()),
  };
  const { engine } = aNode([long, short], { clock, store, concurrency: { default: 3 } });
  await engine.start();
  await clock.advance(SECOND);
  const from = clock.now().getTime() - 1_000 * MINUTE;
  const plan = (): Date[] => Array.from({ length: 500 }, (_, index) => new Date(from + index * MINUTE));
  await store.addBackfill('long', { batchId: randomUUID(), reason: null, plan });
  await clock.advance(MINUTE);
  // never longer than a run of the backfill lasts
  expect(late).toHaveLength(6);
  expect(Math.max(...late)).toBeLessThanOrEqual(500);
  const done = await store.getExecutions({ jobId: 'long', status: 'succeeded', limit: 1_000 });
  expect(done.items.length).toBeGreaterThan(300);
});
