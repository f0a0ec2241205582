import { recordEvents } from 'nestjs-vigil-testing';

import { systemClock } from '../../src/clock/clock.js';
import type { SchedulerEvents } from '../../src/engine/engine-events.js';
import { HandlerRegistry } from '../../src/engine/handler-registry.js';
import { SchedulerEngine } from '../../src/engine/scheduler-engine.js';
import type { TypeOrmJobStore } from '../../src/store/typeorm-job.store.js';
import { engineOptions } from '../chaos/engine-options.js';
import { declare, EVENT_NAMES, type JobSpec } from './support.js';

export interface PostgresNode {
  engine: SchedulerEngine;
  events: ReturnType<typeof recordEvents<SchedulerEvents>>;
  store: TypeOrmJobStore;
}

/** A node on a database and the clock on the wall. Its jobs are declared in its code. */
export function aPostgresNode(
  jobs: readonly JobSpec[],
  {
    store,
    nodeName = 'node',
    concurrency = 10,
    leaseMs = 60_000,
  }: { store: TypeOrmJobStore; nodeName?: string; concurrency?: number; leaseMs?: number },
): PostgresNode {
  const registry = new HandlerRegistry();
  for (const job of jobs) declare(registry, job);
  const engine = new SchedulerEngine(engineOptions({ nodeName, concurrency, leaseMs }), {
    store,
    registry,
    clock: systemClock,
    random: Math.random,
  });
  return { engine, events: recordEvents(engine.events, EVENT_NAMES), store };
}
