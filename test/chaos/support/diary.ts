import type { HandlerRun } from 'nestjs-vigil-testing';
import type { Line } from '../../support/replicas.js';

/** One call of a handler, as the process told it in which it ran. */
export interface DiaryRun extends HandlerRun {
  jobId: string;
  attempt: number;
  node: string;
  /** When this process heard of it, on its own monotonic clock. */
  heardMs: number;
}

interface Waiting {
  isIt(run: DiaryRun): boolean;
  found(run: DiaryRun): void;
}

/** What really ran, by the handlers' own account: neither the ledger nor the database is asked. */
export class Diary {
  runs: DiaryRun[] = [];
  #waiting: Waiting[] = [];

  hear(node: string, line: Line): void {
    const { run, jobId, executionId, scheduledAt, attempt, at } = line as Record<string, string>;
    if (run === 'ended') return this.#ended(node, String(executionId), String(at));
    if (run !== 'started') return;
    this.#started({
      jobId: String(jobId),
      executionId: String(executionId),
      scheduledAt: new Date(String(scheduledAt)),
      attempt: Number(attempt),
      node,
      startedAt: new Date(String(at)),
      finishedAt: null,
      heardMs: performance.now(),
    });
  }

  /** These were never noted. */
  forget(isOne: (run: DiaryRun) => boolean): void {
    this.runs = this.runs.filter((run) => !isOne(run));
  }

  /** The first run of `jobId` (null: of any job) that was heard of after `afterMs`. Rejects after `boundMs` more. */
  async runAfter(afterMs: number, jobId: string | null, boundMs: number, node?: string): Promise<DiaryRun> {
    const isIt = (run: DiaryRun): boolean =>
      run.heardMs > afterMs && (jobId ?? run.jobId) === run.jobId && (node ?? run.node) === run.node;
    const there = this.runs.find(isIt);
    if (there !== undefined) return there;
    return await this.#waitFor(isIt, jobId ?? 'any job', boundMs);
  }

  /** The start of a run after `run`, of the same execution. */
  async rerunOf({ executionId, heardMs }: DiaryRun, boundMs: number): Promise<DiaryRun> {
    const isIt = (run: DiaryRun): boolean => run.executionId === executionId && run.heardMs > heardMs;
    return this.runs.find(isIt) ?? (await this.#waitFor(isIt, `execution ${executionId} again`, boundMs));
  }

  #waitFor(isIt: (run: DiaryRun) => boolean, what: string, boundMs: number): Promise<DiaryRun> {
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new Error(`No run of ${what} came within ${boundMs} ms.`));
      const timer = setTimeout(late, boundMs);
      const found = (run: DiaryRun): void => {
        clearTimeout(timer);
        resolve(run);
      };
      this.#waiting.push({ isIt, found });
    });
  }

  #started(run: DiaryRun): void {
    this.runs.push(run);
    const found = this.#waiting.filter(({ isIt }) => isIt(run));
    this.#waiting = this.#waiting.filter((each) => !found.includes(each));
    for (const each of found) each.found(run);
  }

  #ended(node: string, executionId: string, at: string): void {
    const run = this.runs.findLast((each) => each.node === node && each.executionId === executionId);
    if (run !== undefined) run.finishedAt = new Date(at);
  }
}
