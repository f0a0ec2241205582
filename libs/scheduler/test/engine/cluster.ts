import { ManualClock } from 'nestjs-vigil-testing';
import pg from 'pg';
import { vi } from 'vitest';

import type { JobStore } from '../../src/store/job-store.js';
import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import { Cleanup, serverUrl } from '../store/typeorm-store.support.js';
import { aNode, type JobSpec, type TestEngine } from './support.js';
import { watched } from './watched-store.js';

/** How far time goes at once on PostgreSQL: its answers have to keep up with the clock. */
const STEP_MS = 15_000;

type NodeOptions = Omit<NonNullable<Parameters<typeof aNode>[1]>, 'clock' | 'store'>;

/** Nodes on one store, all by one clock, also the database. */
export interface Cluster {
  readonly clock: ManualClock;
  /** To look at what is in it. */
  readonly store: JobStore;
  node(jobs: readonly JobSpec[], options?: NodeOptions): Promise<TestEngine>;
  /** What was started and not stopped, in order. */
  readonly running: readonly TestEngine[];
  /** A new node, started. */
  started(jobs: readonly JobSpec[], options?: NodeOptions): Promise<TestEngine>;
  /** Starts the node, and lets it do what it does first. */
  start(node: TestEngine): Promise<void>;
  stop(node: TestEngine): Promise<void>;
  advance(ms: number): Promise<void>;
  /** Stops what runs, too. */
  dispose(): Promise<void>;
}

export async function memoryCluster(): Promise<Cluster> {
  const clock = new ManualClock();
  const store = new MemoryJobStore({ clock });
  const node = async (jobs: readonly JobSpec[], options: NodeOptions = {}) => aNode(jobs, { ...options, clock, store });
  return {
    clock,
    store,
    node,
    ...driven(
      node,
      (ms) => clock.advance(ms),
      async () => {},
    ),
  };
}

export async function postgresCluster(): Promise<Cluster> {
  const clock = new ManualClock();
  const cleanup = new Cleanup();
  const schema = cleanup.schema();
  const client = cleanup.add(new pg.Client({ connectionString: serverUrl() }), (each) => each.end());
  await client.connect();
  const setClock = async (ms: number): Promise<void> => {
    const at = new Date(clock.now().getTime() + ms).toISOString();
    await client.query(`UPDATE "${schema}".clock SET at = $1`, [at]);
  };
  // makes the tables
  await cleanup.openStore(schema);
  await client.query(clockOf(schema));
  await setClock(0);

  const connection = { url: serverUrl(), extra: { options: `-c search_path="${schema}",pg_catalog` } };
  const store = await cleanup.openStore(schema, { connection });
  const calls: (() => number)[] = [];
  const node = async (jobs: readonly JobSpec[], options: NodeOptions = {}) => {
    const own = watched(await cleanup.openStore(schema, { connection, clock }));
    calls.push(own.inFlight);
    return aNode(jobs, { ...options, clock, store: own.store });
  };
  const quiet = () => vi.waitUntil(() => calls.every((inFlight) => inFlight() === 0), { timeout: 10_000, interval: 2 });
  const advance = async (ms: number): Promise<void> => {
    for (let left = ms; left >= 0; left -= STEP_MS) {
      const step = Math.min(left, STEP_MS);
      await setClock(step);
      await clock.advance(step);
      await quiet();
      await clock.advance(0);
      await quiet();
    }
  };
  return { clock, store, node, ...driven(node, advance, () => cleanup.run()) };
}

/** Found before those of `pg_catalog`. */
function clockOf(schema: string): string {
  const says = (name: string, volatility: string): string =>
    `CREATE FUNCTION "${schema}".${name}() RETURNS timestamptz ${volatility} LANGUAGE sql
       AS 'SELECT at FROM "${schema}".clock';`;
  return `CREATE TABLE "${schema}".clock (at timestamptz NOT NULL); INSERT INTO "${schema}".clock VALUES ('epoch');
    ${says('now', 'STABLE')} ${says('clock_timestamp', 'VOLATILE')}`;
}

function driven(
  node: Cluster['node'],
  advance: Cluster['advance'],
  cleanUp: () => Promise<void>,
): Omit<Cluster, 'clock' | 'store' | 'node'> {
  const running: TestEngine[] = [];
  const until = async (work: Promise<void>): Promise<void> => {
    const state = { isOver: false };
    void work.finally(() => (state.isOver = true));
    while (!state.isOver) await advance(0);
    await work;
  };
  const start = async (which: TestEngine): Promise<void> => {
    await until(which.engine.start());
    await advance(0);
    running.push(which);
  };
  const stop = async (which: TestEngine): Promise<void> => {
    const index = running.indexOf(which);
    if (index >= 0) running.splice(index, 1);
    await until(which.engine.shutdown());
  };
  return {
    running,
    advance,
    start,
    stop,
    started: async (jobs, options) => {
      const fresh = await node(jobs, options);
      await start(fresh);
      return fresh;
    },
    dispose: async () => {
      for (let first = running[0]; first !== undefined; first = running[0]) await stop(first);
      await cleanUp();
    },
  };
}
