import { draftJob, hashOf, type JobDraft, newJobRow } from '../../src/engine/job-draft.js';
import { reconcileJob } from '../../src/engine/reconcile-job.js';
import type { JobSettings } from '../../src/engine/job-settings.js';
import type { JobSync } from '../../src/store/job-store.js';
import type { JobEntity } from '../../src/store/job.entity.js';
import { cron } from '../../src/triggers/cron.trigger.js';
import type { Trigger } from '../../src/triggers/trigger.js';

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;

export const CREATED = new Date('2026-03-01T00:00:00Z');
/** The row has decided 12:00, and 13:00 is next. */
export const LAST = new Date('2026-03-01T12:00:00Z');
export const NOW = new Date('2026-03-01T12:20:00Z');
export const NEXT = new Date('2026-03-01T13:00:00Z');

export const HOURLY = cron('0 0 * * * *');
export const HALF_HOURLY = cron('0 0,30 * * * *');

export const on = (time: string): Date => new Date(`2026-03-01T${time}Z`);
export const after = (instant: Date, ms: number): Date => new Date(instant.getTime() + ms);
export const clock = (instant: Date | null): string | undefined => instant?.toISOString().slice(11, 19);

export interface Code extends JobSettings {
  trigger?: Trigger;
  maxRuns?: number;
  jitterMs?: number;
  data?: unknown;
}

export function code({ trigger = HOURLY, maxRuns, jitterMs = 0, data, ...settings }: Code = {}): JobDraft {
  const schedule = { kind: 'trigger' as const, trigger, maxRuns: maxRuns ?? null, jitterMs };
  return draftJob({ id: 'job', handler: 'job', schedule, data, source: 'code', settings: [settings] });
}

/** What the code of before has made of its job until now. */
export function before(draft = code(), overrides: Partial<JobEntity> = {}): JobEntity {
  const decided = { lastInstant: LAST, nextRunAt: NEXT, wakeAt: NEXT, runCount: 12 };
  return { ...newJobRow(draft, CREATED), ...decided, ...overrides };
}

export function deploy(draft: JobDraft, existing: JobEntity | null, now = NOW): JobSync {
  return reconcileJob(draft, { inForce: hashOf(draft), existing, former: null, now })!;
}

/** What is left of `missed` records, to be read. */
export function lost({ records = [] }: JobSync): (string | number | undefined)[][] {
  return records.map(({ scheduledAt, untilAt, instantCount, reason }) => [
    clock(scheduledAt),
    clock(untilAt),
    instantCount,
    reason ?? undefined,
  ]);
}

/** A trigger of somebody's own that cannot be asked. */
export function broken(message = 'the calendar is away', name = 'working days'): Trigger {
  const fail = (): never => {
    throw new Error(message);
  };
  return { nextAfter: fail, lastAtOrBefore: fail, describe: () => name, toJSON: () => ({ kind: name }) };
}

/** The same, mended. */
export function mended(name = 'working days'): Trigger {
  return {
    nextAfter: (instant) => HALF_HOURLY.nextAfter(instant),
    lastAtOrBefore: (instant, notBefore) => HALF_HOURLY.lastAtOrBefore(instant, notBefore),
    describe: () => name,
    toJSON: () => ({ kind: name }),
  };
}
