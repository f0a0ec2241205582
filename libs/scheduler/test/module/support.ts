import type { INestApplicationContext, LoggerService, ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  MemoryJobStore,
  SchedulerModule,
  SchedulerService,
  type Clock,
  type SchedulerModuleOptions,
} from 'nestjs-vigil';
import { recordEvents } from 'nestjs-vigil-testing';
import { onTestFinished } from 'vitest';

import { SCHEDULER_CLOCK } from '../../src/module/scheduler.clock.js';

export interface LogLine {
  level: 'log' | 'warn' | 'error' | 'debug';
  message: string;
  context: string;
  stack?: unknown;
}

/** What Nest's loggers write. */
export class LogRecorder implements LoggerService {
  readonly lines: LogLine[] = [];

  log(message: unknown, context?: unknown): void {
    this.#keep('log', message, context);
  }
  warn(message: unknown, context?: unknown): void {
    this.#keep('warn', message, context);
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.#keep('error', message, rest.at(-1), rest.length > 1 ? rest[0] : undefined);
  }
  debug(message: unknown, context?: unknown): void {
    this.#keep('debug', message, context);
  }

  messages(level: LogLine['level']): string[] {
    return this.lines.filter((line) => line.level === level).map(({ message }) => message);
  }

  #keep(level: LogLine['level'], message: unknown, context: unknown, stack?: unknown): void {
    this.lines.push({ level, message: String(message), context: String(context), ...(stack ? { stack } : {}) });
  }
}

export interface BootOptions extends ModuleMetadata {
  /** Of the default scheduler; null: the test imports its own. @default a memory store */
  scheduler?: SchedulerModuleOptions | null;
  clock?: Clock;
  logger?: LoggerService;
}
export interface Booted {
  app: INestApplicationContext;
  scheduler: SchedulerService;
  logs: LogRecorder;
}

/** Compiles and initialises an application; it is closed when the test is over. */
export async function boot(options: BootOptions = {}): Promise<Booted> {
  const logs = new LogRecorder();
  const app = await initialise({ logger: logs, ...options });
  return { app, scheduler: app.get(SchedulerService, { strict: false }), logs };
}

/** The same, for applications without a default scheduler. */
export async function initialise(options: BootOptions): Promise<INestApplicationContext> {
  const { scheduler, clock, logger = new LogRecorder(), imports = [], ...metadata } = options;
  const memory = { store: new MemoryJobStore(clock === undefined ? {} : { clock }) };
  const own = scheduler === null ? [] : [SchedulerModule.forRoot(scheduler ?? memory)];
  const builder = Test.createTestingModule({ ...metadata, imports: [...own, ...imports] }).setLogger(logger);
  if (clock !== undefined) builder.overrideProvider(SCHEDULER_CLOCK).useValue(clock);
  const app = await builder.compile();
  onTestFinished(() => app.close());
  return await app.init();
}

/** A promise, and what settles it. */
export function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

/** Runs the job and gives back what its handler returned. */
export async function resultOf({ scheduler }: Pick<Booted, 'scheduler'>, id: string): Promise<unknown> {
  using events = recordEvents(scheduler, ['execution.succeeded', 'execution.failed']);
  const { id: executionId } = await scheduler.runJob(id);
  const { execution } = await events.waitFor('execution.succeeded', ({ execution }) => execution.id === executionId);
  return execution.result;
}
