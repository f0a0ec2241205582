import type { Random } from '../../clock/backoff.js';
import type { Clock } from '../../clock/clock.js';
import { NotificationsUnheardError } from '../../store/errors.js';
import type { JobStore } from '../../store/job-store.js';
import type { NodeSession } from '../node-session.js';
import type { Service } from '../service.js';

/** How much later than it hears a node looks, at most. */
const COALESCE_MS = 100;
/** How long it is not tried again where nothing is delivered: that is how the place is made. */
const UNHEARD_PAUSE_MS = 600_000;

/** Hears that another process changed what is due. While it cannot hear, the loop looks every second. */
export class NotificationListener implements Service {
  readonly name = 'notifications';
  #canHear = false;
  /** How often in a row nothing came back: once may be a process or a network that stood still. */
  #unheard = 0;
  #isWaking = false;

  constructor(
    private readonly store: JobStore,
    private readonly session: NodeSession,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly onWake: () => void,
  ) {}

  get canHear(): boolean {
    return this.#canHear;
  }

  async run(signal: AbortSignal, succeeded: () => void): Promise<void> {
    if (this.#unheard > 1) await this.clock.sleep(UNHEARD_PAUSE_MS, signal);
    if (signal.aborted) return;
    await this.session.ready();
    const wake = (): void => {
      const isFirst = !this.#canHear;
      this.#canHear = true;
      this.#unheard = 0;
      succeeded();
      // whatever was said before it could hear is found at once
      if (isFirst) this.onWake();
      else void this.#wakeSoon(signal);
    };
    try {
      await this.store.listen(wake, signal);
    } catch (error) {
      if (error instanceof NotificationsUnheardError) this.#unheard += 1;
      throw error;
    } finally {
      this.#canHear = false;
    }
  }

  /** Every node hears the same: they do not all look at the same moment, and what is heard meanwhile is one. */
  async #wakeSoon(signal: AbortSignal): Promise<void> {
    if (this.#isWaking) return;
    this.#isWaking = true;
    await this.clock.sleep(this.random() * COALESCE_MS, signal);
    this.#isWaking = false;
    this.onWake();
  }
}
