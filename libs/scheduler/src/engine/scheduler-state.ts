import type { Clock } from '../clock/clock.js';
import type { EngineEvents, SchedulerState } from './engine-events.js';
import type { Pauses } from './pauses.js';

const LOOP = 'loop';
/** Without it the loop looks more often. */
export const DISPENSABLE = 'notifications';
/** What it fails at, it does later; nobody waits for it. */
export const BACKGROUND: ReadonlySet<string> = new Set(['history-pruner', 'auditor', 'definition-keeper']);

/**
 * What the scheduler says about itself, from what its services report.
 */
export class StateMachine {
  #state: SchedulerState = 'stopped';
  #downSinceMs: number | null = null;
  /** The last turn of the loop went well, on the connections that there are. */
  #loopWorks = false;
  readonly #failing = new Map<string, Error>();

  constructor(
    private readonly clock: Clock,
    private readonly events: EngineEvents,
    private readonly pauses: Pauses,
  ) {}

  get state(): SchedulerState {
    return this.#state;
  }
  /** Why it is not running; null when it is. What failed last, and goes on failing, is said. */
  get reason(): string | null {
    return this.#state === 'paused' ? this.pauses.reason : (this.#failure?.message ?? null);
  }
  /** It can claim, or could but for a pause. */
  get isReady(): boolean {
    return this.#loopWorks && this.#isAtWork();
  }
  get #failure(): Error | null {
    return [...this.#failing.values()].at(-1) ?? null;
  }

  /** `attempt`: how often in a row. */
  failed(service: string, error: Error, attempt: number): void {
    if (BACKGROUND.has(service)) return;
    if (service === LOOP) this.#loopWorks = false;
    this.#failing.delete(service);
    this.#failing.set(service, error);
    if (service !== DISPENSABLE) this.#downSinceMs ??= this.clock.monotonicMs();
    if (this.#isUp()) this.#move(this.#stateAfterFailure(service, attempt), error);
  }

  /** On new connections the loop has to show that it works. */
  reconnected(): void {
    this.#loopWorks = false;
    if (this.#state === 'disconnected') this.#move('recovering', null);
  }

  /** It runs when the loop has turned and nothing is failing. */
  succeeded(service: string): void {
    if (service === LOOP) this.#loopWorks = true;
    this.#failing.delete(service);
    if (!this.#isUp() || !this.#loopWorks) return;
    const isUnheard = this.#failing.size === 1 && this.#failing.has(DISPENSABLE);
    if (this.#failing.size === 0 || isUnheard) this.#move(this.#stateAtWork(), null);
  }

  /** Somebody has paused or resumed it. While it is not at work that shows when it is again. `by`: who, in words. */
  pauseChanged(by: string | null): void {
    if (this.#isAtWork()) this.#move(this.#stateAtWork(), this.#failure, by);
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
    if (service === DISPENSABLE) return this.#isAtWork() ? this.#stateAtWork() : this.#state;
    return attempt > 1 || !this.#isAtWork() ? 'disconnected' : this.#stateAtWork();
  }

  #stateAtWork(): SchedulerState {
    if (this.pauses.isPaused) return 'paused';
    return this.#failing.size === 0 ? 'running' : 'degraded';
  }

  #isAtWork(): boolean {
    return this.#state === 'running' || this.#state === 'paused' || this.#state === 'degraded';
  }

  #isUp(): boolean {
    return this.#state !== 'stopped' && this.#state !== 'draining';
  }

  #move(to: SchedulerState, error: Error | null, by: string | null = null): void {
    const from = this.#state;
    const downMs = this.#endDown(to, error);
    if (from === to && downMs === null) return;
    this.#state = to;
    const reason = to === 'paused' ? this.pauses.reason : by;
    this.events.emit('scheduler.state', { from, to, error, downMs, reason });
  }

  /** How long jobs could not be run, when they can be again: also when only the notifications go on failing. */
  #endDown(to: SchedulerState, error: Error | null): number | null {
    const isBack = to === 'running' || ((to === 'degraded' || to === 'paused') && error === null);
    if (!isBack || this.#downSinceMs === null) return null;
    const downMs = Math.round(this.clock.monotonicMs() - this.#downSinceMs);
    this.#downSinceMs = null;
    return downMs;
  }
}
