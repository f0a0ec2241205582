import { createHash, randomUUID } from 'node:crypto';

import type { JobEntity } from '../store/job.entity.js';
import { anchored } from '../triggers/built-in.js';
import { at } from '../triggers/date.trigger.js';
import { shown } from '../triggers/instant.js';
import { wakeAfterJitter } from '../triggers/jitter.js';
import { ZONE_DATA } from '../triggers/zone.js';
import type { Trigger } from '../triggers/trigger.js';
import { notJson } from './json.js';
import {
  capabilityOf,
  DEFAULT_GRACE_MS,
  InvalidJobError,
  MAX_QUEUE,
  resolveSettings,
  type JobSettings,
  type ResolvedSettings,
} from './job-settings.js';

/** When a job runs, before the database's clock is known. */
export type Schedule =
  | { kind: 'trigger'; trigger: Trigger; maxRuns: number | null; jitterMs: number }
  /** Once, this long after it was added. */
  | { kind: 'delay'; delayMs: number };

/** A job that was checked and is not written yet. */
export interface JobDraft {
  id: string;
  handler: string;
  schedule: Schedule;
  settings: ResolvedSettings;
  data: unknown;
  source: 'code' | 'dynamic';
  isPaused: boolean;
}

export interface JobDraftInput {
  id: string;
  handler: string;
  schedule: Schedule;
  data: unknown;
  source: 'code' | 'dynamic';
  isPaused?: boolean;
  /** Lowest precedence first. */
  settings: readonly (JobSettings | undefined)[];
}

const MAX_ID_LENGTH = 255;
const MAX_JITTER_MS = 2 ** 31 - 1;

/** Checks everything about a job that does not need the database. Throws `InvalidJobError`. */
export function draftJob(input: JobDraftInput): JobDraft {
  const { id, handler, schedule, data, source } = input;
  if (typeof id !== 'string' || id === '' || id.length > MAX_ID_LENGTH || notJson(id, 'id') !== null) {
    throw new InvalidJobError(`A job's id is ${shown(id)}. Write a text of 1 to ${MAX_ID_LENGTH} characters.`);
  }
  const where = `Job "${id}"`;
  if (schedule.kind === 'trigger') checkBounds(where, schedule);
  const problem = notJson(data);
  if (problem !== null) {
    throw new InvalidJobError(
      `${where}: ${problem}. Write only what JSON gives back unchanged, e.g. date.toISOString().`,
    );
  }
  const settings = resolveSettings(where, ...input.settings);
  return { id, handler, schedule, settings, data: data ?? null, source, isPaused: input.isPaused === true };
}

function checkBounds(where: string, { maxRuns, jitterMs }: { maxRuns: number | null; jitterMs: number }): void {
  if (maxRuns !== null && !(Number.isInteger(maxRuns) && maxRuns >= 1 && maxRuns < 2 ** 31)) {
    throw new InvalidJobError(`${where}: maxRuns is ${maxRuns}. Write a whole number of at least 1.`);
  }
  if (!(Number.isInteger(jitterMs) && jitterMs >= 0 && jitterMs <= MAX_JITTER_MS)) {
    throw new InvalidJobError(`${where}: jitterMs is ${jitterMs}. Write a whole number of milliseconds, 0 or more.`);
  }
}

/** Tells two versions of a declared job apart: what the code says about it, resolved. */
export function hashOf(draft: JobDraft): string {
  const { schedule, settings, handler, data } = draft;
  const timing = schedule.kind === 'trigger' ? [schedule.trigger, schedule.maxRuns, schedule.jitterMs] : schedule;
  const sorted = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([handler, timing, sorted, data]))
    .digest('hex')
    .slice(0, 32);
}

/** The row of a new job, from the database's clock. */
export function newJobRow(draft: JobDraft, now: Date): JobEntity {
  const { id, handler, schedule } = draft;
  const trigger = triggerFor(schedule, now);
  // a run-once job whose instant has passed is due now
  const nextRunAt = trigger.nextAfter(now) ?? onlyInstant(trigger);
  const timing = schedule.kind === 'trigger' ? schedule : { maxRuns: null, jitterMs: 0 };
  const uid = randomUUID();
  return {
    id,
    uid,
    handler,
    trigger: trigger.toJSON(),
    schedule: trigger.describe(),
    anchor: now,
    data: draft.data,
    state: draft.isPaused ? 'paused' : nextRunAt === null ? 'finished' : 'active',
    stateReason: null,
    stateBy: null,
    stateAt: now,
    orphanedAt: null,
    nextRunAt,
    wakeAt: wakeAfterJitter(trigger, uid, nextRunAt, timing.jitterMs),
    lastInstant: null,
    jitterMs: timing.jitterMs,
    maxRuns: timing.maxRuns,
    runCount: 0,
    consecutiveFailures: 0,
    source: draft.source,
    codeHash: draft.source === 'code' ? hashOf(draft) : null,
    overridden: [],
    version: 1,
    tzVersion: ZONE_DATA,
    createdAt: now,
    ...settingColumns(handler, draft.settings),
  };
}

/** The columns a job's settings live in. */
function settingColumns(handler: string, settings: ResolvedSettings) {
  return {
    capability: capabilityOf(handler, settings.executor),
    description: settings.description ?? null,
    misfire: settings.misfire,
    misfireGraceMs: settings.misfireGraceMs ?? DEFAULT_GRACE_MS[settings.misfire],
    overlap: settings.overlap,
    maxInstances: settings.maxInstances,
    maxQueue: MAX_QUEUE,
    onNodeLoss: settings.onNodeLoss,
    retry: settings.retry,
    timeoutMs: settings.timeoutMs ?? null,
    priority: settings.priority,
    tags: [...settings.tags],
    pauseAfterFailures: null,
  };
}

function triggerFor(schedule: Schedule, now: Date): Trigger {
  return schedule.kind === 'delay' ? at(new Date(now.getTime() + schedule.delayMs)) : anchored(schedule.trigger, now);
}

/** The instant of a trigger that has exactly one. */
export function onlyInstant(trigger: Trigger): Date | null {
  const spec = trigger.toJSON() as { kind?: unknown; at?: unknown };
  return spec.kind === 'at' ? new Date(String(spec.at)) : null;
}

/**
 * What a deploy does to a declared job: the row to write, or null to leave it. The version in force is the one the
 * cluster saw last among its live nodes, so an old replica that restarts restores nothing.
 */
export function reconcileJob(
  draft: JobDraft,
  { inForce, existing, now }: { inForce: string; existing: JobEntity | null; now: Date },
): JobEntity | null {
  const fresh = newJobRow(draft, now);
  if (existing === null) return fresh;
  if (fresh.codeHash !== inForce || existing.codeHash === inForce) return null;
  const row: JobEntity = {
    ...fresh,
    uid: existing.uid,
    anchor: existing.anchor,
    createdAt: existing.createdAt,
    lastInstant: existing.lastInstant,
    runCount: existing.runCount,
    consecutiveFailures: existing.consecutiveFailures,
    version: existing.version + 1,
  };
  return { ...row, ...timingAfterDeploy(draft, row, existing, now) };
}

/** An unchanged schedule keeps its next run; a pause stays a pause; a new schedule starts after what was decided. */
function timingAfterDeploy(draft: JobDraft, fresh: JobEntity, existing: JobEntity, now: Date): Partial<JobEntity> {
  const { state, stateReason, stateBy, stateAt } = existing;
  const trigger = triggerFor(draft.schedule, existing.anchor);
  const isSame = existing.source === 'code' && sameTiming(trigger.toJSON(), fresh, existing);
  if (isSame && state !== 'quarantined') {
    const { nextRunAt, wakeAt } = existing;
    return {
      trigger: existing.trigger,
      schedule: existing.schedule,
      nextRunAt,
      wakeAt,
      state,
      stateReason,
      stateBy,
      stateAt,
    };
  }
  const from = new Date(Math.max(now.getTime(), existing.lastInstant?.getTime() ?? 0));
  const nextRunAt = trigger.nextAfter(from);
  return {
    trigger: trigger.toJSON(),
    schedule: trigger.describe(),
    nextRunAt,
    wakeAt: wakeAfterJitter(trigger, existing.uid, nextRunAt, fresh.jitterMs),
    ...(state === 'paused'
      ? { state, stateReason, stateBy, stateAt }
      : { state: nextRunAt === null ? 'finished' : 'active' }),
  };
}

function sameTiming(trigger: object, fresh: JobEntity, existing: JobEntity): boolean {
  const timing = (spec: object | null, job: JobEntity): string => canonical([spec, job.maxRuns, job.jitterMs]);
  return timing(trigger, fresh) === timing(existing.trigger, existing);
}

/** `jsonb` gives keys back in an order of its own. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    each !== null && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}
