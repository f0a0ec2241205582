import type { Clock } from '../clock/clock.js';
import type { SchedulerEvents } from '../engine/engine-events.js';
import { describeError } from '../engine/json.js';
import { BACKGROUND, DISPENSABLE } from '../engine/scheduler-state.js';
import { isRefusal } from '../store/database-errors.js';
import { JobStoreUnavailableError, NotificationsUnheardError } from '../store/errors.js';
import type { QuietLogger } from './quiet-logger.js';

const REPEAT_AFTER_MS = 60_000;
/** An outage has its next failure sooner than this; what fails later is another one. */
const ONE_OUTAGE_MS = 60_000;

/** Services without which jobs go on; what fails them alone is no outage. */
const STOPS_NO_JOB: ReadonlySet<string> = new Set([...BACKGROUND, DISPENSABLE]);

/** What is told of failures and of their end: the first at once, then one line a minute, also when it comes and goes. */
export class OutageLines {
  /** What was told → when. */
  readonly #saidMs = new Map<string, number>();
  #sinceMs = -Infinity;
  #failedMs = -Infinity;
  #hasSaid = false;
  #hasSaidUnheard = false;
  #isRunningSaid = false;
  /** What came due since the outage began. */
  #caughtUp = 0;
  #missed = 0;

  constructor(
    private readonly logger: QuietLogger,
    private readonly clock: Clock,
    private readonly nodeName: string,
  ) {}

  caughtUp(): void {
    this.#caughtUp += 1;
  }
  missed(instants: number): void {
    this.#missed += instants;
  }

  failed({ service, error, attempt }: SchedulerEvents['scheduler.failure']): void {
    const message = describeError(error).message.replace(/\.+$/, '');
    if (error instanceof NotificationsUnheardError) return this.#unheard(message);
    if (error instanceof JobStoreUnavailableError) {
      if (!STOPS_NO_JOB.has(service)) return this.#database(error, message);
      // as a rule the others meet the same, and it is their line
      if (attempt < 3 || this.clock.monotonicMs() - this.#failedMs <= ONE_OUTAGE_MS) return;
    }
    // what is wrong is wrong for every service that meets it
    if (this.#isSaid(message)) return;
    this.logger.error(`The scheduler's ${service} service failed (attempt ${attempt}): ${message}. Trying again.`);
  }

  changed({ to, from, downMs }: SchedulerEvents['scheduler.state']): void {
    if (to === 'starting') this.#isRunningSaid = false;
    if (to === 'running' && !this.#isRunningSaid) {
      this.#isRunningSaid = true;
      this.logger.log(`Running as node "${this.nodeName}".`);
    }
    if (downMs === null) return;
    // one that nothing was told of yet, because of another a moment ago, is told with its end
    const wasLong = from === 'disconnected' || from === 'recovering';
    if (this.#hasSaid || wasLong) this.logger.log(`Recovered after ${inWords(downMs)}${this.#meanwhile()}.`);
    this.#failedMs = -Infinity;
  }

  #begin(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#hasSaid = false;
    this.#caughtUp = 0;
    this.#missed = 0;
  }

  /** How a place is made is no failure that passes: told once. */
  #unheard(message: string): void {
    if (!this.#hasSaidUnheard) this.logger.warn(`${message}.`);
    this.#hasSaidUnheard = true;
  }

  #database(error: Error, message: string): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#failedMs > ONE_OUTAGE_MS) this.#begin(nowMs);
    this.#failedMs = nowMs;
    if (this.#isSaid('database')) return;
    const lastsMs = nowMs - this.#sinceMs;
    const since = lastsMs >= REPEAT_AFTER_MS ? ` for ${inWords(lastsMs)}` : '';
    const what = isRefusal(error) ? `refuses work${since}` : `cannot be reached${since}`;
    this.logger.error(
      `The database ${what}: ${message}. No job is lost; what becomes due waits. Trying again until it is back.`,
    );
  }

  #isSaid(what: string): boolean {
    const nowMs = this.clock.monotonicMs();
    const said = this.#saidMs.get(what);
    if (said !== undefined && nowMs - said < REPEAT_AFTER_MS) return true;
    for (const [other, ms] of this.#saidMs) if (nowMs - ms >= REPEAT_AFTER_MS) this.#saidMs.delete(other);
    this.#saidMs.set(what, nowMs);
    this.#hasSaid = true;
    return false;
  }

  /** ', 3 missed runs caught up, 12 fires recorded as missed'. */
  #meanwhile(): string {
    const late = `${this.#caughtUp} missed ${this.#caughtUp === 1 ? 'run' : 'runs'} caught up`;
    const fires = this.#missed === 1 ? 'fire' : 'fires';
    const missed = `${this.#missed > 1_000 ? 'more than 1,000' : this.#missed} ${fires} recorded as missed`;
    return [...(this.#caughtUp > 0 ? [late] : []), ...(this.#missed > 0 ? [missed] : [])]
      .map((part) => `, ${part}`)
      .join('');
  }
}

/** '230 ms', '42 s', '12 min', '3 h'. */
function inWords(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
