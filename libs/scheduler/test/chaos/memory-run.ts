import { judgeSchedule, ManualClock, readSchedule, type HandlerRun, type JudgeInput } from 'nestjs-vigil-testing';

import { MemoryJobStore } from '../../src/store/memory-job.store.js';
import type { JobExecutionEntity } from '../../src/store/job-execution.entity.js';
import type { JobStore } from '../../src/store/job-store.js';
import { randomFaults, type Fault, type PlannedFault } from './faults.js';
import { FrailNode } from './frail-node.js';
import { backfillOf, randomJobs, rowsOf, type RandomJob } from './random-jobs.js';
import { SeededRandom } from './random.js';
import { TransitionRecorder } from './recording-store.js';

const LEASE_MS = 20_000;
const FAULTS_UNTIL_MS = 120_000;
/** Fires that nothing disturbs any more. */
const FIRES_UNTIL_MS = FAULTS_UNTIL_MS + 80_000;
/** A run may crash twice before it is given up, each time found within two leases and 30 s; then queues drain, however slowly. */
const SETTLED_WITHIN_MS = 180 * 60_000;
/** What was offered while the clock was ahead waits until that time has come. */
const FURTHEST_STEP_MS = 3_600_000;

export interface MemoryRun {
  input: JudgeInput;
  verdict: ReturnType<typeof judgeSchedule>;
  jobs: readonly RandomJob[];
  faults: readonly PlannedFault[];
}

/** One seed: jobs, nodes and faults are drawn, time passes, everything heals and settles, and is judged. */
export async function runOnMemory(seed: number): Promise<MemoryRun> {
  const run = new Cluster(seed);
  await run.play();
  return await run.judge();
}

class Cluster {
  readonly #random: SeededRandom;
  readonly #clock = new ManualClock('2026-01-01T00:00:00Z');
  readonly #memory = new MemoryJobStore({ clock: this.#clock });
  readonly #recorder = new TransitionRecorder(this.#memory, this.#clock);
  /** For what is asked from outside. */
  readonly #store: JobStore = this.#recorder.storeOf('outside');
  readonly #runs: HandlerRun[] = [];
  readonly #jobs: RandomJob[];
  readonly #faults: PlannedFault[];
  readonly #concurrency: number;
  readonly #nodes: FrailNode[] = [];
  /** What ends a fault, and when. */
  readonly #ends: { atMs: number; end: () => void }[] = [];
  #started = 0;

  constructor(seed: number) {
    const random = (this.#random = new SeededRandom(seed));
    const from = this.#clock.now();
    const until = new Date(from.getTime() + FIRES_UNTIL_MS);
    const pace = {
      from,
      until,
      shortestMs: 700,
      longestMs: 20_000,
      longestWorkMs: 3_000,
      longWorkMs: 40_000,
      leastTimeoutMs: 500,
      longestRetryMs: 2_000,
      withHanging: true,
    };
    this.#jobs = randomJobs(random, { ...pace, withCron: true });
    this.#concurrency = random.pick([1, 3, 12] as const);
    const nodes = random.int(1, 3);
    this.#faults = randomFaults(random, { nodes, jobs: this.#jobs.length, lastMs: FAULTS_UNTIL_MS });
    for (let index = 0; index < nodes; index++) this.#nodes.push(this.#newNode());
  }

  async play(): Promise<void> {
    await this.#store.open('default');
    for (const node of this.#nodes) this.#start(node);
    await this.#store.addJobs((now) => rowsOf(this.#jobs, this.#random, now), 'error');
    for (const { atMs, fault } of this.#faults) {
      await this.#advanceTo(atMs);
      await this.#befall(fault);
    }
    await this.#advanceTo(FAULTS_UNTIL_MS);
    for (const { end } of this.#ends.splice(0)) end();
    await this.#advanceTo(FIRES_UNTIL_MS);
    await this.#settle();
  }

  async judge(): Promise<MemoryRun> {
    const recorded = await readSchedule(this.#memory);
    const began = new Date('2026-01-01T00:00:00Z');
    const input: JudgeInput = {
      ...recorded,
      transitions: await this.#recorder.transitions(),
      runs: this.#runs,
      until: this.#clock.now(),
      isSettled: true,
      isClockSet: this.#isClockSet,
      // with few slots a fire may wait for one as long as it takes
      ...(this.#concurrency === 12 && { lateAfterMs: 2_000 }),
      outages: [{ from: began, until: new Date(began.getTime() + FAULTS_UNTIL_MS + 2 * LEASE_MS + 30_000) }],
    };
    return { input, verdict: judgeSchedule(input), jobs: this.#jobs, faults: this.#faults };
  }

  get #isClockSet(): boolean {
    return this.#faults.some(({ fault }) => fault.kind === 'step');
  }

  /** Until nothing is left to do, or it is clear that it never will be done. */
  async #settle(): Promise<void> {
    const endMs = this.#clock.monotonicMs() + SETTLED_WITHIN_MS + (this.#isClockSet ? FURTHEST_STEP_MS : 0);
    while (this.#clock.monotonicMs() < endMs && (await this.#isBusy())) await this.#clock.advance(10_000);
  }

  async #isBusy(): Promise<boolean> {
    const active = await this.#store.getJobs({ state: 'active', limit: 1 });
    const running = await this.#store.getExecutions({ status: 'running', limit: 1 });
    const pending = await this.#store.getExecutions({ status: 'pending', limit: 1 });
    return active.items.length + running.items.length + pending.items.length > 0;
  }

  #newNode(): FrailNode {
    const name = `node-${this.#started++}`;
    const options = { runs: this.#runs, concurrency: this.#concurrency, leaseMs: LEASE_MS };
    return new FrailNode(name, this.#recorder.storeOf(name), this.#clock, this.#random, this.#jobs, options);
  }

  #start(node: FrailNode): void {
    void node.engine.start();
  }

  async #advanceTo(atMs: number): Promise<void> {
    for (;;) {
      this.#ends.sort((a, b) => a.atMs - b.atMs);
      const next = this.#ends[0];
      if (next === undefined || next.atMs > atMs) break;
      await this.#clock.advance(Math.max(0, next.atMs - this.#clock.monotonicMs()));
      this.#ends.shift();
      next.end();
    }
    await this.#clock.advance(Math.max(0, atMs - this.#clock.monotonicMs()));
  }

  #after(ms: number, end: () => void): void {
    this.#ends.push({ atMs: this.#clock.monotonicMs() + ms, end });
  }

  async #befall(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'weather':
        for (const [index, node] of this.#nodes.entries()) {
          if (fault.node !== 'all' && fault.node !== index) continue;
          node.lose(fault.weather);
          this.#after(fault.forMs, () => node.lose('fine'));
        }
        return;
      case 'strike':
        for (let time = 0; time < fault.times; time++) this.#nodes[fault.node]?.strike(fault.verb, fault.fate);
        return;
      case 'freeze':
        return this.#freeze(fault.node, fault.forMs);
      case 'die':
        return this.#replace(fault.node, fault.forMs, (node) => node.die());
      case 'shutdown':
        return this.#replace(fault.node, fault.forMs, (node) => void node.engine.shutdown());
      case 'step':
        this.#clock.step(fault.byMs);
        return this.#after(fault.forMs, () => this.#clock.step(-fault.byMs));
      case 'manual':
        await this.#store.addManualExecution(`job-${fault.job}`, { id: this.#random.uuid(), data: null, reason: null });
        return;
      case 'backfill': {
        const job = this.#jobs[fault.job];
        if (job) await this.#store.addBackfill(job.id, backfillOf(job, fault.ofMs, this.#random.uuid()));
        return;
      }
      case 'cancel': {
        const { items } = await this.#store.getExecutions({
          status: this.#random.pick(['running', 'pending'] as const),
        });
        // the ids are no part of the seed
        const [oldest] = items.map(({ execution }) => execution).sort(byJobAndInstant);
        if (oldest) await this.#store.cancelExecution(oldest.id, 'a person said so');
      }
    }
  }

  #freeze(index: number, forMs: number): void {
    const node = this.#nodes[index];
    node?.freeze();
    this.#after(forMs, () => node?.thaw());
  }

  /** Its successor is another process. */
  #replace(index: number, afterMs: number, end: (node: FrailNode) => void): void {
    const node = this.#nodes[index];
    if (node === undefined) return;
    end(node);
    this.#after(afterMs, () => {
      // one that froze and does not end within its time is killed
      if (!node.isDead && node.engine.state !== 'stopped') node.die();
      this.#start((this.#nodes[index] = this.#newNode()));
    });
  }
}

function byJobAndInstant(a: JobExecutionEntity, b: JobExecutionEntity): number {
  const keyOf = ({ jobId, scheduledAt, kind, availableAt }: JobExecutionEntity): string =>
    `${jobId} ${scheduledAt.toISOString()} ${kind} ${availableAt.toISOString()}`;
  return keyOf(a).localeCompare(keyOf(b));
}
