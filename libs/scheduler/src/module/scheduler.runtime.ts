import { withDeadline, type Clock } from '../clock/clock.js';
import { EngineEvents, listenerFailureTo } from '../engine/engine-events.js';
import type { ThisNode } from '../engine/job-facts.js';
import { HandlerRegistry } from '../engine/handler-registry.js';
import { DEFAULT_EXECUTOR, InvalidJobError } from '../engine/job-settings.js';
import type { SchedulerHealth } from '../engine/engine-options.js';
import { SchedulerEngine } from '../engine/scheduler-engine.js';
import { JobStoreUnavailableError } from '../store/errors.js';
import type { HandlerTransactions } from '../store/handler-transactions.js';
import type { ClusterPause, JobStore, PauseNote } from '../store/job-store.js';
import type { JobEntity } from '../store/job.entity.js';
import type { Trigger } from '../triggers/trigger.js';
import { draftDeclared, type JobSurroundings, type Resolve } from './job-definition.js';
import { QuietLogger } from './quiet-logger.js';
import type { SchedulerCatalog } from './scheduler.catalog.js';
import { SchedulerLogger } from './scheduler.logger.js';
import type { SchedulerOverrides } from './scheduler.overrides.js';
import { DEFAULT_SCHEDULER, type ResolvedOptions } from './scheduler.options.js';
import { VERSION } from './version.js';

/** What the application gives a scheduler once its providers exist. */
export interface RuntimeParts {
  store: JobStore;
  catalog: SchedulerCatalog;
  resolve: Resolve;
  /** null: there is no data source of the application, or nobody needs it. */
  transactions: HandlerTransactions | null;
  /** Beside the default one. */
  executors: Readonly<Record<string, { concurrency: number }>>;
}

/** The scheduler has not been started, or has been shut down: the call had no effect. */
export class SchedulerNotStartedError extends Error {
  override readonly name = 'SchedulerNotStartedError';
}

const STOPPED: SchedulerHealth = {
  state: 'stopped',
  alive: false,
  ready: false,
  lastPassAt: null,
  latenessMs: null,
  reconnects: 0,
  reason: null,
};

/** One scheduler of the application, from its options to its running engine. */
export class SchedulerRuntime {
  readonly registry = new HandlerRegistry();
  readonly events: EngineEvents;
  readonly #logger: QuietLogger;
  #parts: RuntimeParts | null = null;
  #building: Promise<SchedulerEngine> | null = null;
  #engine: SchedulerEngine | null = null;
  #phase: 'idle' | 'started' | 'stopped' = 'idle';
  #starts = 0;
  #isOpen = false;
  readonly #foreignHandlers = new Set<string>();

  constructor(
    readonly options: ResolvedOptions,
    readonly clock: Clock,
    private readonly overrides: SchedulerOverrides = {},
  ) {
    const { name, nodeName } = options;
    this.#logger = new QuietLogger(name === DEFAULT_SCHEDULER ? 'Scheduler' : `Scheduler:${name}`);
    this.events = new EngineEvents(listenerFailureTo(this.#logger));
    new SchedulerLogger(this.#logger, clock, nodeName).listen(this.events);
  }

  get catalog(): SchedulerCatalog {
    return this.#prepared().catalog;
  }

  /** What every job of this scheduler gets from it. */
  get surroundings(): JobSurroundings {
    const { timeZone, defaults } = this.options;
    return { timeZone, defaults, executors: this.#prepared().executors };
  }

  health(): SchedulerHealth {
    return this.#engine?.health() ?? STOPPED;
  }

  /** What this process knows of itself, beside what the database says of it. */
  get thisNode(): ThisNode {
    const { state, reason } = this.health();
    const incarnation = this.#engine?.session.incarnation ?? null;
    const unwritten = this.#engine?.writer.unwritten ?? new Set();
    return { incarnation, state, reason, runJobs: this.options.runJobs, unwritten };
  }

  /** Handlers and listeners are known from now on; nothing is opened. */
  prepare(parts: RuntimeParts): void {
    if (this.#parts !== null) return;
    this.#parts = parts;
    for (const handler of parts.catalog.handlers) this.registry.addHandler(handler);
    for (const { event, call } of parts.catalog.listeners) this.events.on(event, call);
  }

  /** Resolves what the decorators declare. Rejects with what is wrong in the code. Concurrent calls are one. */
  build(): Promise<SchedulerEngine> {
    this.#building ??= this.#build().catch((error: unknown) => {
      this.#building = null;
      throw error;
    });
    return this.#building;
  }

  async start(): Promise<void> {
    const engine = await this.build();
    this.#phase = 'started';
    this.#starts += 1;
    try {
      await engine.start();
    } catch (error) {
      this.#phase = 'stopped';
      throw error;
    }
  }

  /** Never rejects. A start that comes meanwhile has the last word. */
  async shutdown(): Promise<void> {
    const starts = this.#starts;
    if (this.#phase === 'started') await this.#engine?.shutdown();
    else await this.#parts?.store.close();
    this.#isOpen = false;
    if (this.#starts === starts) this.#phase = 'stopped';
  }

  /**
   * The store, opened, also while the application still boots. Rejects with `JobStoreUnavailableError` within the call
   * timeout, and with `SchedulerNotStartedError` when nobody wants this scheduler to have a connection.
   */
  async store(): Promise<JobStore> {
    const { store } = this.#prepared();
    this.#refuseStopped();
    if (!this.#isOpen) await this.#open(store);
    return store;
  }

  /** What runs jobs in this process. `where`: the method, for messages. Throws `SchedulerNotStartedError`. */
  engine(where: string): SchedulerEngine {
    this.#refuseStopped();
    if (this.#engine !== null && this.#phase === 'started') return this.#engine;
    throw new SchedulerNotStartedError(
      `${where}: the scheduler "${this.options.name}" is not started yet. Call it after onApplicationBootstrap.`,
    );
  }

  /** The trigger of a job, computed by this process. `where`: the method, for messages. Throws `InvalidJobError`. */
  triggerOf(where: string, job: JobEntity): Trigger {
    const trigger = this.registry.triggerOf(job);
    if (trigger !== null) return trigger;
    throw new InvalidJobError(
      `${where}: "${job.id}" follows a trigger that is only in the code of another version. Call it in a process that has it.`,
    );
  }

  /** A call of this process has paused or resumed the cluster; before it starts, the loop finds out by itself. */
  clusterIs(pause: ClusterPause | null, by: PauseNote): void {
    this.#engine?.pauses.clusterIs(pause, by);
    this.wake();
  }

  /** Something may be due sooner than the loop expects. */
  wake(): void {
    this.#engine?.wake();
  }

  cancel(executionId: string, reason: string | null): void {
    this.#engine?.cancel(executionId, reason);
  }

  /** A job was added for a handler that this process does not have: on purpose, or by a slip. Told once. */
  foreignHandler(where: string, key: string): void {
    if (this.#foreignHandlers.has(key)) return;
    this.#foreignHandlers.add(key);
    const known = this.catalog.handlers.map((handler) => handler.key).join(', ') || 'none';
    this.#logger.warn(
      `${where}: no handler of this process has the key "${key}"; its jobs wait for a process that has one. ` +
        `If there is none, correct the key. Handlers here: ${known}.`,
    );
  }

  #refuseStopped(): void {
    const { name, autoStart } = this.options;
    if (this.#phase === 'stopped') {
      throw new SchedulerNotStartedError(`The scheduler "${name}" was shut down. Call start() first.`);
    }
    if (this.#phase === 'idle' && !autoStart && this.#parts?.store.kind !== 'memory') {
      throw new SchedulerNotStartedError(
        `The scheduler "${name}" has autoStart: false and was not started. Call start() first.`,
      );
    }
  }

  #prepared(): RuntimeParts {
    if (this.#parts !== null) return this.#parts;
    throw new SchedulerNotStartedError(
      `The scheduler "${this.options.name}" does not know the application's providers yet. Call it in onModuleInit or later, not in a constructor.`,
    );
  }

  async #open(store: JobStore): Promise<void> {
    const { name, callTimeoutMs } = this.options;
    const late = (): Error =>
      new JobStoreUnavailableError(`The store could not be opened within ${callTimeoutMs} ms.`, 'not-written');
    await withDeadline(this.clock, callTimeoutMs, store.open(name), late);
    this.#isOpen = true;
  }

  async #build(): Promise<SchedulerEngine> {
    const { catalog, resolve, store, transactions } = this.#prepared();
    const { surroundings } = this;
    for (const job of catalog.jobs) {
      const draft = await draftDeclared(job, surroundings, resolve);
      if (draft === null) continue;
      this.registry.declare(draft, job.handler.source);
      this.registry.addHandler(job.handler);
    }
    const { registry, clock, events } = this;
    const { random = Math.random } = this.overrides;
    const parts = { store, registry, clock, events, random, transactions: transactions ?? undefined };
    this.#engine = new SchedulerEngine(this.#engineOptions(), parts);
    return this.#engine;
  }

  #engineOptions() {
    const { concurrency, executors: _, ...options } = this.options;
    const named = Object.entries(this.#prepared().executors).map(
      ([name, executor]) => [name, executor.concurrency] as const,
    );
    return {
      ...options,
      version: VERSION,
      peekEveryMs: this.overrides.peekEveryMs,
      concurrency: { [DEFAULT_EXECUTOR]: concurrency, ...Object.fromEntries(named) },
      logger: this.#logger,
      loggerFor: (jobId: string) => new QuietLogger(`Job ${jobId}`),
    };
  }
}
