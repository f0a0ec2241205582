import type { JobStore } from '../../store/job-store.js';
import type { NodeSession } from '../node-session.js';
import type { Clock } from '../../clock/clock.js';
import type { Service } from '../service.js';

/** How long it waits for the store to be opened for the first time. */
const NOT_READY_WAIT_MS = 100;

/** Hears that another process changed what is due. While it cannot hear, the loop looks every second. */
export class NotificationListener implements Service {
  readonly name = 'notifications';
  #canHear = false;

  constructor(
    private readonly store: JobStore,
    private readonly session: NodeSession,
    private readonly clock: Clock,
    private readonly onWake: () => void,
  ) {}

  get canHear(): boolean {
    return this.#canHear;
  }

  async run(signal: AbortSignal, succeeded: () => void): Promise<void> {
    while (!signal.aborted && !this.session.isReady) await this.clock.sleep(NOT_READY_WAIT_MS, signal);
    const wake = (): void => {
      this.#canHear = true;
      succeeded();
      this.onWake();
    };
    try {
      await this.store.listen(wake, signal);
    } finally {
      this.#canHear = false;
    }
  }
}
