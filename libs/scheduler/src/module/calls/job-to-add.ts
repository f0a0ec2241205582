import { randomUUID } from 'node:crypto';

import type { Type } from '@nestjs/common';

import type { JobHandler } from '../../engine/handler-registry.js';
import { draftJob, type JobDraft, type Schedule } from '../../engine/job-draft.js';
import { InvalidJobError, type JobSettings } from '../../engine/job-settings.js';
import { notJson } from '../../engine/json.js';
import { durationMs } from '../../triggers/duration.js';
import { shown } from '../../triggers/instant.js';
import { parseTrigger, triggerOf } from '../../triggers/trigger-spec.js';
import { InvalidTriggerError, type Duration, type Trigger } from '../../triggers/trigger.js';
import type { DataField, DataOf } from '../handler-method.js';
import { builtIn, checkExecutor, checkFlag } from '../job-definition.js';
import type { Bounds, CronFields, Once, Recurrence } from '../job-timing.js';
import { BOUND_KEYS, RECURRENCE_KEYS, SETTING_KEYS, strangerIn } from '../known-keys.js';
import type { SchedulerRuntime } from '../scheduler.runtime.js';

/** A job that is added at run time: when, with what, and how its runs behave. */
export type JobToAdd<D> = JobSettings &
  (Recurrence | Once) &
  DataField<D> & {
    /** @default a UUID */
    id?: string;
    /** Added without being started: `resumeJob` starts it. @default false */
    paused?: boolean;
  };
/** `handler`: a class of this process and the name of its method. */
export type NewJob<C, K extends keyof C> = JobToAdd<DataOf<C[K]>> & { handler: readonly [Type<C>, K] };

/** What a caller without types may have given. */
export type JobRequest = JobSettings &
  Bounds &
  CronFields & {
    id?: string;
    handler: unknown;
    cron?: string;
    every?: Duration;
    trigger?: Trigger;
    at?: Date | string;
    in?: Duration;
    data?: unknown;
    paused?: boolean;
  };

/** What may be said of a new job, beside its handler. */
export const ENTRY_KEYS = ['id', 'data', 'paused', 'at', 'in', ...RECURRENCE_KEYS, ...SETTING_KEYS];

/** Checks everything that can be checked without the database. Throws `InvalidJobError` and `InvalidTriggerError`. */
export function draftAdded(request: JobRequest, runtime: SchedulerRuntime): JobDraft {
  const { catalog, surroundings, registry } = runtime;
  const stranger = strangerIn(request, ['handler', ...ENTRY_KEYS]);
  if (stranger !== null) throw new InvalidJobError(stranger);
  const { id = randomUUID(), data, paused } = request;
  checkFlag('paused', paused);
  const handler = handlerIn(request.handler, catalog);
  const draft = draftJob({
    id,
    handler: handler.key,
    schedule: scheduleOf(request, surroundings.timeZone, id),
    data,
    source: 'dynamic',
    isPaused: paused === true,
    settings: [builtIn(handler), surroundings.defaults, handler.settings, request],
  });
  checkExecutor(draft.settings, surroundings);
  if (registry.draftOf(id) !== undefined) {
    throw new InvalidJobError(`"${id}" is the id of a @ScheduledJob. Give the new job another id.`);
  }
  if (!catalog.handlers.some(({ key }) => key === handler.key)) runtime.foreignHandler('addJob', handler.key);
  return draft;
}

function handlerIn(
  handler: unknown,
  catalog: SchedulerRuntime['catalog'],
): Pick<JobHandler, 'key' | 'settings' | 'isTransactional'> {
  if (Array.isArray(handler)) return catalog.handlerOf(handler[0], handler[1]);
  if (typeof handler === 'string' && handler !== '' && notJson(handler) === null) {
    // it may be at home in another process
    return catalog.handlers.find(({ key }) => key === handler) ?? { key: handler, settings: {} };
  }
  throw new InvalidJobError(`handler is ${shown(handler)}. Write [Class, 'method'], or the key of a @JobHandler('…').`);
}

function scheduleOf(request: JobRequest, timeZone: string, id: string): Schedule {
  const { in: delay, maxRuns, jitterMs } = request;
  const trigger = triggerOf(request, { timeZone, hashSeed: id });
  if (trigger !== null && delay !== undefined) {
    throw new InvalidTriggerError('"in" is given beside another schedule. Keep one of them: a job has one schedule.');
  }
  const isOnce = trigger === null || request.at !== undefined;
  const bound = BOUND_KEYS.find((key) => request[key as keyof JobRequest] !== undefined);
  if (isOnce && bound !== undefined) {
    throw new InvalidTriggerError(`"${bound}" belongs to a schedule that recurs: cron, every or trigger. Remove it.`);
  }
  if (trigger === null) return { kind: 'delay', delayMs: delay === undefined ? 0 : durationMs(delay) };
  if (request.trigger !== undefined) refuseUnreadable(trigger);
  return { kind: 'trigger', trigger, maxRuns: maxRuns ?? null, jitterMs: jitterMs ?? 0 };
}

/** Another process has nothing but the row. */
export function refuseUnreadable(trigger: Trigger): void {
  try {
    parseTrigger(trigger.toJSON());
  } catch (error) {
    throw new InvalidTriggerError(
      `no other process could rebuild the trigger from its toJSON(): ${(error as Error).message} ` +
        'Use what cron(), every(), at(), calendar(), days(), allOf(), anyOf() or except() returns, or declare the job with @ScheduledJob({ trigger }).',
      { cause: error },
    );
  }
}
