import {
  SCHEDULER_CLOCK,
  SCHEDULER_OVERRIDES,
  type JobContext,
  type JobStore,
  type SchedulerModuleOptions,
  type SchedulerOverrides,
  type SchedulerService,
} from 'nestjs-vigil';

import { ManualClock } from './manual-clock.js';
import { quietStore } from './quiet-store.js';

/** What `Test.createTestingModule` gives. */
interface TestingModuleBuilder {
  overrideProvider(token: unknown): { useValue(value: unknown): unknown };
}
export interface QuietOptions {
  /** What every scheduler of the application runs on. @default a new ManualClock */
  clock?: ManualClock;
}

/** Nobody shares the store: nobody takes over, and nothing gets lost. So the clock need not stop every few seconds. */
const LEASE_MS = 2 ** 31 - 1;
const PEEK_EVERY_MS = 3_600_000;
/** Nothing that a test looks for is pruned. */
const RETENTION = { succeededMs: Number.MAX_SAFE_INTEGER, otherMs: Number.MAX_SAFE_INTEGER };
const DRAINING_STEP_MS = 100;
/** Kept, so that a test's fake timers do not stop it. */
const { setImmediate } = globalThis;

/**
 * For the tests of an application: each of its schedulers keeps its jobs in memory, stands on a manual clock, and starts
 * only when the test calls `start()`, whatever `forRoot` and `forRootAsync` said. What they said of jobs (`defaults`,
 * `timeZone`, `executors`, `aroundJob`) holds. Jitter is always the middle of what it may be.
 *
 * Gives back the builder. The clock is the option, or `app.get(SCHEDULER_CLOCK)`.
 */
export function quietScheduler<Builder extends TestingModuleBuilder>(
  builder: Builder,
  { clock = new ManualClock() }: QuietOptions = {},
): Builder {
  const schedulers: SchedulerService[] = [];
  const overrides: SchedulerOverrides = {
    options: (_, said) => quietOptions(said, clock),
    random: () => 0.5,
    peekEveryMs: PEEK_EVERY_MS,
    created(scheduler) {
      schedulers.push(scheduler);
      scheduler.on('scheduler.state', ({ to }) => to === 'draining' && letDrain(schedulers, clock));
    },
  };
  builder.overrideProvider(SCHEDULER_CLOCK).useValue(clock);
  builder.overrideProvider(SCHEDULER_OVERRIDES).useValue(overrides);
  return builder;
}

function quietOptions(said: SchedulerModuleOptions, clock: ManualClock): SchedulerModuleOptions {
  const { connection: _connection, pool: _pool, aroundJob = (_context, run) => run(), ...rest } = said;
  const store = quietStore(clock);
  return {
    ...rest,
    store,
    autoStart: false,
    runJobs: true,
    notifications: true,
    leaseMs: LEASE_MS,
    retention: RETENTION,
    aroundJob: (context, run) => clock.follow(runOf(context, store), () => aroundJob(context, run)),
  };
}

/** A run that looks at its signal, or that has a timeout, may be waiting for it. */
function runOf(context: JobContext<unknown>, store: JobStore) {
  const { jobId, scheduledAt, attempt, signal } = context;
  let looksAtSignal = false;
  Object.defineProperty(context, 'signal', {
    get() {
      looksAtSignal = true;
      return signal;
    },
  });
  return {
    what: `the run of "${jobId}" for ${scheduledAt.toISOString()} (attempt ${attempt})`,
    async mayNeedTime(): Promise<boolean> {
      const { timeoutMs = null } = (await store.getJob(jobId)) ?? {};
      return signal.aborted || looksAtSignal || timeoutMs !== null;
    },
  };
}

/** A shutdown waits for runs, within bounds; nobody else would let that time go by. */
async function letDrain(schedulers: readonly SchedulerService[], clock: ManualClock): Promise<void> {
  // a run that is about to end gets its real time
  await quietly(clock.advance(0));
  while (schedulers.some(({ state }) => state === 'draining')) {
    await quietly(clock.advance(DRAINING_STEP_MS, { patienceMs: 0 }));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** It may be stuck, or being advanced by the test, which then lets time go by. */
async function quietly(advancing: Promise<void>): Promise<void> {
  await advancing.catch(() => {});
}
