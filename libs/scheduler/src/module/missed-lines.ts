import type { Clock } from '../clock/clock.js';
import type { ExecutionInfo } from '../engine/info.js';
import type { QuietLogger } from './quiet-logger.js';

const A_MINUTE_MS = 60_000;
/** How many lines a minute tell of missed fires: after an outage every job may have some. */
const LINES_A_MINUTE = 5;

/** What one decision says of one job: several records, or one that stands for many. */
interface Missed {
  jobId: string;
  from: Date;
  until: Date;
  count: number;
  reason: string | null;
}

/** Tells of missed fires: one line for what was decided of one job at once, and a bounded number of them. */
export class MissedLines {
  readonly #told = new Map<string, Missed>();
  #lines = { sinceMs: -Infinity, count: 0 };

  constructor(
    private readonly logger: QuietLogger,
    private readonly clock: Clock,
  ) {}

  /** What comes in the same breath is one decision. */
  add({ jobId, scheduledAt, untilAt, instantCount, reason }: ExecutionInfo): void {
    const until = untilAt ?? scheduledAt;
    const before = this.#told.get(jobId);
    if (this.#told.size === 0) queueMicrotask(() => this.#tell());
    if (before === undefined) this.#told.set(jobId, { jobId, from: scheduledAt, until, count: instantCount, reason });
    else Object.assign(before, { until, count: before.count + instantCount });
  }

  #tell(): void {
    const told = [...this.#told.values()];
    this.#told.clear();
    for (const missed of told) this.#line(missed);
  }

  #line(missed: Missed): void {
    const nowMs = this.clock.monotonicMs();
    const lines = this.#lines;
    if (nowMs - lines.sinceMs >= A_MINUTE_MS) Object.assign(lines, { sinceMs: nowMs, count: 0 });
    lines.count += 1;
    if (lines.count > LINES_A_MINUTE) this.logger.debug(lineOf(missed));
    else this.logger.warn(lineOf(missed));
    if (lines.count === LINES_A_MINUTE)
      this.logger.warn('Further missed fires of this minute are told at the level debug.');
  }
}

function lineOf({ jobId, from, until, count, reason }: Missed): string {
  const many = count > 1_000 ? 'more than 1,000 fires' : `${count} fires`;
  const what =
    count === 1 ? `its fire of ${from.toISOString()}` : `${many}, from ${from.toISOString()} to ${until.toISOString()}`;
  return `Job "${jobId}" missed ${what}${reason === null ? '' : `: ${reason}`}.`;
}
