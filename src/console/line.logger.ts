import type { LoggerService } from '@nestjs/common';
import { clockTime, oneLine } from './words.js';

/** What the scheduler logs of runs and outages is printed from its events, which know more: see `RunPrinter`. */
const PRINTED_OTHERWISE = /^(Job "|The database cannot be reached|The scheduler's )/;

/** Warnings and errors, a line each, without stacks. */
export class LineLogger implements LoggerService {
  constructor(private readonly print: (line: string) => void) {}

  log(): void {}
  warn(message: unknown, ...rest: unknown[]): void {
    this.#line('warning', message, rest);
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.#line('error', message, rest);
  }
  fatal(message: unknown, ...rest: unknown[]): void {
    this.#line('fatal', message, rest);
  }

  /** The last of `rest` is where it comes from; before it there may be a stack. */
  #line(level: string, message: unknown, rest: readonly unknown[]): void {
    const from = rest.at(-1);
    const text = message instanceof Error ? message.message : String(message);
    if (from === 'Scheduler' && PRINTED_OTHERWISE.test(text)) return;
    const place = typeof from === 'string' && !from.includes('\n') ? `${from}: ` : '';
    this.print(`${clockTime(new Date())}  ${level}: ${place}${oneLine(text, 300)}`);
  }
}
