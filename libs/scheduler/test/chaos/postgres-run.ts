import {
  createDatabase,
  FlakyProxy,
  judgeSchedule,
  readSchedule,
  recordTransitions,
  type CutOptions,
  type HandlerRun,
  type ScheduleVerdict,
} from 'nestjs-vigil-testing';
import pg from 'pg';
import { DataSource } from 'typeorm';

import { systemClock } from '../../src/clock/clock.js';
import { SchedulerEngine } from '../../src/engine/scheduler-engine.js';
import { TypeOrmHandlerTransactions } from '../../src/store/typeorm-handler-transactions.js';
import type { TypeOrmJobStore } from '../../src/store/typeorm-job.store.js';
import { aStore, sql } from '../store/typeorm-store.support.js';
import { engineOptions } from './engine-options.js';
import { registryOf } from './handlers.js';
import { backfillOf, randomJobs, rowsOf, type RandomJob } from './random-jobs.js';
import { SeededRandom } from './random.js';

const LEASE_MS = 2_000;
const CALL_TIMEOUT_MS = 1_000;
const LONGEST_TRANSACTION_MS = 4_000;
const FAULTS_FOR_MS = 4_000;
/** Fires that nothing disturbs any more. */
const FIRES_FOR_MS = FAULTS_FOR_MS + 1_500;
const SETTLED_WITHIN_MS = 90_000;
const NODES = 2;

/** One network fault of one node, or what is asked of the scheduler. */
type Fault =
  | ({ kind: 'cut'; node: number } & CutOptions)
  | { kind: 'reset' | 'refuse' | 'silence' | 'restart'; node: number; forMs: number }
  | { kind: 'manual'; job: number }
  | { kind: 'backfill'; job: number; ofMs: number }
  | { kind: 'cancel' };

type Pattern = RegExp | string;
const STATEMENTS: readonly [Pattern, ...Pattern[]] = [
  /^COMMIT/,
  'WITH recorded',
  'WITH v AS',
  'FOR NO KEY UPDATE',
  'WITH me AS',
  'SAVEPOINT',
  /^START TRANSACTION/,
  'INSERT INTO written',
  'min(',
];

export interface PostgresRun {
  verdict: ScheduleVerdict;
  /** Executions of transactional jobs whose writes are not there exactly once, or are there although it did not succeed. */
  inexact: readonly string[];
  jobs: readonly RandomJob[];
  faults: readonly (Fault & { atMs: number })[];
  tookMs: number;
}

/** One seed, on a database of its own: what is drawn is the same each time, when exactly it meets what is not. */
export async function runOnPostgres(seed: number, serverUrl: string): Promise<PostgresRun> {
  await using database = await createDatabase(serverUrl);
  await using cluster = await Cluster.open(seed, database.url);
  return await cluster.play();
}

/** A handler whose statement meets silence waits for its timeout. */
function transactional(job: RandomJob): RandomJob {
  return { ...job, isTransactional: true, settings: { timeoutMs: LONGEST_TRANSACTION_MS, ...job.settings } };
}

async function applicationOn(url: string): Promise<DataSource> {
  const bounds = { connectTimeoutMS: CALL_TIMEOUT_MS, poolErrorHandler: () => {} };
  return await new DataSource({ type: 'postgres', url, logging: false, ...bounds }).initialize();
}

interface Node {
  engine: SchedulerEngine;
  /** What the application beside it has. */
  dataSource: DataSource;
  proxy: FlakyProxy;
}

class Cluster {
  readonly #random: SeededRandom;
  readonly #runs: HandlerRun[] = [];
  readonly #jobs: RandomJob[];
  readonly #faults: (Fault & { atMs: number })[];
  readonly #nodes: Node[] = [];
  readonly #began = new Date();
  readonly #beganMs = performance.now();
  #started = 0;

  private constructor(
    seed: number,
    private readonly url: string,
    private readonly outside: TypeOrmJobStore,
  ) {
    const random = (this.#random = new SeededRandom(seed));
    const jobs = randomJobs(random, {
      from: this.#began,
      until: new Date(this.#began.getTime() + FIRES_FOR_MS),
      shortestMs: 200,
      longestMs: 1_000,
      longestWorkMs: 300,
      longWorkMs: 0,
      leastTimeoutMs: 300,
      longestRetryMs: 200,
      withCron: false,
      withHanging: false,
    });
    this.#jobs = jobs.map((job, index) => (index % 2 === 1 ? transactional(job) : job));
    const faults = Array.from({ length: random.int(1, 8) }, () => this.#drawFault());
    this.#faults = faults.sort((a, b) => a.atMs - b.atMs);
  }

  static async open(seed: number, url: string): Promise<Cluster> {
    const outside = aStore('scheduler', { connection: { url }, applicationName: 'outside' });
    await outside.open('default');
    await recordTransitions(url);
    await sql('CREATE TABLE written (execution_id uuid NOT NULL)', [], url);
    const cluster = new Cluster(seed, url, outside);
    for (let index = 0; index < NODES; index++) {
      const proxy = await FlakyProxy.start({ target: url });
      const dataSource = await applicationOn(proxy.url);
      cluster.#nodes.push({ proxy, dataSource, engine: cluster.#newEngine(proxy, dataSource) });
    }
    return cluster;
  }

  async play(): Promise<PostgresRun> {
    await this.outside.addJobs((now) => rowsOf(this.#jobs, this.#random, now), 'error');
    for (const { engine } of this.#nodes) await engine.start();
    for (const fault of this.#faults) {
      await this.#until(fault.atMs);
      await this.#befall(fault);
    }
    await this.#until(FAULTS_FOR_MS);
    for (const { proxy } of this.#nodes) proxy.heal();
    await this.#settle();
    const recorded = await readSchedule(this.url);
    const verdict = judgeSchedule({ ...recorded, runs: this.#runs, until: new Date(), isSettled: true });
    const tookMs = performance.now() - this.#beganMs;
    return { verdict, inexact: await this.#inexact(), jobs: this.#jobs, faults: this.#faults, tookMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#nodes.map(({ engine }) => engine.shutdown()));
    // connections that were silenced never say goodbye
    for (const { dataSource } of this.#nodes) void dataSource.destroy().catch(() => {});
    await Promise.all(this.#nodes.map(({ proxy }) => proxy.close()));
    await this.outside.close();
  }

  #drawFault(): Fault & { atMs: number } {
    const random = this.#random;
    const [atMs, node, forMs] = [random.int(0, FAULTS_FOR_MS), random.int(0, NODES - 1), random.int(1, 3_000)];
    const kind = random.pick([
      'cut',
      'cut',
      'cut',
      'reset',
      'refuse',
      'silence',
      'restart',
      'manual',
      'backfill',
      'cancel',
    ] as const);
    switch (kind) {
      case 'cut': {
        const match = random.pick(STATEMENTS);
        return {
          kind,
          atMs,
          node,
          match,
          side: random.pick(['before', 'after'] as const),
          occurrence: random.int(1, 5),
        };
      }
      case 'manual':
        return { kind, atMs, job: random.int(0, this.#jobs.length - 1) };
      case 'backfill':
        return { kind, atMs, job: random.int(0, this.#jobs.length - 1), ofMs: forMs };
      case 'cancel':
        return { kind, atMs };
      case 'reset':
      case 'refuse':
      case 'silence':
      case 'restart':
        return { kind, atMs, node, forMs };
    }
  }

  async #befall(fault: Fault): Promise<void> {
    const { outside } = this;
    if (fault.kind === 'manual') {
      await outside.addManualExecution(`job-${fault.job}`, { id: this.#random.uuid(), data: null, reason: null });
    } else if (fault.kind === 'backfill') {
      const job = this.#jobs[fault.job];
      if (job) await outside.addBackfill(job.id, backfillOf(job, fault.ofMs, this.#random.uuid()));
    } else if (fault.kind === 'cancel') {
      const { items } = await outside.getExecutions({ status: 'running', limit: 1 });
      for (const { execution } of items) await outside.cancelExecution(execution.id, 'a person said so');
    } else {
      const node = this.#nodes[fault.node];
      if (node) this.#disturb(node, fault);
    }
  }

  #disturb(node: Node, fault: Exclude<Fault, { kind: 'manual' | 'backfill' | 'cancel' }>): void {
    const { proxy } = node;
    switch (fault.kind) {
      case 'cut':
        return void proxy.cutOnce(fault).catch(() => {});
      case 'reset':
        return proxy.reset();
      case 'restart':
        return void this.#restart(node);
      case 'refuse':
        proxy.refuse();
        break;
      case 'silence':
        proxy.silence('all');
        break;
    }
    void systemClock.sleep(fault.forMs).then(() => proxy.heal());
  }

  /** The successor is another process, by its name too. */
  async #restart(node: Node): Promise<void> {
    const before = node.engine;
    node.engine = this.#newEngine(node.proxy, node.dataSource);
    await before.shutdown();
    await node.engine.start();
  }

  #newEngine(proxy: FlakyProxy, dataSource: DataSource): SchedulerEngine {
    const name = `node-${this.#started++}`;
    const connection = { url: proxy.url };
    const store = aStore('scheduler', { connection, callTimeoutMs: CALL_TIMEOUT_MS, applicationName: name });
    const registry = registryOf(this.#jobs, { name, clock: systemClock }, this.#random, this.#runs);
    const options = engineOptions({ nodeName: name, concurrency: 10, leaseMs: LEASE_MS, shutdownTimeoutMs: 2_000 });
    const clock = systemClock;
    const transactions = new TypeOrmHandlerTransactions(dataSource, { store, clock, callTimeoutMs: CALL_TIMEOUT_MS });
    return new SchedulerEngine(options, { store, registry, clock, random: this.#random.next, transactions });
  }

  async #inexact(): Promise<string[]> {
    const rows = await sql(
      `SELECT format('%s is %s and was written %s times', e.id, e.status, count(w.execution_id)) AS what
       FROM scheduler.job_execution e LEFT JOIN written w ON w.execution_id = e.id
       WHERE e.job_id = ANY($1) GROUP BY e.id
       HAVING count(w.execution_id) <> CASE WHEN e.status = 'succeeded' THEN 1 ELSE 0 END`,
      [this.#jobs.filter(({ isTransactional }) => isTransactional).map(({ id }) => id)],
      this.url,
    );
    return rows.map(({ what }) => String(what));
  }

  async #until(atMs: number): Promise<void> {
    const leftMs = this.#began.getTime() + atMs - Date.now();
    if (leftMs > 0) await systemClock.sleep(leftMs);
  }

  /** Until nothing is left to do, or it is clear that it never will be done. */
  async #settle(): Promise<void> {
    const endMs = performance.now() + SETTLED_WITHIN_MS;
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    while (performance.now() < endMs) {
      const { rows } = await client.query<{ count: string }>(
        `SELECT (SELECT count(*) FROM scheduler.job WHERE state = 'active')
           + (SELECT count(*) FROM scheduler.job_execution WHERE status IN ('pending', 'running')) AS count`,
      );
      if (rows[0]?.count === '0') break;
      await systemClock.sleep(100);
    }
    await client.end();
  }
}
