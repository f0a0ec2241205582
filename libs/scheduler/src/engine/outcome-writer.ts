import { Alarm } from '../clock/alarm.js';
import type { Clock } from '../clock/clock.js';
import type { JobStore, OutcomeRecord, OutcomeVerdict } from '../store/job-store.js';
import type { ExecutionRun } from './execution-run.js';
import type { Service } from './service.js';

const MAX_BATCH = 500;
/** How often the progress and the lines of running executions are written, all together. */
const PROGRESS_EVERY_MS = 1_000;
const FOR_EVER_MS = 2 ** 31 - 1;

/** How long an outcome waits whose row somebody else has locked. */
const BUSY_MS = 1_000;

interface Waiting {
  outcome: OutcomeRecord;
  /** Monotonic. */
  notBeforeMs: number;
  written: (verdict: Exclude<OutcomeVerdict, { kind: 'busy' }>) => void;
}
/** A run that was taken over and came back to this node is another run. */
export function leaseKey({ executionId, leaseEpoch }: { executionId: string; leaseEpoch: number }): string {
  return `${executionId}/${leaseEpoch}`;
}

/**
 * Writes how runs ended: one write in flight, and everything that finished meanwhile goes in the next. What is not
 * acknowledged stays and is written again, through an outage of any length; the store makes a repetition harmless.
 */
export class OutcomeWriter implements Service {
  readonly name = 'outcome-writer';
  readonly #waiting = new Map<string, Waiting>();
  readonly #reporting = new Map<string, ExecutionRun>();
  readonly #alarm: Alarm;
  #progressWrittenMs = -Infinity;

  constructor(
    private readonly store: JobStore,
    private readonly clock: Clock,
  ) {
    this.#alarm = new Alarm(clock);
  }

  /** How many outcomes are not acknowledged yet. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Ids of executions that have ended here, and whose outcome is not acknowledged yet. */
  get unwritten(): ReadonlySet<string> {
    return new Set([...this.#waiting.values()].map(({ outcome }) => outcome.executionId));
  }

  /** `written` is called once, when the store has said what became of it. */
  add(outcome: OutcomeRecord, written: Waiting['written']): void {
    const key = leaseKey(outcome);
    this.#reporting.delete(key);
    this.#waiting.set(key, { outcome, written, notBeforeMs: -Infinity });
    this.#alarm.ring();
  }

  /** It has something to tell while it runs. */
  report(run: ExecutionRun): void {
    this.#reporting.set(leaseKey(run.update), run);
    this.#alarm.ring();
  }

  async run(signal: AbortSignal, succeeded: () => void): Promise<void> {
    while (!signal.aborted) {
      const idleMs = await this.turn(succeeded);
      await this.#alarm.wait(idleMs, signal);
    }
  }

  /** Writes what waits; returns how long there is nothing to do. */
  async turn(succeeded: () => void = () => {}): Promise<number> {
    for (let batch = this.#due(); batch.length > 0; batch = this.#due()) {
      await this.#writeOutcomes(batch);
      succeeded();
    }
    const busyMs = this.#waiting.size === 0 ? FOR_EVER_MS : BUSY_MS;
    if (this.#reporting.size === 0) return busyMs;
    const idleMs = this.#progressWrittenMs + PROGRESS_EVERY_MS - this.clock.monotonicMs();
    if (idleMs > 0) return Math.min(idleMs, busyMs);
    await this.#writeProgress();
    succeeded();
    return 0;
  }

  #due(): Waiting[] {
    const nowMs = this.clock.monotonicMs();
    return [...this.#waiting.values()].filter(({ notBeforeMs }) => notBeforeMs <= nowMs).slice(0, MAX_BATCH);
  }

  async #writeOutcomes(batch: readonly Waiting[]): Promise<void> {
    const verdicts = await this.store.complete(batch.map(({ outcome }) => outcome));
    batch.forEach((each, index) => {
      const verdict = verdicts[index] ?? { kind: 'fenced' };
      if (verdict.kind === 'busy') {
        each.notBeforeMs = this.clock.monotonicMs() + BUSY_MS;
        return;
      }
      this.#waiting.delete(leaseKey(each.outcome));
      each.written(verdict);
    });
  }

  /** All that is new of all runs, in one statement; what is not written is told again. */
  async #writeProgress(): Promise<void> {
    const runs = [...this.#reporting.values()];
    const updates = runs.map(({ update }) => update);
    this.#progressWrittenMs = this.clock.monotonicMs();
    const locked = await this.store.saveProgress(updates);
    for (const [index, run] of runs.entries()) {
      const update = updates[index];
      if (update === undefined || locked.includes(update.executionId)) continue;
      if (update.logs !== null) run.log.wrote(update.logs);
      const now = run.update;
      const key = leaseKey(update);
      if (now.logs === null && now.progress === update.progress) this.#reporting.delete(key);
    }
  }
}
