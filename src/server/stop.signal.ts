/** A terminal and npm may each pass on one Ctrl-C. */
const SAME_KEYSTROKE_MS = 500;
const ENDED_BY_SIGNAL = 130;

/** Ctrl-C or SIGTERM: the first asks to stop, the second ends at once. */
export class StopSignal {
  readonly received: Promise<void>;
  #receivedAtMs: number | null = null;

  constructor(print: (line: string) => void) {
    this.received = new Promise((resolve) => {
      const onSignal = (): void => {
        if (this.#receivedAtMs === null) {
          this.#receivedAtMs = performance.now();
          return resolve();
        }
        if (performance.now() - this.#receivedAtMs < SAME_KEYSTROKE_MS) return;
        print('Ended at once: what ran is run again by another process, or at the next start.');
        process.exit(ENDED_BY_SIGNAL);
      };
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
    });
  }
}
