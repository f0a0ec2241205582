import type { Clock } from '../clock/clock.js';
import type { EngineEvents, SchedulerState } from './engine-events.js';

const LOOP = 'loop';
const DISPENSABLE = 'notifications';
/** What it fails at, it does later; nobody waits for it. */
const BACKGROUND: ReadonlySet<string> = new Set(['history-pruner', 'auditor']);

/**
 * What the scheduler says about itself, from what its services report.
 */
export class StateMachine {
  #state: SchedulerState = 'stopped';
  #downSinceMs: number | null = null;
  #lastError: Error | null = null;
  #loopWorks = false;
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
    if (BACKGROUND.has(service)) return;
    if (service === LOOP) this.#loopWorks = false;
    this.#failing.set(service, attempt);
    this.#lastError = error;
    this.#downSinceMs ??= this.clock.monotonicMs();
    if (this.#isUp()) this.#move(this.#stateAfterFailure(service, attempt), error);
  }

  reconnected(): void {
    if (this.#state === 'disconnected') this.#move('recovering', null);
  }

  /** It runs when the loop has turned and nothing is failing. */
  succeeded(service: string): void {
    if (service === LOOP) this.#loopWorks = true;
    this.#failing.delete(service);
    if (!this.#isUp() || !this.#loopWorks) return;
    if (this.#failing.size === 0) this.#move('running', null);
    else if (this.#failing.size === 1 && this.#failing.has(DISPENSABLE)) this.#move('degraded', null);
  }

  starting(): void {
    this.#loopWorks = false;
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

  /** One that never ran, or has not come back, cannot claim; without notifications the loop looks more often. */
  #stateAfterFailure(service: string, attempt: number): SchedulerState {
    const hasWorked = this.#state === 'running' || this.#state === 'degraded';
    if (service === DISPENSABLE) return hasWorked ? 'degraded' : this.#state;
    return attempt > 1 || !hasWorked ? 'disconnected' : 'degraded';
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
