import type { JobChange } from '../store/job-store.js';
import type { JobEntity } from '../store/job.entity.js';
import { anchored } from '../triggers/built-in.js';
import type { BoundsOptions } from '../triggers/bounds.js';
import { parseTrigger } from '../triggers/trigger-spec.js';
import { InvalidTriggerError, type Trigger } from '../triggers/trigger.js';
import { within } from '../triggers/within.trigger.js';
import { ZONE_DATA } from '../triggers/zone.js';
import { settingColumns } from './job-draft.js';
import { differing, optionsOfDefinition, optionsOfRow, SCHEDULE } from './job-options.js';
import { DEFAULT_GRACE_MS, settingsOf, type JobSettings, type ResolvedSettings } from './job-settings.js';
import { describeError, isSameJson } from './json.js';
import { placed, stateOf } from './new-schedule.js';

/** What an operator wants to be otherwise, checked. What is not given stays. */
export interface JobEdit {
  /** One that is there and `undefined`: none. */
  settings: JobSettings;
  /** Without an anchor of its own an interval keeps that of the job. */
  trigger: Trigger | null;
  /** Of the schedule that there is. */
  bounds: BoundsOptions;
  /** null: none. */
  maxRuns?: number | null | undefined;
  jitterMs?: number | undefined;
  data: { value: unknown } | null;
}
export interface Modified {
  change: JobChange;
  /** The options that have another value now. */
  changed: string[];
}
export interface ModifySurroundings {
  now: Date;
  /** What the version in force says. */
  definition: object | null;
  /** The trigger of the row. Throws when this node cannot compute it. */
  triggerOf(job: JobEntity): Trigger;
  reason?: string | null;
  by?: string | null;
}

const MODIFIED = 'its schedule was modified';

/**
 * What an operator's edit makes of a job; null: nothing, because it says all that already. Another schedule has its
 * place as after a deploy. A job that is paused or quarantined stays so, and one that is finished lives again if there is
 * more to run. Throws `InvalidTriggerError`, and what a trigger throws.
 */
export function modifiedJob(job: JobEntity, edit: JobEdit, around: ModifySurroundings): Modified | null {
  const edited = withSettings(job, edit);
  const names = namesOf(edit);
  const isTimed = [SCHEDULE, 'maxRuns', 'jitterMs'].some((name) => names.includes(name));
  const { row, records = [] } = isTimed ? timed(edited, edit, job, around) : { row: edited };
  const changed = differing(names, optionsOfRow(job), optionsOfRow(row));
  const overridden = overriddenAfter(row, [...job.overridden, ...names], around.definition);
  if (changed.length === 0) {
    return isSameJson(overridden, job.overridden) ? null : { change: { set: { overridden } }, changed };
  }
  const set = differenceOf(job, { ...row, ...stateAfter(job, row, around), overridden });
  return { change: { set, records }, changed };
}

function namesOf({ settings, trigger, bounds, maxRuns, jitterMs, data }: JobEdit): string[] {
  return [
    ...Object.keys(settings),
    ...(trigger !== null || Object.keys(bounds).length > 0 ? [SCHEDULE] : []),
    ...(maxRuns === undefined ? [] : ['maxRuns']),
    ...(jitterMs === undefined ? [] : ['jitterMs']),
    ...(data === null ? [] : ['data']),
  ];
}

/** Only the columns that the edit changes: what a hand has done to others stays. */
function withSettings(job: JobEntity, { settings, data, maxRuns, jitterMs }: JobEdit): JobEntity {
  const before = settingsOf(job) as ResolvedSettings;
  const followsMisfire = job.misfireGraceMs === DEFAULT_GRACE_MS[job.misfire];
  const grace = followsMisfire ? { misfireGraceMs: undefined } : {};
  const columns = settingColumns(job.handler, { ...before, ...grace, ...settings } as ResolvedSettings);
  const kept = settingColumns(job.handler, before);
  return {
    ...job,
    ...differenceOf(kept, columns),
    ...(data === null ? {} : { data: data.value }),
    ...(maxRuns === undefined ? {} : { maxRuns }),
    ...(jitterMs === undefined ? {} : { jitterMs }),
  };
}

function timed(row: JobEntity, { trigger, bounds }: JobEdit, job: JobEntity, { now, triggerOf }: ModifySurroundings) {
  const schedule = trigger === null ? triggerBetween(job, bounds, triggerOf) : anchored(trigger, job.anchor);
  const after = placed({ ...row, tzVersion: ZONE_DATA }, schedule, job, now, MODIFIED);
  return job.state === 'quarantined' ? { ...after, row: { ...after.row, ...stateOf(job) } } : after;
}

/** The schedule that there is, with another beginning or end. */
function triggerBetween(job: JobEntity, bounds: BoundsOptions, triggerOf: ModifySurroundings['triggerOf']): Trigger {
  if (Object.keys(bounds).length === 0) return triggerOf(job);
  const { kind } = (job.trigger ?? {}) as { kind?: unknown };
  if (kind === 'at') {
    throw new InvalidTriggerError(
      `"${Object.keys(bounds).join('" and "')}" belongs to a schedule that recurs, and "${job.id}" runs once. Give it another instant: { trigger: at('…') }.`,
    );
  }
  const hasBounds = kind === 'cron' || kind === 'every' || kind === 'within';
  try {
    const spec = job.trigger as object;
    return anchored(hasBounds ? parseTrigger({ ...spec, ...bounds }) : within(parseTrigger(spec), bounds), job.anchor);
  } catch (error) {
    throw new InvalidTriggerError(
      `The schedule of "${job.id}" cannot be given these bounds: ${describeError(error).message} Give it another schedule with them.`,
      { cause: error },
    );
  }
}

/** Of a declared job: what is not as its code says. */
function overriddenAfter(row: JobEntity, names: readonly string[], definition: object | null): string[] {
  if (row.source !== 'code') return row.overridden;
  const said = optionsOfDefinition(definition);
  if (said === null) return [...new Set(names)].sort();
  return differing(names, { ...said, [SCHEDULE]: inRow(said[SCHEDULE], row) }, optionsOfRow(row)).sort();
}

/** The code's schedule as it would stand in the row: its intervals have an anchor there. */
function inRow(trigger: unknown, { anchor }: JobEntity): unknown {
  try {
    return anchored(parseTrigger(trigger as object), anchor).toJSON();
  } catch {
    // of the code's own making
    return trigger;
  }
}

/** A new state is the edit's doing. A job that stands still goes on saying why. */
function stateAfter(job: JobEntity, row: JobEntity, { now, reason, by }: ModifySurroundings): Partial<JobEntity> {
  const isOther = row.state !== job.state;
  const isNoted = (reason ?? by ?? null) !== null && row.state !== 'paused' && row.state !== 'quarantined';
  return {
    ...(isOther ? { stateAt: now, stateReason: null, stateBy: null } : {}),
    ...(isNoted ? { stateReason: reason ?? null, stateBy: by ?? null } : {}),
  };
}

function differenceOf<T extends object>(before: T, after: T): Partial<T> {
  const entries = Object.entries(after).filter(([key, value]) => !isSameJson(Reflect.get(before, key), value));
  return Object.fromEntries(entries) as Partial<T>;
}
