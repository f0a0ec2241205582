import { randomUUID } from 'node:crypto';

import { JobAbortedError, JobContext, type AbortCause, type JsonSafe, type Logger } from 'nestjs-vigil';
import type { EntityManager } from 'typeorm';

/** One call of `context.progress`. */
export interface ReportedProgress {
  fraction: number;
  message: string | null;
}
/** One call of `context.logger`. */
export interface LoggedLine {
  level: 'log' | 'warn' | 'error';
  message: string;
}

/** A context for calling a handler in a unit test: it keeps what the handler does with it. */
export class TestJobContext<Data = undefined> extends JobContext<Data> {
  readonly jobId: string = 'test';
  readonly executionId: string = randomUUID();
  readonly data!: Data;
  readonly scheduledAt: Date = new Date('2026-01-01T00:00:00Z');
  readonly startedAt: Date = this.scheduledAt;
  readonly previousRunAt: Date | null = null;
  readonly nextRunAt: Date | null = null;
  readonly attempt: number = 1;
  readonly isCatchUp: boolean = false;
  /** What the handler reported, in order. */
  readonly reported: ReportedProgress[] = [];
  /** What the handler logged, in order. */
  readonly lines: LoggedLine[] = [];
  readonly logger: Logger;
  readonly #controller = new AbortController();
  readonly signal: AbortSignal = this.#controller.signal;

  constructor(fields: object) {
    super();
    const keep = (level: LoggedLine['level']) => (message: unknown) => {
      this.lines.push({ level, message: String(message) });
    };
    this.logger = { log: keep('log'), warn: keep('warn'), error: keep('error') };
    Object.assign(this, fields);
  }

  progress(fraction: number, message?: string): void {
    this.reported.push({ fraction, message: message ?? null });
  }

  /** Aborts the signal, as Vigil does: its reason is a `JobAbortedError` with this cause. */
  abort(cause: AbortCause): void {
    this.#controller.abort(new JobAbortedError(cause));
  }
}

/** What a test may say of a context; the rest is as of a first run in time. */
export type TestContextFields = Partial<
  Pick<
    JobContext,
    'jobId' | 'executionId' | 'scheduledAt' | 'startedAt' | 'previousRunAt' | 'nextRunAt' | 'attempt' | 'isCatchUp'
  > & { logger: Logger }
>;
interface WithData<Data> {
  data: Data & JsonSafe<Data>;
}
interface InTransaction {
  /** For a handler with `transactional: true`: the transaction that it works in. */
  manager: EntityManager;
}

/**
 * A context for calling a handler in a unit test: `await service.remind(createJobContext({ data: { userId: '7' } }))`.
 * Without `startedAt` the run starts at its `scheduledAt`.
 */
export function createJobContext<Data>(
  fields: TestContextFields & InTransaction & WithData<Data>,
): TestJobContext<Data> & InTransaction;
export function createJobContext(fields: TestContextFields & InTransaction): TestJobContext & InTransaction;
export function createJobContext<Data>(fields: TestContextFields & WithData<Data>): TestJobContext<Data>;
export function createJobContext(fields?: TestContextFields): TestJobContext;
export function createJobContext(fields: TestContextFields = {}): TestJobContext<unknown> {
  const { scheduledAt, startedAt = scheduledAt } = fields;
  return new TestJobContext({ ...fields, ...(startedAt && { startedAt }) });
}
