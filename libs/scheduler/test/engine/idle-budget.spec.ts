import { ManualClock } from 'nestjs-vigil-testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { FlakyProxy } from '../../../testing/src/proxy/flaky-proxy.js';
import type { JobStore } from '../../src/store/job-store.js';
import { FAR_FUTURE } from '../store/builders.js';
import { registered } from '../store/contract/fixture.js';
import { Cleanup, serverUrl } from '../store/typeorm-store.support.js';
import { at } from '../../src/triggers/date.trigger.js';
import { aNode } from './support.js';
import { watched } from './watched-store.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** Promised: six a minute. */
const MOST_IN_AN_HOUR = 360;

let cleanup: Cleanup;
beforeEach(() => (cleanup = new Cleanup()));
afterEach(() => cleanup.run());

/** A version of the job that a node of another code has. */
async function putInForce(store: JobStore): Promise<void> {
  await registered(store, { definitions: { job: 'theirs' }, leaseMs: 120 * MINUTE });
  await store.syncJobs([{ id: 'job', hash: 'theirs', definition: {} }], ({ existing }) => ({
    row: { ...existing!, codeHash: 'theirs' },
  }));
}

it.each([
  { also: '' },
  { also: ', also while another version of its job is in force', isOther: true },
  { also: ', also while the cluster is paused and everything is due', isPaused: true },
  { also: ', also when it runs no jobs', runJobs: false },
])('An idle node sends at most six statements a minute$also', async ({ isOther, isPaused, runJobs }) => {
  const schema = cleanup.schema();
  const proxy = cleanup.add(await FlakyProxy.start({ target: serverUrl(), keepStatements: 10_000 }), (each) =>
    each.close(),
  );
  const clock = new ManualClock();
  const { store, inFlight } = watched(cleanup.store(schema, { connection: { url: proxy.url }, clock }));
  const job = { trigger: at(FAR_FUTURE), run: (): void => {} };
  const { engine, events } = aNode([job], { clock, store, ...(runJobs !== undefined && { runJobs }) });
  /** A step at a time, so that the answers keep up with the clock. */
  const advance = async (ms: number): Promise<void> => {
    for (let gone = 0; gone < ms; gone += SECOND) {
      await clock.advance(SECOND);
      while (inFlight() > 0) await new Promise(setImmediate);
    }
  };
  await engine.start();
  await clock.advance(0);
  // `listen` is not among the calls that are waited for: it has said LISTEN, and has heard itself
  await vi.waitFor(() => expect(proxy.statements.some((text) => text.includes('pg_notify'))).toBe(true));
  await vi.waitFor(() => expect(inFlight()).toBe(0));
  if (isOther) await putInForce(store);
  if (isPaused) {
    await store.pauseCluster({ reason: null, by: null });
    await store.changeJob('job', () => ({ set: { nextRunAt: clock.now(), wakeAt: clock.now() } }));
  }
  await advance(MINUTE);
  const before = proxy.statements.length;
  await advance(60 * MINUTE);
  const sent = proxy.statements.slice(before);
  const beats = sent.filter((statement) => statement.includes('beat = beat + 1'));
  expect(beats).toHaveLength(240);
  expect(sent.length).toBeLessThanOrEqual(MOST_IN_AN_HOUR);
  expect(sent.filter((statement) => statement.startsWith('LISTEN'))).toEqual([]);
  expect(events.names).not.toContain('scheduler.failure');
  const stopped = engine.shutdown();
  await vi.waitFor(() => expect(inFlight()).toBe(0));
  await clock.advance(10 * SECOND);
  await stopped;
});
