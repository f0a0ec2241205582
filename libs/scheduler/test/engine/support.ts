import { ManualClock, recordEvents } from 'nestjs-vigil-testing';

import type { EngineOptions } from '../../src/engine/engine-options.js';
import { SchedulerEngine } from '../../src/engine/scheduler-engine.js';
import type { SchedulerEvents } from '../../src/engine/engine-events.js';
import { HandlerRegistry, type JobHandler } from '../../src/engine/handler-registry.js';
import { draftJob, newJobRow } from '../../src/engine/job-draft.js';
import type { JobSettings } from '../../src/engine/job-settings.js';
import type { JobStore } from '../../src/store/job-store.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { every } from '../../src/triggers/interval.trigger.js';
import type { Duration, Trigger } from '../../src/triggers/trigger.js';

const silent = { log: () => {}, warn: () => {}, error: () => {} };

export const EVENT_NAMES: readonly (keyof SchedulerEvents)[] = [
  'execution.started',
  'execution.succeeded',
  'execution.failed',
  'execution.missed',
  'execution.skipped',
  'execution.cancelled',
  'execution.timed-out',
  'execution.abandoned',
  'execution.taken-over',
  'execution.released',
  'execution.unrecorded',
  'job.quarantined',
  'scheduler.state',
  'scheduler.failure',
];

export interface JobSpec extends JobSettings {
  id?: string;
  every?: Duration;
  trigger?: Trigger;
  data?: unknown;
  maxRuns?: number;
  jitterMs?: number;
  run: JobHandler['run'];
}

/** A job that is declared in code and runs every second unless it says otherwise. */
export function declare(registry: HandlerRegistry, spec: JobSpec): void {
  const { id = 'job', every: interval = '1s', trigger, data, maxRuns, jitterMs, run, ...settings } = spec;
  registry.addHandler({ key: id, source: `${id}.run`, settings: {}, run });
  const schedule = {
    kind: 'trigger' as const,
    trigger: trigger ?? every(interval),
    maxRuns: maxRuns ?? null,
    jitterMs: jitterMs ?? 0,
  };
  registry.declare(draftJob({ id, handler: id, schedule, data, source: 'code', settings: [settings] }), `${id}.run`);
}

export interface TestEngine {
  engine: SchedulerEngine;
  events: ReturnType<typeof recordEvents<SchedulerEvents>>;
  registry: HandlerRegistry;
  clock: ManualClock;
  store: JobStore;
}

/** One node. Give several of them the same clock and store to make a cluster. */
export function aNode(
  jobs: readonly JobSpec[],
  {
    clock = new ManualClock(),
    store = new MemoryJobStore({ clock }),
    ...options
  }: Partial<EngineOptions> & { clock?: ManualClock; store?: JobStore } = {},
): TestEngine {
  const registry = new HandlerRegistry();
  for (const job of jobs) declare(registry, job);
  const engine = new SchedulerEngine(
    {
      name: 'default',
      nodeName: 'test-node',
      version: '0.0.0',
      concurrency: { default: 10 },
      runJobs: true,
      waitForDatabase: false,
      notifications: true,
      leaseMs: 60_000,
      shutdownTimeoutMs: 10_000,
      retention: { succeededMs: 7 * 86_400_000, otherMs: 30 * 86_400_000 },
      loggerFor: () => silent,
      logger: silent,
      ...options,
    },
    { store, registry, clock, random: () => 0.5 },
  );
  return { engine, events: recordEvents(engine.events, EVENT_NAMES), registry, clock, store };
}

/** A job added at run time. */
export async function addJob(
  node: TestEngine,
  { id, handler, data, delayMs = 0 }: { id: string; handler: string; data?: unknown; delayMs?: number },
): Promise<void> {
  const schedule = { kind: 'delay' as const, delayMs };
  const draft = draftJob({ id, handler, schedule, data, source: 'dynamic', settings: [] });
  await node.store.addJobs((now) => [newJobRow(draft, now)], 'error');
  node.engine.wake();
}

/** The ledger of a job, oldest first: seconds after `since` and status. */
export async function ledger(node: TestEngine, jobId = 'job'): Promise<{ at: string; status: string }[]> {
  const { items } = await node.store.getExecutions({ jobId, limit: 1_000 });
  return items
    .map(({ execution }) => ({ at: execution.scheduledAt.toISOString().slice(11, 19), status: execution.status }))
    .sort((a, b) => a.at.localeCompare(b.at));
}

/** A promise to be settled from outside, for handlers that wait for the test. */
export function gate<T = void>(): { opened: Promise<T>; open: (value: T) => void } {
  let open!: (value: T) => void;
  const opened = new Promise<T>((resolve) => (open = resolve));
  return { opened, open };
}
