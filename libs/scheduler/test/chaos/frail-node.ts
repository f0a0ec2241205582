import type { HandlerRun, ManualClock } from 'nestjs-vigil-testing';

import type { Clock } from '../../src/clock/clock.js';
import { SchedulerEngine } from '../../src/engine/scheduler-engine.js';
import { JobStoreUnavailableError, PassUnresolvedError } from '../../src/store/errors.js';
import type { Decisions, JobStore, PassSnapshot } from '../../src/store/job-store.js';
import { engineOptions } from './engine-options.js';
import { registryOf } from './handlers.js';
import type { RandomJob } from './random-jobs.js';
import type { SeededRandom } from './random.js';

/**
 * What happens to the calls of a node: nothing; they never arrive; they arrive and their answer is lost; they hang until
 * the call's deadline, and arrive or not, or arrive later; any of it; they are slow.
 */
export const WEATHER = ['fine', 'refused', 'unanswered', 'hanging', 'mixed', 'slow'] as const;
export type Weather = (typeof WEATHER)[number];
type Decide = (snapshot: PassSnapshot) => Decisions;
export type Fate = 'arrives' | 'refused' | 'unanswered' | 'hangs' | 'hangs-unanswered' | 'arrives-later' | 'slow';

const CALL_TIMEOUT_MS = 5_000;
const FATES: Record<Weather, readonly [Fate, ...Fate[]]> = {
  fine: ['arrives'],
  refused: ['refused'],
  unanswered: ['unanswered'],
  hanging: ['hangs', 'hangs-unanswered', 'arrives-later'],
  mixed: ['arrives', 'refused', 'unanswered', 'hangs', 'hangs-unanswered', 'arrives-later', 'slow'],
  slow: ['slow', 'arrives'],
};
/** Only what is repeatable and tells nobody anything may arrive after its caller gave it up. */
const MAY_BE_LATE: readonly string[] = ['complete', 'beat'];

/** A process that can lose its database, freeze and die. Its engine, its handlers and its calls stand still with it. */
export class FrailNode {
  weather: Weather = 'fine';
  readonly engine: SchedulerEngine;
  readonly #struck: { verb: keyof JobStore; fate: Fate }[] = [];
  #isDead = false;
  #thawed: Promise<void> | null = null;
  #thaw: () => void = () => {};
  /** Ends what listens when the connections are lost. */
  #lost = new AbortController();

  constructor(
    readonly name: string,
    private readonly inner: JobStore,
    private readonly wall: ManualClock,
    private readonly random: SeededRandom,
    jobs: readonly RandomJob[],
    { runs, concurrency, leaseMs }: { runs: HandlerRun[]; concurrency: number; leaseMs: number },
  ) {
    const registry = registryOf(jobs, { name, clock: this.clock }, random, runs);
    this.engine = new SchedulerEngine(engineOptions({ nodeName: name, concurrency, leaseMs }), {
      store: this.#store(),
      registry,
      clock: this.clock,
      random: random.next,
    });
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** The wall clock is the cluster's; a frozen process wakes late, and a dead one never. */
  readonly clock: Clock = {
    now: () => this.wall.now(),
    monotonicMs: () => this.wall.monotonicMs(),
    sleep: async (ms, signal) => {
      await this.wall.sleep(ms, signal);
      await this.#turn();
    },
  };

  lose(weather: Weather): void {
    this.weather = weather;
    this.#lost.abort();
    this.#lost = new AbortController();
  }

  /** The next call of one verb meets its own fate, whatever the weather. */
  strike(verb: keyof JobStore, fate: Fate): void {
    this.#struck.push({ verb, fate });
  }

  freeze(): void {
    this.#thawed ??= new Promise((resolve) => (this.#thaw = resolve));
  }

  thaw(): void {
    this.#thawed = null;
    this.#thaw();
  }

  die(): void {
    this.#isDead = true;
  }

  /** Until this process may do something. */
  async #turn(): Promise<void> {
    if (this.#isDead) await new Promise(() => {});
    while (this.#thawed !== null) await this.#thawed;
    if (this.#isDead) await new Promise(() => {});
  }

  #store(): JobStore {
    return new Proxy(this.inner, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => this.#call(key as keyof JobStore, args);
      },
    });
  }

  async #call(verb: keyof JobStore, args: unknown[]): Promise<unknown> {
    await this.#turn();
    if (verb === 'close') return undefined;
    if (verb === 'listen') return await this.#listen(args as Parameters<JobStore['listen']>);
    const struck = this.#struck.findIndex((each) => each.verb === verb);
    const [strike] = struck < 0 ? [] : this.#struck.splice(struck, 1);
    const fate = strike?.fate ?? this.random.pick(FATES[this.weather]);
    try {
      return await this.#meet(fate, verb, args);
    } finally {
      await this.#turn();
    }
  }

  async #meet(fate: Fate, verb: keyof JobStore, args: unknown[]): Promise<unknown> {
    const locked: string[] = [];
    const given = verb === 'pass' ? [args[0], noting(args[1] as Decide, locked)] : args;
    const arrive = async (): Promise<unknown> =>
      await (Reflect.get(this.inner, verb) as (...args: unknown[]) => unknown).apply(this.inner, given);
    switch (fate) {
      case 'arrives':
        return await arrive();
      case 'slow':
        return await this.#slowly(arrive);
      case 'refused':
        throw new JobStoreUnavailableError(`The connection was refused during ${verb}.`, 'not-written');
      case 'unanswered':
        await arrive();
        throw lost(verb, locked);
      case 'hangs-unanswered':
        await arrive();
        await this.wall.sleep(CALL_TIMEOUT_MS);
        throw lost(verb, locked);
      case 'hangs':
      case 'arrives-later':
        await this.wall.sleep(CALL_TIMEOUT_MS);
        if (fate === 'arrives-later' && MAY_BE_LATE.includes(verb)) void this.#later(arrive);
        throw lost(verb, locked);
    }
  }

  async #slowly(arrive: () => Promise<unknown>): Promise<unknown> {
    await this.wall.sleep(this.random.int(1, 300));
    const answer = await arrive();
    await this.wall.sleep(this.random.int(1, 300));
    return answer;
  }

  async #later(arrive: () => Promise<unknown>): Promise<void> {
    await this.wall.sleep(this.random.int(1, 3_000));
    await arrive().catch(() => {});
  }

  async #listen([onWake, signal]: Parameters<JobStore['listen']>): Promise<void> {
    if (this.weather !== 'fine' && this.weather !== 'slow') throw new Error('The connection was lost.');
    const lost = this.#lost.signal;
    const broken = new Promise<never>((_, reject) =>
      lost.addEventListener('abort', () => reject(new Error('The connection was lost.')), { once: true }),
    );
    const ended = new AbortController();
    const end = (): void => ended.abort();
    signal.addEventListener('abort', end, { once: true });
    const wake = (): void => void this.#turn().then(onWake);
    try {
      await Promise.race([this.inner.listen(wake, ended.signal), broken]);
    } finally {
      end();
      signal.removeEventListener('abort', end);
    }
  }
}

function noting(decide: Decide, locked: string[]): Decide {
  return (snapshot) => {
    locked.push(...snapshot.jobs.map(({ job }) => job.uid));
    return decide(snapshot);
  };
}

function lost(verb: string, locked: readonly string[]): Error {
  if (verb === 'pass') return new PassUnresolvedError('The answer to the commit was lost.', locked);
  return new JobStoreUnavailableError(`The connection was lost during ${verb}.`, 'unknown');
}
