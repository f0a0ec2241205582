import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import {
  JobConflictError,
  JobHandler,
  JobNotFoundError,
  JobStoreUnavailableError,
  type JobContext,
  type SchedulerService,
} from 'nestjs-vigil';
import {
  createDatabase,
  FlakyProxy,
  formatVerdict,
  judgeSchedule,
  readSchedule,
  type CutSide,
  type HandlerRun,
  type Point,
} from 'nestjs-vigil-testing';
import pg from 'pg';
import { DataSource } from 'typeorm';

import { startApplication } from '../../support/application.js';
import { query } from '../../support/ledger.js';

export interface Cut {
  point: Point;
  side: CutSide;
}
/** What one play of the scenario came to. */
export interface Play {
  /** Every statement that passed. */
  points: readonly Point[];
  /** Whether the statement came at which the connection was to be cut. */
  wasCut: boolean;
  /** Sentences; none when all is well. */
  findings: string[];
}

const GIVE_UP_MS = 30_000;
const LOOK_AGAIN_MS = 20;

/** Notes what ran, for the judge. */
function workers(runs: HandlerRun[]) {
  const noted = async (context: JobContext, work: () => unknown): Promise<void> => {
    const { executionId, scheduledAt } = context;
    const run: HandlerRun = { executionId, scheduledAt, startedAt: new Date(), finishedAt: null };
    runs.push(run);
    try {
      await work();
    } finally {
      run.finishedAt = new Date();
    }
  };

  @Injectable()
  class Work {
    @JobHandler('quick')
    async quick(context: JobContext<never>): Promise<void> {
      await noted(context, () => context.progress(0.5, 'half of it'));
    }
    @JobHandler('shaky')
    async shaky(context: JobContext<never>): Promise<void> {
      await noted(context, () => {
        if (context.attempt === 1) throw new Error('the first attempt fails');
      });
    }
    @JobHandler('long')
    async long(context: JobContext<never>): Promise<void> {
      await noted(context, () => new Promise((resolve) => context.signal.addEventListener('abort', resolve)));
    }
  }
  return Work;
}

/**
 * A short life of an application on an empty database, with jobs of every kind and every kind of call: with a connection
 * cut at one statement, or with none. Whatever is cut, it has to come to the same end.
 */
export async function play(serverUrl: string, cut: Cut | null = null): Promise<Play> {
  await using database = await createDatabase(serverUrl);
  await query(database.url, 'CREATE TABLE customer (id text)');
  await using proxy = await FlakyProxy.start({ target: database.url });
  proxy.startRecording();
  let wasCut = false;
  if (cut !== null)
    void proxy.cutAt(cut.point, cut.side).then(
      () => (wasCut = true),
      () => {},
    );
  const runs: HandlerRun[] = [];
  const findings: string[] = [];
  const application = await startApplication({ connection: { url: proxy.url } }, [workers(runs)]);
  try {
    await new Client(application.scheduler, database.url, findings).liveThrough(proxy.url);
    await untilSettled(database.url);
  } catch (error) {
    findings.push(`It came to no end: ${String(error)}`);
  } finally {
    await application.app.close();
  }
  findings.push(...(await judge(database.url, runs)));
  return { points: proxy.points, wasCut, findings };
}

/** Makes each call until it is known to have been done, as a careful caller does. */
class Client {
  constructor(
    private readonly scheduler: SchedulerService,
    private readonly url: string,
    private readonly findings: string[],
  ) {}

  async liveThrough(shopUrl: string): Promise<void> {
    const { scheduler } = this;
    const retry = { maxAttempts: 2, backoff: { kind: 'fixed', delayMs: 50, jitter: false } } as const;
    await this.#add({ id: 'quick', handler: 'quick', every: '150ms', maxRuns: 3 });
    await this.#add({
      id: 'queued',
      handler: 'quick',
      every: '100ms',
      maxRuns: 4,
      misfire: 'all',
      overlap: 'queue-all',
    });
    await this.#add({ id: 'shaky', handler: 'shaky', every: '200ms', maxRuns: 2, retry });
    await this.#add({ id: 'second', handler: 'quick', cron: '* * * * * *', maxRuns: 1 });
    await this.#add({ id: 'removed', handler: 'quick', in: '1h' });
    await this.#add({ id: 'paused', handler: 'quick', every: '1h' });
    await this.#add({ id: 'manual', handler: 'quick', in: '1h' });
    await this.#add({ id: 'long', handler: 'long', in: '1h' });
    await this.#add({ id: 'again', handler: 'quick', every: '1h' });
    await this.#signUp(shopUrl);
    const manual = randomUUID();
    await this.#call(
      () => scheduler.runJob('manual', { executionId: manual }),
      () => this.#holds(`SELECT FROM scheduler.job_execution WHERE id = $1`, manual),
    );
    const long = randomUUID();
    await this.#call(
      () => scheduler.runJob('long', { executionId: long }),
      () => this.#holds(`SELECT FROM scheduler.job_execution WHERE id = $1`, long),
    );
    await this.#call(
      () => scheduler.cancelExecution(long),
      () =>
        this.#holds(
          `SELECT FROM scheduler.job_execution WHERE id = $1 AND (cancel_requested_at IS NOT NULL OR status = 'cancelled')`,
          long,
        ),
    );
    const batchId = randomUUID();
    const [from, to] = [3.5, 0.5].map((hours) => new Date(Date.now() - hours * 3_600_000)) as [Date, Date];
    await this.#call(
      () => scheduler.backfill('again', from, to, { batchId }),
      () => this.#holds(`SELECT FROM scheduler.job_execution WHERE batch_id = $1`, batchId),
    );
    for (const [call, state] of [
      [() => scheduler.pauseJob('paused'), 'paused'],
      [() => scheduler.resumeJob('paused'), 'active'],
    ] as const) {
      await this.#call(call, () => this.#holds(`SELECT FROM scheduler.job WHERE id = 'paused' AND state = $1`, state));
    }
    await this.#call(
      () => scheduler.removeJob('removed'),
      async () => !(await this.#holds(`SELECT FROM scheduler.job WHERE id = $1`, 'removed')),
    );
  }

  #add(job: Parameters<SchedulerService['addJob']>[0] & { id: string }): Promise<void> {
    return this.#call(
      () => this.scheduler.addJob(job as never),
      () => this.#holds(`SELECT FROM scheduler.job WHERE id = $1`, job.id),
    );
  }

  /** A customer and her reminder, in a transaction of the application's own. */
  async #signUp(url: string): Promise<void> {
    const shop = new DataSource({ type: 'postgres', url, logging: false });
    const isDone = (): Promise<boolean> => this.#holds('SELECT FROM customer WHERE id = $1', 'ann');
    const giveUpMs = performance.now() + GIVE_UP_MS;
    while (performance.now() < giveUpMs && !(await isDone())) {
      await this.#trySignUp(shop).catch(() => delay(LOOK_AGAIN_MS));
    }
    if (shop.isInitialized) await shop.destroy().catch(() => {});
  }

  async #trySignUp(shop: DataSource): Promise<void> {
    if (!shop.isInitialized) await shop.initialize();
    await shop.transaction(async (manager) => {
      await manager.query('INSERT INTO customer (id) VALUES ($1)', ['ann']);
      await this.scheduler.addJob({ id: 'remind', handler: 'quick', in: '50ms' }, { manager });
    });
  }

  async #call(call: () => Promise<unknown>, isDone: () => Promise<boolean>): Promise<void> {
    const giveUpMs = performance.now() + GIVE_UP_MS;
    for (let before = false; performance.now() < giveUpMs; await delay(LOOK_AGAIN_MS)) {
      try {
        await call();
        return;
      } catch (error) {
        const isAgain = error instanceof JobConflictError || error instanceof JobNotFoundError;
        if (isAgain && before) return;
        if (!(error instanceof JobStoreUnavailableError)) throw error;
        before ||= error.outcome === 'unknown';
        if (error.outcome === 'not-written' && !before && (await isDone())) {
          this.findings.push(`A call says "not-written" and was written: ${error.message}`);
        }
        if (before && (await isDone())) return;
      }
    }
    throw new Error('A call was refused for too long.');
  }

  /** Asked past the network that fails. */
  async #holds(sql: string, parameter: string): Promise<boolean> {
    return (await query(this.url, sql, [parameter]).catch(() => [])).length > 0;
  }
}

/** Every job that ends has ended, and nothing runs or waits. Looked at over one connection: to open one costs more. */
async function untilSettled(url: string): Promise<void> {
  const giveUpMs = performance.now() + GIVE_UP_MS;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (; performance.now() < giveUpMs; await delay(LOOK_AGAIN_MS)) {
      const { rows } = await client.query<{ jobs: number; executions: number }>(
        `SELECT (SELECT count(*)::int FROM scheduler.job WHERE state = 'active' AND next_run_at < now() + interval '1 min') jobs,
           (SELECT count(*)::int FROM scheduler.job_execution WHERE status IN ('pending', 'running')) executions`,
      );
      if (rows[0]?.jobs === 0 && rows[0].executions === 0) return;
    }
  } finally {
    await client.end();
  }
  throw new Error('Something runs, or waits, for ever.');
}

async function judge(url: string, runs: readonly HandlerRun[]): Promise<string[]> {
  const schedule = await readSchedule(url);
  const verdict = judgeSchedule({ ...schedule, runs, until: new Date(), isSettled: true });
  const rows = await query<{ id: string; state: string; run_count: number }>(
    url,
    `SELECT id, state, run_count FROM scheduler.job`,
  );
  const seen = rows.map(({ id, state, run_count }) => `${id} ${state} ${run_count}`).sort();
  const isAsMeant = seen.join() === AS_MEANT.join();
  const ended = await query<{ job: string; status: string; runs: number }>(
    url,
    `SELECT job_id AS job, status, count(*)::int AS runs FROM scheduler.job_execution
     WHERE status NOT IN ('missed', 'skipped') GROUP BY 1, 2`,
  );
  const ran = ended.map(({ job, status, runs: count }) => `${job} ${status} ${count}`).sort();
  const hasRunAsMeant = ran.join() === RUN_AS_MEANT.join();
  return [
    ...(verdict.isClean ? [] : [formatVerdict(verdict)]),
    ...(isAsMeant ? [] : [`The jobs are: ${seen.join(', ')}`]),
    ...(hasRunAsMeant ? [] : [`What ran: ${ran.join(', ')}`]),
  ];
}

/** Job, state and how often it ran, at the end. */
const AS_MEANT = [
  'again active 0',
  'long active 0',
  'manual active 0',
  'paused active 0',
  'queued finished 4',
  'quick finished 3',
  'remind finished 1',
  'second finished 1',
  'shaky finished 2',
];
const RUN_AS_MEANT = [
  'again succeeded 3',
  'long cancelled 1',
  'manual succeeded 1',
  'queued succeeded 4',
  'quick succeeded 3',
  'remind succeeded 1',
  'second succeeded 1',
  'shaky succeeded 2',
];
