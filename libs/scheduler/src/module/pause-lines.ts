import type { SchedulerEvents } from '../engine/engine-events.js';
import type { QuietLogger } from './quiet-logger.js';

/** What is told of pauses: who and why, once each, also when a pause outlasts an outage or ends in one. */
export class PauseLines {
  #said: string | null = null;

  constructor(private readonly logger: QuietLogger) {}

  changed({ to, reason }: SchedulerEvents['scheduler.state']): void {
    if (to === 'paused') return this.#paused(reason ?? 'it is paused');
    const isAtWork = to === 'running' || to === 'degraded';
    if (to === 'stopped') this.#said = null;
    if (!isAtWork || this.#said === null) return;
    this.#said = null;
    this.logger.log(`Resumed${reason ?? ''}.`.replace(/\.+$/, '.'));
  }

  #paused(reason: string): void {
    if (this.#said === reason) return;
    this.#said = reason;
    const words = reason.charAt(0).toUpperCase() + reason.slice(1).replace(/\.+$/, '');
    this.logger.warn(`${words}. Nothing starts until resume() is called; what runs goes on.`);
  }
}
