import type { JobExecutionEntity } from '../store/job-execution.entity.js';
import { MOST_LOG_LINES, type LogLines } from '../store/log-lines.js';
import type { Logger } from './engine-logger.js';
import { storedText } from './json.js';

/** So many lines of an attempt are stored as they come. */
const FIRST_LINES = 100;
/** And so many of the others, with its end: the newest. */
const LAST_LINES = 50;
const LONGEST_LINE = 500;

export type LogLevel = keyof Logger;
/** A line as it is stored and told: bounded, and without passwords of connection strings. */
export interface LogLine {
  level: LogLevel;
  message: string;
  at: Date;
}

/**
 * What one attempt logs, to be stored with its execution, in `2026-01-01T00:00:00.000Z #1 WARN text`: when, at which
 * attempt, how serious. The first lines are written while it runs, the last ones with its end, and how many were dropped
 * between them is said there. Whoever has the lease is the only one who writes, so a line's place in the row is known.
 */
export class RunLog {
  readonly #before: readonly string[];
  readonly #first: string[] = [];
  readonly #last: string[] = [];
  #dropped = 0;
  #written = 0;

  constructor(private readonly execution: JobExecutionEntity) {
    this.#before = execution.logs;
  }

  add({ level, message, at }: LogLine): void {
    const line = `${at.toISOString()} #${this.execution.attempt} ${level.toUpperCase()} ${message}`;
    if (this.#first.length < FIRST_LINES) {
      this.#first.push(line);
      return;
    }
    this.#last.push(line);
    if (this.#last.length <= LAST_LINES) return;
    this.#last.shift();
    this.#dropped += 1;
  }

  /** What is to be written now; null: nothing. */
  get unwritten(): LogLines | null {
    return this.#lines(this.#first);
  }
  /** What is to be written with the end. */
  get rest(): LogLines | null {
    return this.#lines(this.#whole);
  }
  /** As the row has them in the end. */
  get all(): string[] {
    return [...this.#before, ...this.#whole].slice(-MOST_LOG_LINES);
  }

  wrote({ from, lines }: LogLines): void {
    this.#written = from - this.#before.length + lines.length;
  }

  get #whole(): string[] {
    const dropped = this.#dropped === 0 ? [] : [`… ${this.#dropped} lines dropped`];
    return [...this.#first, ...dropped, ...this.#last];
  }

  #lines(all: readonly string[]): LogLines | null {
    if (all.length <= this.#written) return null;
    return { from: this.#before.length + this.#written, lines: all.slice(this.#written) };
  }
}

/** Writes what `logger` writes, and tells of it first. Its functions may be taken apart. */
export function toldLogger(logger: Logger, tell: (level: LogLevel, message: string) => void): Logger {
  const both =
    (level: LogLevel) =>
    (message: string): void => {
      tell(level, lineOf(message));
      logger[level](message);
    };
  return { log: both('log'), warn: both('warn'), error: both('error') };
}

/** Callers without types may give anything. */
function lineOf(message: unknown): string {
  try {
    return storedText(String(message), LONGEST_LINE);
  } catch {
    return 'Something was logged that cannot be turned into text.';
  }
}
