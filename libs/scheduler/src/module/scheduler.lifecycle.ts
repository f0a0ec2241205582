import { Inject, Injectable, type InjectionToken } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';

import type { Clock } from '../clock/clock.js';
import type { HandlerTransactions } from '../store/handler-transactions.js';
import type { JobStore } from '../store/job-store.js';
import { placeOf } from '../store/connection-place.js';
import { ApplicationDataSource } from './application-data-source.js';
import { executorsOf, makeHandlerTransactions } from './handler-transactions.factory.js';
import { makeStore } from './job-store.factory.js';
import { QuietLogger } from './quiet-logger.js';
import { SchedulerCatalog, schedulersNamedIn } from './scheduler.catalog.js';
import { SCHEDULER_CLOCK } from './scheduler.clock.js';
import { SchedulerExplorer, type FoundMethod } from './scheduler.explorer.js';
import { SchedulerOptionsError } from './scheduler.options.js';
import { Schedulers } from './scheduler.registry.js';
import type { SchedulerRuntime } from './scheduler.runtime.js';

/** Applications enable shutdown hooks before or shortly after they are initialised. */
const HOOKS_WITHIN_MS = 5_000;

/** Brings the application's schedulers up and down. Every step happens once, however often the module is imported. */
@Injectable()
export class SchedulerLifecycle {
  readonly #logger = new QuietLogger('Scheduler');
  readonly #closed = new AbortController();
  #isPrepared = false;
  #booting: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  constructor(
    @Inject(Schedulers) private readonly schedulers: Schedulers,
    @Inject(SchedulerExplorer) private readonly explorer: SchedulerExplorer,
    @Inject(ApplicationDataSource) private readonly dataSource: ApplicationDataSource,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(SCHEDULER_CLOCK) private readonly clock: Clock,
  ) {}

  /** Every provider exists: find what is decorated, and where the jobs live. Nothing is connected. */
  prepare(): void {
    if (this.#isPrepared) return;
    this.#isPrepared = true;
    const methods = this.explorer.explore();
    this.#refuseUnknown(methods);
    const places = new Map<string, string>();
    const resolve = (token: InjectionToken): unknown => this.moduleRef.get(token as string, { strict: false });
    for (const runtime of this.schedulers.all) {
      const catalog = new SchedulerCatalog(runtime.options.name, methods);
      const store = this.#storeOf(runtime, places);
      const transactions = this.#transactionsOf(runtime, catalog, store);
      const executors = executorsOf(runtime.options, catalog.transactionalSource !== null, transactions);
      runtime.prepare({ store, catalog, resolve, transactions, executors });
    }
  }

  /** Every module is initialised: declare what is decorated, and start. Rejects only for what waiting does not cure. */
  boot(): Promise<void> {
    this.#booting ??= this.#boot();
    return this.#booting;
  }

  /** Lets handlers finish, within bounds, while the application's connections are still there. */
  close(): Promise<void> {
    this.#closed.abort();
    this.#closing ??= Promise.all(this.schedulers.all.map((runtime) => runtime.shutdown())).then(() => {});
    return this.#closing;
  }

  async #boot(): Promise<void> {
    const runtimes = this.schedulers.all;
    for (const runtime of runtimes) await runtime.build();
    // the application was closed while a factory was asked
    if (this.#closed.signal.aborted) return;
    const started = runtimes.filter(({ options }) => options.autoStart);
    const results = await Promise.allSettled(started.map((runtime) => runtime.start()));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) {
      await this.close();
      throw failure.reason;
    }
    if (started.length > 0) void this.#lookForShutdownHooks();
  }

  /** Without a listener the signal ends the process at once, and no provider hears of it. */
  async #lookForShutdownHooks(): Promise<void> {
    const { signal } = this.#closed;
    await this.clock.sleep(HOOKS_WITHIN_MS, signal);
    if (signal.aborted || process.listenerCount('SIGTERM') > 0) return;
    this.#logger.warn(
      'Nothing listens to SIGTERM, so a deploy ends this process in the middle of its runs; other nodes find them only after ' +
        'the lease is over. Call app.enableShutdownHooks() in main.ts.',
    );
  }

  #storeOf({ options }: SchedulerRuntime, places: Map<string, string>): JobStore {
    if (options.store !== undefined) return options.store;
    const place = this.dataSource.placeFor(options);
    const where = `${placeOf(place.connection)}, schema "${options.schema}"`;
    const other = places.get(where);
    if (other !== undefined) {
      throw new SchedulerOptionsError(
        `The schedulers "${other}" and "${options.name}" have the same tables: ${where}. Give one of them another schema.`,
      );
    }
    places.set(where, options.name);
    return makeStore(options, place, this.clock);
  }

  #transactionsOf(
    { options }: SchedulerRuntime,
    { transactionalSource: source }: SchedulerCatalog,
    store: JobStore,
  ): HandlerTransactions | null {
    if (source === null || !options.runJobs) return null;
    const dataSource = this.dataSource.forHandlers(options);
    return makeHandlerTransactions({ options, store, clock: this.clock, dataSource, source });
  }

  #refuseUnknown(methods: readonly FoundMethod[]): void {
    const known = this.schedulers.all.map(({ options }) => options.name);
    const unknown = schedulersNamedIn(methods).find(({ name }) => !known.includes(name));
    if (unknown === undefined) return;
    throw new SchedulerOptionsError(
      `${unknown.source} names the scheduler "${unknown.name}", and there is none. Schedulers: ${known.join(', ')}. ` +
        `Import SchedulerModule.forRoot({ name: '${unknown.name}', … }), or correct the option scheduler.`,
    );
  }
}
