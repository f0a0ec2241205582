import type { Clock } from '../../clock/clock.js';
import { NotificationsUnheardError } from '../../store/errors.js';
import type { JobStore } from '../../store/job-store.js';
import type { NodeSession } from '../node-session.js';
import type { Service } from '../service.js';

/** How long it is not tried again where nothing is delivered: that is how the place is made. */
const UNHEARD_PAUSE_MS = 600_000;

/** Hears that another process changed what is due. While it cannot hear, the loop looks every second. */
export class NotificationListener implements Service {
  readonly name = 'notifications';
  #canHear = false;
  #pauseMs = 0;

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
    await this.clock.sleep(this.#pauseMs, signal);
    this.#pauseMs = 0;
    await this.session.ready();
    const wake = (): void => {
      this.#canHear = true;
      succeeded();
      this.onWake();
    };
    try {
      await this.store.listen(wake, signal);
    } catch (error) {
      if (error instanceof NotificationsUnheardError) this.#pauseMs = UNHEARD_PAUSE_MS;
      throw error;
    } finally {
      this.#canHear = false;
    }
  }
}
