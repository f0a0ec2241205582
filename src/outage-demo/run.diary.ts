import type { JobContext } from 'nestjs-vigil';
import type { HandlerRun } from 'nestjs-vigil-testing';

/** One call of a handler. */
export interface DiaryRun extends HandlerRun {
  jobId: string;
  /** On this process's own clock, which no outage stops. */
  startedMs: number;
}

interface Waiting {
  isIt(run: DiaryRun): boolean;
  found(run: DiaryRun): void;
}

/** The application's own list of what really ran, apart from the scheduler's ledger. */
export class RunDiary {
  readonly runs: DiaryRun[] = [];
  #waiting: Waiting[] = [];

  /** Fits `aroundJob`: every call of a handler goes through here. */
  readonly around = async (context: JobContext<unknown>, run: () => Promise<unknown>): Promise<unknown> => {
    const { jobId, executionId, scheduledAt } = context;
    const entry: DiaryRun = { jobId, executionId, scheduledAt, startedAt: new Date(), startedMs: performance.now() };
    this.runs.push(entry);
    for (const waiting of this.#waiting.filter(({ isIt }) => isIt(entry))) waiting.found(entry);
    this.#waiting = this.#waiting.filter(({ isIt }) => !isIt(entry));
    try {
      return await run();
    } finally {
      entry.finishedAt = new Date();
    }
  };

  /** The first run of `jobId` (null: of any job) that starts after `afterMs`; null when none does within `boundMs` of the call. */
  async firstRun(jobId: string | null, afterMs: number, boundMs: number): Promise<DiaryRun | null> {
    const isIt = (run: DiaryRun): boolean => (jobId ?? run.jobId) === run.jobId && run.startedMs > afterMs;
    const there = this.runs.find(isIt);
    if (there) return there;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), boundMs);
      const found = (run: DiaryRun): void => {
        clearTimeout(timer);
        resolve(run);
      };
      this.#waiting.push({ isIt, found });
    });
  }
}
