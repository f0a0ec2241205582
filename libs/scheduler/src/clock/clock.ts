/** The only door to time. Nothing in the scheduler calls `Date.now`, `setTimeout` or `performance.now` itself. */
export interface Clock {
  /** Wall clock of this process. Shown to people; it never decides what is due. */
  now(): Date;
  /** Milliseconds that only grow and that no clock step touches. */
  monotonicMs(): number;
  /** Resolves after `ms`, or as soon as `signal` aborts (it does not reject). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The longest delay `setTimeout` takes; a longer one would fire at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(Math.max(0, ms), LONGEST_TIMEOUT_MS));
      signal?.addEventListener('abort', wake, { once: true });
    }),
};

/** `promise`, or the error `late` makes when it has not settled after `ms`. A promise that settles later is ignored. */
export async function withDeadline<T>(clock: Clock, ms: number, promise: Promise<T>, late: () => Error): Promise<T> {
  const settled = new AbortController();
  const deadline = clock.sleep(ms, settled.signal).then(() => {
    if (!settled.signal.aborted) throw late();
    return promise;
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    settled.abort();
    promise.catch(() => {});
    deadline.catch(() => {});
  }
}
