import type { JobStore } from '../../store/job-store.js';
import type { NodeSession } from '../node-session.js';
import type { Service } from '../service.js';

/** Hears that another process changed what is due. While it cannot hear, the loop looks every second. */
export class NotificationListener implements Service {
  readonly name = 'notifications';
  #canHear = false;

  constructor(
    private readonly store: JobStore,
    private readonly session: NodeSession,
    private readonly onWake: () => void,
  ) {}

  get canHear(): boolean {
    return this.#canHear;
  }

  async run(signal: AbortSignal, succeeded: () => void): Promise<void> {
    await this.session.ready();
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
