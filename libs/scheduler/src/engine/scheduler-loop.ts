import type { Alarm } from '../clock/alarm.js';
import type { Random } from '../clock/backoff.js';
import type { Clock } from '../clock/clock.js';
import { PassUnresolvedError } from '../store/errors.js';
import type { JobExecutionEntity } from '../store/job-execution.entity.js';
import type { Decisions, JobQuarantine, JobStore, PassSnapshot, Peek } from '../store/job-store.js';
import type { JobEntity } from '../store/job.entity.js';
import { decide, type DecideContext } from './decide.js';
import { keyOf, type Dispatcher } from './dispatcher.js';
import type { HandlerRegistry } from './handler-registry.js';
import type { NodeSession } from './node-session.js';
import type { Pauses } from './pauses.js';
import { PutAside } from './put-aside.js';
import type { Service } from './service.js';

/** How often it looks while it cannot hear notifications. */
const PEEK_EVERY_DEAF_MS = 1_000;
/** Due work that could not be taken (locked, no room) is looked at again after this, plus jitter up to a second. */
const UNTAKEN_WAIT_MS = 250;
/** As many jobs are locked in one pass, however many slots are free: larger ones are no faster, and each has a deadline. */
const MAX_JOBS_PER_PASS = 100;

export interface LoopParts {
  store: JobStore;
  session: NodeSession;
  registry: HandlerRegistry;
  dispatcher: Dispatcher;
  pauses: Pauses;
  alarm: Alarm;
  clock: Clock;
  random: Random;
  /** The loop looks at least this often. */
  peekEveryMs: number;
  /** After a long sleep of this process others may take what it claims, before it has said that it lives. */
  renewStaleLease(): Promise<void>;
  /** Whether notifications arrive. */
  canHear(): boolean;
  /** After a pass: rows that were recorded, or that waited and were cancelled, and jobs that were quarantined, or paused. */
  onDecided(
    decided: readonly JobExecutionEntity[],
    quarantined: readonly JobEntity[],
    paused: readonly JobEntity[],
  ): void;
  onPass(latenessMs: number | null): void;
}

/** Finds what is due, claims it, and hands it to the dispatcher. */
export class SchedulerLoop implements Service {
  readonly name = 'loop';
  /** uids of the jobs of a pass whose commit was not answered. */
  #unresolved: readonly string[] = [];
  /** What waits of these had no room. */
  readonly #blocked: PutAside;
  /** These are due, and this node could not decide them. */
  readonly #undecided: PutAside;
  #unblocks = 0;
  #passing: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: LoopParts) {
    this.#blocked = new PutAside(parts.clock);
    this.#undecided = new PutAside(parts.clock);
  }

  async run(signal: AbortSignal, succeeded: () => void): Promise<void> {
    while (!signal.aborted) {
      const idleMs = await this.turn();
      succeeded();
      await this.parts.alarm.wait(idleMs, signal);
    }
  }

  /** One turn; returns how long there is nothing to do. */
  async turn(): Promise<number> {
    await this.parts.session.ready();
    await this.parts.renewStaleLease();
    await this.#resolveLostPass();
    return this.processJobs();
  }

  /** Runs what is due; returns how many milliseconds nothing will be due. Whatever it throws, everything is still due. */
  async processJobs(): Promise<number> {
    const { registry, dispatcher, pauses, peekEveryMs } = this.parts;
    const slots = this.#freeSlots();
    // without a free slot it still has to hear what shall stop, and whether it is paused
    const capabilities = registry.capabilities([...slots.keys()]);
    const { now, nextAt, missedUntil } = await this.#look(capabilities);
    const isWaiting = capabilities.length > 0 || !dispatcher.isIdle;
    const peekMs = this.parts.canHear() || !isWaiting ? peekEveryMs : PEEK_EVERY_DEAF_MS;
    if (pauses.isPaused) return peekMs;
    const idleMs = nextAt === null ? Infinity : nextAt.getTime() - now.getTime();
    if (idleMs > 0) return Math.min(idleMs, peekMs, this.#blocked.leftMs());
    // what fell into a pause takes no slot
    const isMissed = missedUntil !== null && nextAt !== null && nextAt <= missedUntil;
    const passing = this.#pass(capabilities, slots, isMissed ? MAX_JOBS_PER_PASS : sumOf(slots));
    this.#passing = passing;
    const hasTaken = await passing;
    return hasTaken ? 0 : UNTAKEN_WAIT_MS + this.parts.random() * (1_000 - UNTAKEN_WAIT_MS);
  }

  async #look(capabilities: readonly string[]): Promise<Peek> {
    const { store, session, dispatcher, pauses } = this.parts;
    const { changes } = pauses;
    const peek = await store.peek(capabilities, this.#blocked.uids(), session.incarnation);
    for (const { executionId, reason } of peek.stopping) dispatcher.cancel(executionId, reason);
    pauses.found(peek.pause, changes);
    return peek;
  }

  /** When the pass that is under way has started what it claims, or has failed. */
  async passOver(): Promise<void> {
    await this.#passing.catch(() => {});
  }

  /** There is room again: what was blocked may be looked at. */
  unblock(): void {
    this.#blocked.clear();
    this.#unblocks += 1;
  }

  #freeSlots(): Map<string, number> {
    return new Map([...this.parts.dispatcher.freeSlots()].filter(([, free]) => free > 0));
  }

  /** Records, advances and claims in one transaction, and starts handlers only after its commit is acknowledged. */
  async #pass(capabilities: readonly string[], slots: Map<string, number>, most: number): Promise<boolean> {
    const { store, session, dispatcher } = this.parts;
    const limit = Math.min(most, MAX_JOBS_PER_PASS);
    const { incarnation, options } = session;
    const unblocks = this.#unblocks;
    let seen: PassSnapshot | null = null;
    let decisions: Decisions | null = null;
    const [blocked, undecided] = [this.#blocked.uids(), this.#undecided.uids()];
    const request = { incarnation, nodeName: options.nodeName, capabilities, limit, blocked, undecided };
    const { now, recorded, claimed, cancelled, quarantined, paused } = await store
      .pass(request, (snapshot) => {
        seen = snapshot;
        decisions = decide(snapshot, this.#deciding(slots));
        return decisions;
      })
      .catch((error: unknown) => this.#rememberLostPass(error));
    if (seen === null || decisions === null) return false;
    const jobs = jobsAfter(seen, decisions);
    const mine = [...recorded.filter(({ status }) => status === 'running'), ...claimed];
    for (const execution of mine) {
      const job = jobs.get(execution.jobUid);
      if (job !== undefined) dispatcher.start(execution, job);
    }
    // room that came meanwhile is not in the snapshot
    if (this.#unblocks === unblocks) this.#blockUntaken(seen, claimed);
    const isOutOfTheWay = this.#putUndecidedAside(seen, decisions);
    this.parts.onPass(latenessMs(recorded, now));
    this.parts.onDecided([...recorded, ...cancelled], quarantinedJobs(jobs, quarantined), paused);
    const { advances } = decisions as Decisions;
    return isOutOfTheWay || recorded.length + claimed.length + quarantined.length + advances.length > 0;
  }

  #deciding(slots: ReadonlyMap<string, number>): DecideContext {
    const { registry } = this.parts;
    return {
      triggerOf: (job) => registry.triggerOf(job),
      canRun: (job) => registry.handler(job.handler) !== undefined,
      slots: new Map(slots),
    };
  }

  #rememberLostPass(error: unknown): never {
    if (error instanceof PassUnresolvedError) this.#unresolved = error.jobs;
    throw error;
  }

  /** Nothing is claimed before it is known what a lost commit has claimed: what is not in memory is the claim. */
  async #resolveLostPass(): Promise<void> {
    if (this.#unresolved.length === 0) return;
    const { store, session, dispatcher } = this.parts;
    // as it was before the answer: what ends meanwhile is in the answer, and was run
    const known = dispatcher.claims();
    const owned = await store.resolve(session.incarnation, this.#unresolved);
    this.#unresolved = [];
    for (const { execution, job } of owned) {
      if (known.has(keyOf(execution))) continue;
      if (job === null) dispatcher.discard(execution);
      else dispatcher.start(execution, job);
      if (execution.cancelRequestedAt !== null) dispatcher.cancel(execution.id, execution.reason);
    }
  }

  #blockUntaken(seen: PassSnapshot, claimed: readonly JobExecutionEntity[]): void {
    const taken = new Set(claimed.map(({ jobUid }) => jobUid));
    for (const { job, pending } of seen.jobs) {
      if (pending.length > 0 && !taken.has(job.uid)) this.#blocked.add(job.uid);
    }
  }

  /**
   * What only another version's code can compute would be the first in every pass, as long as there is none.
   * true: the next pass sees what it stood before.
   */
  #putUndecidedAside(seen: PassSnapshot, { advances, quarantines }: Decisions): boolean {
    const decided = new Set([...advances, ...quarantines].map(({ uid }) => uid));
    const undecided = seen.jobs.filter(({ job, isDue }) => isDue && !decided.has(job.uid));
    for (const { job } of undecided) this.#undecided.add(job.uid);
    return undecided.length > 0;
  }
}

function sumOf(slots: ReadonlyMap<string, number>): number {
  return [...slots.values()].reduce((sum, each) => sum + each, 0);
}

/** The jobs of a pass as they are after it. */
function jobsAfter({ jobs }: PassSnapshot, { advances }: Decisions): Map<string, JobEntity> {
  const advanced = new Map(advances.map((advance) => [advance.uid, advance]));
  return new Map(
    jobs.map(({ job }) => {
      const advance = advanced.get(job.uid);
      if (advance === undefined) return [job.uid, job];
      const { nextRunAt, wakeAt } = advance;
      return [job.uid, { ...job, nextRunAt, wakeAt }];
    }),
  );
}

function quarantinedJobs(jobs: ReadonlyMap<string, JobEntity>, quarantined: readonly JobQuarantine[]): JobEntity[] {
  return quarantined.flatMap(({ uid, reason }) => {
    const job = jobs.get(uid);
    return job === undefined ? [] : { ...job, state: 'quarantined' as const, stateReason: reason };
  });
}

/** How late the latest of the fires started that this pass has started; null: none. */
function latenessMs(recorded: readonly JobExecutionEntity[], now: Date): number | null {
  const started = recorded.filter(({ status }) => status === 'running').map(({ scheduledAt }) => scheduledAt.getTime());
  return started.length === 0 ? null : Math.max(0, now.getTime() - Math.min(...started));
}
