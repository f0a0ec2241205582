import { createHash, randomUUID } from 'node:crypto';

import type { JobEntity } from '../store/job.entity.js';
import { storable } from '../store/storable.js';
import { anchored, isEveryMillisecond } from '../triggers/built-in.js';
import { at } from '../triggers/date.trigger.js';
import { shown } from '../triggers/instant.js';
import { wakeAfterJitter } from '../triggers/jitter.js';
import { ZONE_DATA } from '../triggers/zone.js';
import { nextFire } from '../triggers/misfire.js';
import type { Trigger } from '../triggers/trigger.js';
import { describeError, notJson } from './json.js';
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
  if (schedule.kind === 'trigger') {
    checkBounds(where, schedule);
    checkTrigger(where, schedule.trigger);
  }
  const problem = notJson(data);
  if (problem !== null) {
    throw new InvalidJobError(
      `${where}: ${problem}. Write only what JSON gives back unchanged, e.g. date.toISOString().`,
    );
  }
  const settings = resolveSettings(where, ...input.settings);
  return { id, handler, schedule, settings, data: data ?? null, source, isPaused: input.isPaused === true };
}

/** Throws `InvalidJobError`. */
export function checkBounds(where: string, { maxRuns, jitterMs }: { maxRuns: number | null; jitterMs: number }): void {
  if (maxRuns !== null && !(Number.isInteger(maxRuns) && maxRuns >= 1 && maxRuns < 2 ** 31)) {
    throw new InvalidJobError(`${where}: maxRuns is ${maxRuns}. Write a whole number of at least 1.`);
  }
  if (!(Number.isInteger(jitterMs) && jitterMs >= 0 && jitterMs <= MAX_JITTER_MS)) {
    throw new InvalidJobError(`${where}: jitterMs is ${jitterMs}. Write a whole number of milliseconds, 0 or more.`);
  }
}

/** What a trigger of the user's own says of itself becomes part of the row. */
function checkTrigger(where: string, trigger: Trigger): void {
  if (isEveryMillisecond(trigger)) {
    throw new InvalidJobError(
      `${where}: its trigger fires every millisecond of whole days. Say when it runs on those days, e.g. allOf(cron('0 7 * * *'), days({ … })).`,
    );
  }
  let problem: string | null;
  try {
    problem = notJson(JSON.parse(JSON.stringify(trigger.toJSON())), 'toJSON()');
  } catch (error) {
    problem = `toJSON() failed: ${describeError(error).message}`;
  }
  if (problem === null) return;
  throw new InvalidJobError(
    `${where}: its trigger's ${problem}. Return a plain object, e.g. { kind: 'working-days' }.`,
  );
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

/** The row of a new job, from the database's clock. Throws what a trigger of the user's own throws. */
export function newJobRow(draft: JobDraft, now: Date): JobEntity {
  const row = rowWithoutTiming(draft, now);
  const trigger = triggerFor(draft.schedule, now);
  // a run-once job whose instant has passed is due now
  const nextRunAt = nextFire(trigger, now) ?? onlyInstant(trigger);
  return {
    ...row,
    ...inWords(trigger),
    state: draft.isPaused ? 'paused' : nextRunAt === null ? 'finished' : 'active',
    nextRunAt,
    wakeAt: wakeAfterJitter(trigger, row.uid, nextRunAt, row.jitterMs),
  };
}

/** All of a new row that does not ask its trigger anything. */
export function rowWithoutTiming(draft: JobDraft, now: Date): JobEntity {
  const { id, handler, schedule } = draft;
  const { maxRuns, jitterMs } = schedule.kind === 'trigger' ? schedule : { maxRuns: null, jitterMs: 0 };
  return {
    id,
    uid: randomUUID(),
    handler,
    trigger: null,
    schedule: '',
    anchor: now,
    data: draft.data,
    state: 'active',
    stateReason: null,
    stateBy: null,
    stateAt: now,
    orphanedAt: null,
    nextRunAt: null,
    wakeAt: null,
    lastInstant: null,
    jitterMs,
    maxRuns,
    runCount: 0,
    missedCount: 0,
    skippedCount: 0,
    queuedCount: 0,
    cancelledCount: 0,
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

/** The columns that say what the schedule is. */
export function inWords(trigger: Trigger): Pick<JobEntity, 'trigger' | 'schedule'> {
  return { trigger: trigger.toJSON(), schedule: storable(String(trigger.describe())) };
}

/** The columns a job's settings live in. */
export function settingColumns(handler: string, settings: ResolvedSettings) {
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
    pauseAfterFailures: settings.pauseAfterFailures ?? null,
  };
}

export function triggerFor(schedule: Schedule, now: Date): Trigger {
  return schedule.kind === 'delay' ? at(new Date(now.getTime() + schedule.delayMs)) : anchored(schedule.trigger, now);
}

/** The instant of a trigger that has exactly one. */
export function onlyInstant(trigger: Trigger): Date | null {
  const spec = trigger.toJSON() as { kind?: unknown; at?: unknown };
  return spec.kind === 'at' ? new Date(String(spec.at)) : null;
}
