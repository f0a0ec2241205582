import { randomUUID } from 'node:crypto';

import { withDeadline } from '../clock/clock.js';
import type { ConnectionKeeper } from './connection-keeper.js';
import { Outage, unavailable } from './database-errors.js';
import { NotificationsUnheardError } from './errors.js';
import type { JobEntity } from './job.entity.js';
import type { Lease, Query } from './lease.js';
import type { Tables } from './tables.js';

/** Whoever looks anyway within this time need not be woken: every notification holds up the commits of others. */
const OTHERS_LOOK_WITHIN_MS = 60_000;

export async function notify(query: Query, { channel }: Tables): Promise<void> {
  await query(`SELECT pg_notify($1, '')`, [channel]);
}

export async function notifyIfSoon(query: Query, tables: Tables, jobs: readonly JobEntity[], now: Date): Promise<void> {
  const soon = now.getTime() + OTHERS_LOOK_WITHIN_MS;
  if (jobs.some(({ state, wakeAt }) => state === 'active' && wakeAt !== null && wakeAt.getTime() <= soon))
    await notify(query, tables);
}

/** One connection that hears notifications, and carries the beats, so that its silence does not stay unnoticed. */
export class NotificationConnection {
  #lease: Lease | null = null;
  /** What was asked on it and has no answer yet. */
  readonly #asked = new Set<Promise<unknown>>();

  constructor(
    private readonly keeper: ConnectionKeeper,
    private readonly tables: Tables,
  ) {}

  /** Resolves when `signal` aborts and what was asked is answered, rejects when the connection is lost. */
  async listen(onWake: () => void, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const lease = await this.keeper.hold();
    try {
      await this.keeper.bounded(lease, () => this.#hear(lease, onWake));
      this.#lease = lease;
      await untilAborted(lease, signal);
      // whoever asks now is given another connection; a beat that is under way is not lost with this one
      this.#lease = null;
      await Promise.allSettled(this.#asked);
    } catch (error) {
      throw error instanceof Outage ? unavailable(error, this.keeper.place, 'not-written') : error;
    } finally {
      if (this.#lease === lease) this.#lease = null;
      lease.fail(new Outage('No longer listening', false));
    }
  }

  /** On the listening connection if there is one, else on any. */
  async run<T>(work: (query: Query) => Promise<T>): Promise<T> {
    const lease = this.#lease;
    if (!lease) return await this.keeper.run(work);
    const asked = this.keeper.bounded(lease, () => work(lease.query));
    this.#asked.add(asked);
    try {
      return await asked;
    } catch (error) {
      throw error instanceof Outage ? unavailable(error, this.keeper.place, 'unknown') : error;
    } finally {
      this.#asked.delete(asked);
    }
  }

  async #hear(lease: Lease, onWake: () => void): Promise<void> {
    const wake = (): void => {
      try {
        onWake();
      } catch (error) {
        lease.fail(new Outage(`The listener failed: ${String(error)}`, false));
      }
    };
    const echo = new Echo();
    lease.onNotification((channel, payload) => {
      if (channel !== this.tables.channel) return;
      if (payload === '') wake();
      else echo.hear(payload);
    });
    await lease.query(`LISTEN "${this.tables.channel}"`);
    await this.#call(echo);
    // Whatever was said before is lost: look once.
    wake();
  }

  /** A pooler that hands connections on says yes to LISTEN, and then nothing is ever heard. Asked on another connection. */
  async #call(echo: Echo): Promise<void> {
    await this.keeper.run((query) => query(`SELECT pg_notify($1, $2)`, [this.tables.channel, echo.word]));
    const boundMs = this.keeper.callTimeoutMs / 2;
    await withDeadline(this.keeper.clock, boundMs, echo.heard, () => new NotificationsUnheardError(this.keeper.place));
  }
}

/** A word of one's own that is to come back. Others hear it too, and it wakes nobody. */
class Echo {
  readonly word = randomUUID();
  #comeBack = (): void => {};
  readonly heard = new Promise<void>((resolve) => (this.#comeBack = resolve));

  hear(word: string): void {
    if (word === this.word) this.#comeBack();
  }
}

async function untilAborted(lease: Lease, signal: AbortSignal): Promise<void> {
  let stop = (): void => {};
  const aborted = new Promise<void>((resolve) => (stop = resolve));
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    await lease.guard(aborted);
  } finally {
    // the signal outlives many connections
    signal.removeEventListener('abort', stop);
  }
}
