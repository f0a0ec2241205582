import { Alarm } from '../clock/alarm.js';
import { withDeadline } from '../clock/clock.js';
import { ConnectionsReplacedError, JobStoreUnavailableError } from '../store/errors.js';
import type { Beat, Rescued } from '../store/job-store.js';
import { tellDecided } from './decided-events.js';
import { DeclaredJobs } from './declared-jobs.js';
import { Dispatcher } from './dispatcher.js';
import { EngineEvents, listenerFailureTo, type SchedulerState } from './engine-events.js';
import type { EngineOptions, EngineParts, SchedulerHealth } from './engine-options.js';
import { asError } from './json.js';
import { NodeSession } from './node-session.js';
import { OutcomeWriter } from './outcome-writer.js';
import { Pauses } from './pauses.js';
import { Pulse } from './pulse.js';
import { SchedulerLoop } from './scheduler-loop.js';
import { BACKGROUND, StateMachine } from './scheduler-state.js';
import { Auditor } from './services/auditor.js';
import { DefinitionKeeper } from './services/definition-keeper.js';
import { HistoryPruner } from './services/history-pruner.js';
import { LeaseRenewer } from './services/lease-renewer.js';
import { NodeReaper } from './services/node-reaper.js';
import { NotificationListener } from './services/notification-listener.js';
import { Supervisor } from './supervisor.js';

const PEEK_EVERY_MS = 60_000;
/** How long the last writes of a shutdown may take after its time is over. */
const LAST_WRITES_MS = 500;
const GOODBYE_MS = 200;

/** Composes the loop and its services, and starts and stops them. */
export class SchedulerEngine {
  readonly events: EngineEvents;
  readonly session: NodeSession;
  readonly pauses: Pauses;
  readonly #machine: StateMachine;
  readonly #alarm: Alarm;
  readonly writer: OutcomeWriter;
  readonly #dispatcher: Dispatcher;
  readonly #pulse: Pulse;
  readonly #loop: SchedulerLoop;
  readonly #keeper: DefinitionKeeper;
  readonly #listener: NotificationListener;
  readonly #reaper: NodeReaper;
  #renewer: LeaseRenewer | null = null;
  readonly #supervisor: Supervisor;
  /** Takes new work; stopped first. */
  #claiming = new AbortController();
  /** Keeps leases and writes outcomes; stopped last. */
  #keeping = new AbortController();
  #loopEnded: Promise<unknown> = Promise.resolve();
  #idleWaiters: (() => void)[] = [];
  #starting: Promise<void> | null = null;
  #stopping: Promise<void> | null = null;
  #reconnecting: Promise<void> | null = null;
  #reconnects = 0;

  constructor(
    private readonly options: EngineOptions,
    private readonly parts: EngineParts,
  ) {
    const { store, registry, clock, random } = parts;
    const { concurrency, leaseMs, aroundJob, loggerFor, nodeName, version, peekEveryMs = PEEK_EVERY_MS } = options;
    this.events = parts.events ?? new EngineEvents(listenerFailureTo(options.logger));
    this.pauses = new Pauses((by) => this.#machine.pauseChanged(by));
    this.#machine = new StateMachine(clock, this.events, this.pauses);
    this.#alarm = new Alarm(clock);
    this.#pulse = new Pulse(clock, peekEveryMs);
    const lost = (): void => this.#dispatcher.abortAll('lease-lost');
    const capabilities = options.runJobs ? registry.capabilities(Object.keys(concurrency)) : [];
    const identity = { schedulerName: options.name, nodeName, leaseMs, version, capabilities };
    this.session = new NodeSession(store, new DeclaredJobs(store, registry, this.events), identity, lost);
    this.writer = new OutcomeWriter(store, clock);
    this.#dispatcher = new Dispatcher(
      { concurrency: options.runJobs ? concurrency : {}, leaseMs, aroundJob, loggerFor },
      { ...parts, events: this.events, writer: this.writer, onFree: () => this.#slotFreed() },
    );
    this.#keeper = new DefinitionKeeper(this.session, clock);
    this.#listener = new NotificationListener(store, this.session, clock, random, () => this.#heard());
    this.#loop = new SchedulerLoop({
      ...parts,
      session: this.session,
      dispatcher: this.#dispatcher,
      pauses: this.pauses,
      alarm: this.#alarm,
      peekEveryMs,
      renewStaleLease: async () => this.#renewer?.renewIfStale(),
      canHear: () => this.#listener.canHear,
      onDecided: (...decided) => tellDecided(this.events, ...decided),
      onPass: (latenessMs) => this.#pulse.passed(latenessMs),
    });
    this.#reaper = new NodeReaper({ store, clock, leaseMs, onRescued: (rescued) => this.#rescued(rescued) });
    this.#supervisor = new Supervisor(clock, random, {
      generation: () => this.#reconnects,
      reconnect: (service, error) => this.#reconnectAfter(service, error),
      failed: (failure) => this.#failed(failure),
      succeeded: (service) => this.#succeeded(service),
    });
  }

  get state(): SchedulerState {
    return this.#machine.state;
  }

  health(): SchedulerHealth {
    const { state, reason } = this.#machine;
    const isUp = state !== 'stopped' && state !== 'draining';
    return {
      state,
      alive: isUp && this.#pulse.isAlive,
      ready: this.#machine.isReady,
      ...this.#pulse.lastPass,
      reconnects: this.#reconnects,
      reason,
    };
  }

  /** Aborts a run of this process at once; the node of one that runs elsewhere hears of it by a notification. */
  cancel(executionId: string, reason: string | null): void {
    this.#dispatcher.cancel(executionId, reason);
  }

  /** Looks for due work now. */
  wake(): void {
    this.#alarm.ring();
  }

  /** When the pass that is under way has started what it claims, or has failed. */
  passOver(): Promise<void> {
    return this.#loop.passOver();
  }

  /**
   * One attempt to open the store; then the loop goes on by itself, whatever happens. Rejects only for what waiting
   * does not cure (`JobStoreConfigurationError`). Concurrent calls are one; a call during a shutdown follows it.
   */
  start(): Promise<void> {
    this.#starting ??= this.#start(this.#stopping).catch((error: unknown) => {
      this.#starting = null;
      throw error;
    });
    return this.#starting;
  }

  /** Bounded by `shutdownTimeoutMs` plus a second, with or without a database. Never rejects. Concurrent calls are one. */
  shutdown(): Promise<void> {
    this.#starting = null;
    this.#stopping ??= this.#shutdown().finally(() => (this.#stopping = null));
    return this.#stopping;
  }

  async #start(stopping: Promise<void> | null): Promise<void> {
    if (stopping !== null) {
      await stopping;
      // shut down again meanwhile
      if (this.#starting === null) return;
    }
    this.#machine.starting();
    const claiming = (this.#claiming = new AbortController());
    this.#keeping = new AbortController();
    this.#dispatcher.open();
    this.#pulse.turned();
    const opened = this.session.ready().then(() => this.parts.transactions?.check());
    const error = await opened.catch(asError);
    // shut down meanwhile: nothing is to be started, and nobody is interested in what failed
    if (claiming.signal.aborted) return;
    if (error instanceof JobStoreUnavailableError) this.#failed({ service: 'loop', error, attempt: 1, retryInMs: 0 });
    else if (error !== undefined) return this.#giveUpStart(error);
    const firstTurn = this.options.waitForDatabase ? this.#firstTurn() : Promise.resolve();
    this.#launch();
    await firstTurn;
  }

  async #giveUpStart(error: Error): Promise<never> {
    this.#machine.stopped();
    await this.parts.store.close();
    throw error;
  }

  /** Or until it is clear that there will be none. */
  #firstTurn(): Promise<void> {
    return new Promise((resolve) => {
      const off = this.events.on('scheduler.state', ({ to }) => {
        if (!this.#machine.isReady && to !== 'stopped' && to !== 'draining') return;
        off();
        resolve();
      });
    });
  }

  #launch(): void {
    const { store, clock } = this.parts;
    const { leaseMs, retention, notifications } = this.options;
    const { session, events } = this;
    const onBeat = async (beat: Beat) => {
      this.#keeper.observe(beat);
      await this.#reaper.observe(beat, session.incarnation);
    };
    const renewer = new LeaseRenewer({ store, session, dispatcher: this.#dispatcher, clock, leaseMs, onBeat });
    this.#renewer = renewer;
    const pruner = new HistoryPruner(store, session, clock, retention);
    const auditor = new Auditor({ ...this.parts, session, events, leaseMs, onRepaired: () => this.wake() });
    this.#loopEnded = this.#supervisor.keep(this.#loop, this.#claiming.signal);
    const others = [pruner, auditor, this.#keeper, ...(notifications ? [this.#listener] : [])];
    for (const service of others) void this.#supervisor.keep(service, this.#claiming.signal);
    for (const service of [this.writer, renewer]) void this.#supervisor.keep(service, this.#keeping.signal);
  }

  async #shutdown(): Promise<void> {
    if (this.#machine.state === 'stopped') return;
    const { shutdownTimeoutMs } = this.options;
    const graceMs = Math.min(2_000, shutdownTimeoutMs / 4);
    this.#machine.draining();
    this.#claiming.abort();
    await this.#within(shutdownTimeoutMs - graceMs, this.#drained());
    this.#dispatcher.abortAll('shutdown');
    await this.#within(graceMs, this.#drained());
    this.#dispatcher.close();
    await this.#within(LAST_WRITES_MS, this.#idle());
    this.#keeping.abort();
    this.#dispatcher.tellUnrecorded();
    await this.#within(GOODBYE_MS, this.parts.store.retireNode(this.session.incarnation));
    await this.#within(GOODBYE_MS, this.parts.store.close());
    this.session.leave();
    this.pauses.forget();
    this.#machine.stopped();
  }

  /** The pass in flight may still claim something; then what runs has to end. */
  async #drained(): Promise<void> {
    await this.#loopEnded;
    await this.#idle();
  }

  /** Until every run has its outcome written. */
  async #idle(): Promise<void> {
    if (this.#dispatcher.isIdle) return;
    await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  async #within(ms: number, promise: Promise<unknown>): Promise<void> {
    await withDeadline(this.parts.clock, ms, promise, () => new Error('late')).catch(() => {});
  }

  #heard(): void {
    this.#keeper.somethingChanged();
    this.wake();
  }

  #slotFreed(): void {
    this.#loop.unblock();
    this.wake();
    if (!this.#dispatcher.isIdle) return;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  /**
   * What the loop cannot do may lie with its connections, whatever it says; others have to say so. What nobody waits for
   * leaves it to them.
   */
  async #reconnectAfter(service: string, error: Error): Promise<void> {
    if (BACKGROUND.has(service)) return;
    if (service !== this.#loop.name && !(error instanceof JobStoreUnavailableError)) return;
    this.#reconnecting ??= this.#makeConnections().finally(() => (this.#reconnecting = null));
    await this.#reconnecting;
  }

  async #makeConnections(): Promise<void> {
    this.session.distrust();
    this.#reaper.forget();
    await this.parts.store.reconnect();
    this.#reconnects += 1;
    this.#machine.reconnected();
    this.wake();
  }

  #failed(failure: { service: string; error: Error; attempt: number; retryInMs: number }): void {
    if (failure.service === this.#loop.name) this.#pulse.turned();
    // what made it necessary was told
    if (failure.error instanceof ConnectionsReplacedError) return;
    this.#machine.failed(failure.service, failure.error, failure.attempt);
    this.events.emit('scheduler.failure', failure);
  }

  #succeeded(service: string): void {
    if (service === this.#loop.name) this.#pulse.turned();
    this.#machine.succeeded(service);
  }

  #rescued(rescued: readonly Rescued[]): void {
    for (const each of rescued) this.events.emit('execution.rescued', each);
    this.wake();
  }
}
