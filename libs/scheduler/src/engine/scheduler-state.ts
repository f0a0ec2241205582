import type { Clock } from '../clock/clock.js';
import type { EngineEvents, SchedulerState } from './engine-events.js';

/**
 * What the scheduler says about itself, from what its services report. It is running when no service is failing.
 */
export class StateMachine {
  #state: SchedulerState = 'stopped';
  #downSinceMs: number | null = null;
  #lastError: Error | null = null;
  readonly #failing = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly events: EngineEvents,
  ) {}

  get state(): SchedulerState {
    return this.#state;
  }
  /** Why it is not running; null when it is. */
  get reason(): string | null {
    return this.#failing.size === 0 ? null : (this.#lastError?.message ?? null);
  }

  /** `attempt`: how often in a row. */
  failed(service: string, error: Error, attempt: number): void {
    this.#failing.set(service, attempt);
    this.#lastError = error;
    this.#downSinceMs ??= this.clock.monotonicMs();
    if (!this.#isUp()) return;
    // one that never ran, or has not come back, cannot claim
    const hasWorked = this.#state === 'running' || this.#state === 'degraded';
    this.#move(attempt > 1 || !hasWorked ? 'disconnected' : 'degraded', error);
  }

  reconnected(): void {
    if (this.#isUp() && this.#failing.size > 0) this.#move('recovering', null);
  }

  /** The loop's first success is what makes a scheduler run. */
  succeeded(service: string): void {
    const wasFailing = this.#failing.delete(service);
    if (this.#failing.size > 0 || !this.#isUp()) return;
    if (this.#state === 'starting' ? service === 'loop' : wasFailing) this.#move('running', null);
  }

  starting(): void {
    this.#move('starting', null);
  }
  draining(): void {
    this.#move('draining', null);
  }
  stopped(): void {
    this.#failing.clear();
    this.#downSinceMs = null;
    this.#move('stopped', null);
  }

  #isUp(): boolean {
    return this.#state !== 'stopped' && this.#state !== 'draining';
  }

  #move(to: SchedulerState, error: Error | null): void {
    const from = this.#state;
    if (from === to) return;
    this.#state = to;
    const isBack = to === 'running' && this.#downSinceMs !== null;
    const downMs = isBack ? Math.round(this.clock.monotonicMs() - (this.#downSinceMs ?? 0)) : null;
    if (to === 'running') this.#downSinceMs = null;
    this.events.emit('scheduler.state', { from, to, error, downMs });
  }
}
