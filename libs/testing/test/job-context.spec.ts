import { JobAbortedError, type JobContext } from 'nestjs-vigil';
import { DataSource, type EntityManager } from 'typeorm';
import { describe, expect, it } from 'vitest';

import { createJobContext } from '../src/index.js';

interface Remind {
  userId: string;
  tags?: string[];
}
class Reminders {
  remind(context: JobContext<Remind>): string {
    context.signal.throwIfAborted();
    context.progress(0.5, 'half');
    context.logger.log(`to ${context.data.userId}`);
    context.logger.warn('late');
    context.progress(1);
    return `${context.jobId} ${context.attempt} ${context.scheduledAt.toISOString()} ${context.startedAt.toISOString()}`;
  }
  nightly(context: JobContext): Date | null {
    return context.previousRunAt;
  }
  region(context: JobContext<{ region: 'eu' | 'us' }>): string {
    return context.data.region;
  }
  transactional(context: JobContext<Remind> & { readonly manager: EntityManager }): boolean {
    return context.manager.connection.isInitialized;
  }
}
const service = new Reminders();

describe('createJobContext', () => {
  it('makes what a handler gets, and keeps what it does with it', () => {
    const context = createJobContext({ data: { userId: 'u-1' } });
    expect(service.remind(context)).toBe('test 1 2026-01-01T00:00:00.000Z 2026-01-01T00:00:00.000Z');
    expect(context.reported).toEqual([
      { fraction: 0.5, message: 'half' },
      { fraction: 1, message: null },
    ]);
    expect(context.lines).toEqual([
      { level: 'log', message: 'to u-1' },
      { level: 'warn', message: 'late' },
    ]);
  });

  it('takes every field', () => {
    const scheduledAt = new Date('2026-05-01T07:00:00Z');
    const context = createJobContext<Remind>({ data: { userId: 'u-1' }, jobId: 'remind-1', attempt: 3, scheduledAt });
    expect(service.remind(context)).toBe('remind-1 3 2026-05-01T07:00:00.000Z 2026-05-01T07:00:00.000Z');
    expect(service.nightly(createJobContext({ previousRunAt: scheduledAt }))).toBe(scheduledAt);
  });

  it('makes another execution each time', () => {
    expect(createJobContext().executionId).not.toBe(createJobContext().executionId);
  });

  it('aborts as Vigil does', () => {
    const context = createJobContext({ data: { userId: 'u-1' } });
    context.abort('timeout');
    expect(() => service.remind(context)).toThrow(JobAbortedError);
    expect(context.signal.reason).toMatchObject({ cause: 'timeout' });
    context.abort('shutdown');
    expect(context.signal.reason).toMatchObject({ cause: 'timeout' });
  });

  it('has the manager that a transactional handler is given', () => {
    const { manager } = new DataSource({ type: 'postgres' });
    expect(service.transactional(createJobContext({ data: { userId: 'u-1' }, manager }))).toBe(false);
    expect(createJobContext({ manager }).manager).toBe(manager);
  });

  it('is typed by the data', () => {
    expect(service.region(createJobContext({ data: { region: 'eu' } }))).toBe('eu');
    // @ts-expect-error no data
    expect(() => service.remind(createJobContext())).toThrow();
    // @ts-expect-error other data
    service.remind(createJobContext({ data: { userId: 7 } }));
    // @ts-expect-error a Date would arrive as a text
    createJobContext({ data: { when: new Date() } });
    // @ts-expect-error no such field
    createJobContext({ attempts: 3 });
  });
});
