import { ManualClock } from 'nestjs-vigil-testing';
import { expect, it } from 'vitest';

import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { FaultyStore } from './faulty-store.js';
import { aNode, type JobSpec, type TestEngine } from './support.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const BEAT = 15 * SECOND;

const hourly: JobSpec = { every: '1h', run: () => {} };
const twoHourly: JobSpec = { every: '2h', run: () => {} };

type Options = NonNullable<Parameters<typeof aNode>[1]>;

/** Nodes by one clock, unless they are given one of their own. */
function aCluster() {
  const clock = new ManualClock();
  const store = new MemoryJobStore({ clock });
  const schedule = async (): Promise<string> => (await store.getJob('job'))!.schedule;
  const watched = async (job: JobSpec, options: Options = {}): Promise<TestEngine & { faults: FaultyStore }> => {
    const faults = new FaultyStore(store);
    const node = aNode([job], { clock, ...options, store: faults.store });
    await node.engine.start();
    return { ...node, faults };
  };
  const looks = ({ faults }: { faults: FaultyStore }): number =>
    faults.calls.filter((verb) => verb === 'syncJobs').length;
  const stop = async ({ engine }: TestEngine): Promise<void> => {
    const stopped = engine.shutdown();
    await clock.advance(0);
    await stopped;
  };
  return { clock, schedule, watched, looks, stop };
}

it('Nodes that come and go one after the other are looked at once, when they have done so', async () => {
  const { clock, watched, looks, stop } = aCluster();
  const node = await watched(hourly);
  await clock.advance(MINUTE);
  const before = looks(node);
  const others = [await watched(hourly), await watched(hourly), await watched(hourly)];
  for (const other of others) {
    await clock.advance(BEAT);
    await stop(other);
  }
  await clock.advance(BEAT);
  expect(looks(node)).toBe(before);
  await clock.advance(2 * MINUTE);
  expect(looks(node)).toBe(before + 1);
});

it('A node that is gone before anybody could see it leaves its version in force no longer than that', async () => {
  const { clock, schedule, watched, stop } = aCluster();
  await watched(hourly);
  await clock.advance(MINUTE + SECOND);
  await stop(await watched(twoHourly));
  expect(await schedule()).toBe('every 2 hours');
  await clock.advance(2 * BEAT);
  expect(await schedule()).toBe('every 1 hour');
});

it('A node that cannot hear notifications looks every quarter of an hour', async () => {
  const { clock, schedule, watched, stop } = aCluster();
  await watched(hourly, { notifications: false });
  await clock.advance(MINUTE + SECOND);
  await stop(await watched(twoHourly));
  await clock.advance(15 * MINUTE);
  expect(await schedule()).toBe('every 1 hour');
});

it('A node that stood still for longer than its lease puts its version back in force when it goes on', async () => {
  const { clock, schedule, watched } = aCluster();
  await watched(hourly);
  await clock.advance(MINUTE);
  const own = new ManualClock(clock.now());
  await watched(twoHourly, { clock: own });
  await own.advance(SECOND);
  await clock.advance(100 * SECOND);
  expect(await schedule()).toBe('every 1 hour');
  await own.advance(100 * SECOND);
  await own.advance(2 * BEAT);
  expect(await schedule()).toBe('every 2 hours');
});

it('A look that fails is repeated, and nothing else waits for it', async () => {
  const { clock, schedule, watched, stop } = aCluster();
  const node = await watched(hourly);
  const fresh = await watched(twoHourly);
  await clock.advance(MINUTE);
  node.faults.fail('syncJobs', 'before', { times: 3 });
  await stop(fresh);
  await clock.advance(2 * BEAT + 5 * SECOND);
  expect(await schedule()).toBe('every 1 hour');
  const failed = node.events.events.filter(({ name }) => name === 'scheduler.failure');
  expect(failed).toMatchObject([1, 2, 3].map((attempt) => ({ payload: { service: 'definition-keeper', attempt } })));
  expect(node.engine.health()).toMatchObject({ state: 'running', ready: true, reconnects: 0 });
});
