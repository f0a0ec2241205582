import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  InvalidJobError,
  InvalidTriggerError,
  JobStoreUnavailableError,
  SchedulerModule,
  SchedulerService,
  type Clock,
  type ExecutionInfo,
  type SchedulerModuleOptions,
} from 'nestjs-vigil';
import { createDatabase, FlakyProxy, ManualClock, recordEvents, type TestDatabase } from 'nestjs-vigil-testing';
import { DataSource, type QueryRunner } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';

import { SCHEDULER_CLOCK } from '../../src/module/scheduler.clock.js';
import { callsAboutExecutions } from './every-call/calls-about-executions.js';
import { callsAboutJobs } from './every-call/calls-about-jobs.js';
import { callsOfTheScheduler } from './every-call/calls-of-the-scheduler.js';
import {
  Greetings,
  untilRunning,
  type InTransaction,
  type Methods,
  type Promises,
  type Replicas,
} from './every-call/promises.js';
import { LogRecorder } from './support.js';

const CALL_TIMEOUT_MS = 5_000;
const everyCall: Record<Methods, Promises> = { ...callsOfTheScheduler, ...callsAboutJobs, ...callsAboutExecutions };
const METHODS = Object.entries(everyCall);

/** The methods of which something is promised, with that. */
function promised<Name extends keyof Promises>(name: Name): [string, Exclude<Promises[Name], { none: string }>][] {
  return METHODS.flatMap(([method, { [name]: promise }]) =>
    'none' in promise ? [] : [[method, promise as Exclude<Promises[Name], { none: string }>]],
  );
}

const applications: INestApplicationContext[] = [];
let database: TestDatabase;
let replicas: Replicas;
let dataSource: DataSource;
let uses = 0;
/** An id that nothing else uses. */
const anId = (method: string): string => `${method}-${(uses += 1)}`;

async function replica(
  options: SchedulerModuleOptions,
  clock?: Clock,
): Promise<[INestApplicationContext, SchedulerService]> {
  const imports = [SchedulerModule.forRoot(options)];
  const builder = Test.createTestingModule({ imports, providers: [Greetings] }).setLogger(new LogRecorder());
  if (clock) builder.overrideProvider(SCHEDULER_CLOCK).useValue(clock);
  const app = await builder.compile();
  await app.init();
  return [app, app.get(SchedulerService, { strict: false })];
}

beforeAll(async () => {
  database = await createDatabase(inject('postgresUrl'));
  const connection = { url: database.url };
  const [first, one] = await replica({ connection, nodeName: 'one', runJobs: false });
  const [second, two] = await replica({ connection, nodeName: 'two' });
  applications.push(first, second);
  replicas = { one, two };
  dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
});
beforeEach(async () => {
  for (const scheduler of Object.values(replicas) as SchedulerService[]) {
    await scheduler.start();
    await untilRunning(scheduler);
  }
});
afterAll(async () => {
  await dataSource.destroy();
  for (const app of applications) await app.close();
  await database.drop();
});

describe('Every method of SchedulerService', () => {
  it.each(promised('works'))('does what it says, for the other replica too: %s', async (method, works) => {
    await works(replicas, anId(method));
  });

  it.each(promised('unknownId'))('says that an id is unknown: %s', async (method, { call, gives }) => {
    const called = call(replicas.one, anId(method));
    if (typeof gives === 'function') await expect(called).rejects.toBeInstanceOf(gives);
    else await expect(called).resolves.toEqual(gives);
  });

  it.each(promised('wrongState'))('says, or leaves, what is not in the state for it: %s', async (method, meets) => {
    await meets(replicas, anId(method));
  });

  const bad = promised('badArguments').flatMap(([method, calls]) =>
    Object.entries(calls).map(([what, call]) => [method, what, call] as const),
  );
  it.each(bad)('refuses what cannot be meant, and writes nothing: %s with %s', async (method, _, call) => {
    const before = await rows();
    const error: unknown = await attempt(() => call(replicas.one));
    expect([InvalidJobError, InvalidTriggerError]).toContain((error as Error).constructor);
    const { message } = error as Error;
    // where it is, and what to write instead
    expect(message).toMatch(new RegExp(`\\b${method}\\b`));
    expect(message).toMatch(/\b(Write|Give|Known|Keep|Name|Leave|Remove|Decorate|Import|Events|expected an object)\b/);
    expect(await rows()).toEqual(before);
  });
});

describe("Every method that writes, in the caller's transaction,", () => {
  it.each(promised('inTransaction'))('writes with its commit, and not without it: %s', async (method, promise) => {
    const { one } = replicas;
    const { id, of } = await given(method, promise);
    const before = await promise.shows(one, id);
    using events = recordEvents(one, ['job.added', 'job.modified', 'job.paused', 'job.resumed', 'job.removed']);
    const failing = dataSource.transaction(async (manager) => {
      await promise.call(one, of, manager);
      throw new Error('sign-up failed');
    });
    await expect(failing).rejects.toThrow('sign-up failed');
    expect(await promise.shows(one, id)).toEqual(before);

    await dataSource.transaction(async (manager) => {
      await promise.call(one, of, manager);
      expect(await promise.shows(one, id)).toEqual(before);
    });
    expect(await promise.shows(one, id)).not.toEqual(before);
    await one.resume();
    expect(events.names).toEqual([]);
  });
});

describe('Every method that asks the database, with it away,', () => {
  it.each<[string, (proxy: FlakyProxy) => void]>([
    ['silent', (proxy) => proxy.silence('all')],
    ['gone', (proxy) => (proxy.refuse(), proxy.reset())],
  ])('rejects within callTimeoutMs, and says that nothing was written: %s', async (_, goAway) => {
    await using place = await behindProxy();
    const before = await rows();
    goAway(place.proxy);
    const called = promised('away').map(async ([method, call]): Promise<[string, unknown]> => {
      return [method, await attempt(() => call(place.scheduler, anId(method)))];
    });
    await place.clock.advance(CALL_TIMEOUT_MS);
    for (const [method, error] of await Promise.all(called)) {
      expect([method, error]).toEqual([method, expect.any(JobStoreUnavailableError)]);
      expect([method, error]).toMatchObject([method, { outcome: 'not-written' }]);
    }
    expect(await rows()).toEqual(before);
  });

  it("rejects within callTimeoutMs in the caller's transaction, too, and nothing of it is written", async () => {
    await using place = await behindProxy();
    const runners: QueryRunner[] = [];
    const prepared: [string, string, InTransaction, QueryRunner][] = [];
    for (const [method, promise] of promised('inTransaction')) {
      const { of } = await given(method, promise);
      const runner = place.dataSource.createQueryRunner();
      await runner.startTransaction();
      runners.push(runner);
      prepared.push([method, of, promise, runner]);
    }
    const before = await rows();
    place.proxy.silence('all');
    const called = prepared.map(async ([method, of, promise, { manager }]): Promise<[string, unknown]> => {
      return [method, await attempt(() => promise.call(place.scheduler, of, manager))];
    });
    await place.clock.advance(CALL_TIMEOUT_MS);
    for (const [method, error] of await Promise.all(called)) {
      expect([method, error]).toEqual([method, expect.any(JobStoreUnavailableError)]);
    }
    place.proxy.heal({ existing: true });
    for (const runner of runners) await runner.rollbackTransaction();
    expect(await rows()).toEqual(before);
    await replicas.one.resume();
  });
});

describe('Every method that writes, when the answer to its commit is lost,', () => {
  it('says that nobody knows whether it was written', async () => {
    await using place = await behindProxy();
    for (const [method, promise] of promised('inTransaction')) {
      const { of } = await given(method, promise);
      const cut = place.proxy.cutOnce({ match: /^COMMIT/, side: 'after' });
      const error = await attempt(() => promise.call(place.scheduler, of, undefined));
      expect([method, error]).toEqual([method, expect.any(JobStoreUnavailableError)]);
      expect([method, error]).toMatchObject([method, { outcome: 'unknown' }]);
      await cut;
      await replicas.one.resume();
    }
  });
});

interface Place extends AsyncDisposable {
  proxy: FlakyProxy;
  clock: ManualClock;
  scheduler: SchedulerService;
  /** The application's own. */
  dataSource: DataSource;
}

/** A third replica, and its application's data source, on a network that can go away; its deadlines are those of `clock`. */
async function behindProxy(): Promise<Place> {
  const proxy = await FlakyProxy.start({ target: database.url });
  const { url } = proxy;
  const clock = new ManualClock(new Date());
  const options = { connection: { url }, nodeName: 'three', runJobs: false, callTimeoutMs: CALL_TIMEOUT_MS };
  const [app, scheduler] = await replica(options, clock);
  const own = await new DataSource({ type: 'postgres', url, extra: { max: METHODS.length } }).initialize();
  const leave = async (): Promise<void> => {
    proxy.heal({ existing: true });
    await app.close();
    await own.destroy();
    await proxy.close();
  };
  return { proxy, clock, scheduler, dataSource: own, [Symbol.asyncDispose]: leave };
}

/** What a call in a transaction has to find, and the id of what it is about. */
async function given(method: string, promise: InTransaction): Promise<{ id: string; of: string }> {
  const id = anId(method);
  const found = await promise.given?.(replicas.one, id);
  const isRun = typeof found === 'object' && found !== null && 'jobId' in found;
  return { id, of: isRun ? (found as unknown as ExecutionInfo).id : id };
}

async function attempt(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return 'nothing was thrown';
}

/** All that calls write. */
const rows = (): Promise<unknown> =>
  dataSource.query(
    `SELECT (SELECT count(*) FROM scheduler.job) AS jobs, (SELECT sum(version) FROM scheduler.job) AS edits,
       (SELECT count(*) FROM scheduler.job_execution) AS runs, (SELECT paused FROM scheduler.scheduler) AS paused`,
  );
