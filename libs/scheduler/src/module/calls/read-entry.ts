import {
  draftJob,
  inWords,
  newJobRow,
  rowWithoutTiming,
  type JobDraft,
  type Schedule,
} from '../../engine/job-draft.js';
import { describeError, notJson } from '../../engine/json.js';
import { InvalidJobError, resolveSettings, type JobSettings } from '../../engine/job-settings.js';
import { JOB_STATES, type JobEntity, type JobState } from '../../store/job.entity.js';
import { anchored } from '../../triggers/built-in.js';
import { readInstant, shown } from '../../triggers/instant.js';
import { wakeAfterJitter } from '../../triggers/jitter.js';
import { parseTrigger } from '../../triggers/trigger-spec.js';
import type { Trigger } from '../../triggers/trigger.js';
import { SETTING_KEYS, strangerIn } from '../known-keys.js';
import type { ExportedJob } from './export-jobs.js';

/** An entry of an export, checked. */
export interface ReadEntry {
  draft: JobDraft;
  /** null: it cannot be read, and its job is quarantined. */
  trigger: Trigger | null;
  /** As it was given. */
  schedule: object | null;
  place: Place;
}
type Tell = (problem: string) => void;
/** Where a job stands in its schedule; undefined: not said. */
interface Place {
  state: JobState;
  anchor: Date | undefined;
  nextRunAt: Date | null | undefined;
  lastInstant: Date | null;
  runCount: number;
  reason: string | null;
  by: string | null;
}

const ENTRY_KEYS = Object.keys({
  id: true,
  handler: true,
  schedule: true,
  settings: true,
  data: true,
  state: true,
  reason: true,
  by: true,
  maxRuns: true,
  jitterMs: true,
  anchor: true,
  nextRunAt: true,
  lastRunAt: true,
  runCount: true,
} satisfies Record<keyof ExportedJob, true>);

/** Tells everything that is wrong with an entry; null: something is. */
export function readEntry(value: unknown, tell: Tell): ReadEntry | null {
  const stranger = strangerIn(value, ENTRY_KEYS);
  if (stranger !== null) {
    tell(stranger);
    return null;
  }
  const entry = value as ExportedJob;
  const problems: string[] = [];
  const read = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      problems.push(describeError(error).message);
      return undefined;
    }
  };
  const settings = readSettings(entry.settings, read);
  const trigger = read(() => readSchedule(entry)) ?? null;
  const place = readPlace(entry, read);
  const draft = read(() => draftOf(entry, trigger, settings));
  problems.forEach(tell);
  return problems.length > 0 || draft === undefined ? null : { draft, trigger, place, schedule: entry.schedule };
}

/** The row of an entry: the same job, in the place it had. */
export function rowOf(entry: ReadEntry, now: Date): JobEntity {
  const { draft, trigger, place } = entry;
  const { anchor = now, state, reason: stateReason, by: stateBy, lastInstant, runCount } = place;
  const stands = { state, stateReason, stateBy, lastInstant, runCount, anchor };
  // what cannot be run is not asked for its next run
  if (trigger === null || state === 'quarantined') return { ...quarantinedRow(entry, now), ...stands };
  const own = anchored(trigger, anchor);
  const { maxRuns, jitterMs } = draft.schedule as Extract<Schedule, { kind: 'trigger' }>;
  const fresh = newJobRow({ ...draft, schedule: { kind: 'trigger', trigger: own, maxRuns, jitterMs } }, now);
  if (state === 'finished') return { ...fresh, ...stands, nextRunAt: null, wakeAt: null };
  // an active job has a next run, or is finished
  const isSaid = place.nextRunAt !== undefined && (place.nextRunAt !== null || state !== 'active');
  if (!isSaid) return { ...fresh, ...stands, state: fresh.state === 'finished' ? 'finished' : state };
  const nextRunAt = place.nextRunAt ?? null;
  return { ...fresh, ...stands, nextRunAt, wakeAt: wakeAfterJitter(own, fresh.uid, nextRunAt, jitterMs) };
}

function quarantinedRow({ draft, trigger, schedule, place }: ReadEntry, now: Date): JobEntity {
  const words =
    trigger === null ? { trigger: schedule, schedule: 'not known' } : inWords(anchored(trigger, place.anchor ?? now));
  const nextRunAt = place.nextRunAt ?? null;
  return { ...rowWithoutTiming(draft, now), ...words, nextRunAt, wakeAt: nextRunAt };
}

type Read = <T>(work: () => T) => T | undefined;

function readSettings(settings: unknown, read: Read): JobSettings {
  if (settings === undefined) return {};
  const stranger = strangerIn(settings, SETTING_KEYS);
  read(() => refuse('settings: ', stranger));
  if (stranger !== null) return {};
  // one by one, so that each is told
  const sound = Object.entries(settings as object).filter(([key, value]) =>
    read(() => resolveSettings('settings', { [key]: value } as JobSettings)),
  );
  return Object.fromEntries(sound) as JobSettings;
}

/** A schedule that cannot be read is kept with a job that is quarantined: an export loses no job, and an import neither. */
function readSchedule({ schedule, state }: ExportedJob): Trigger | null {
  refuse('', notJson(schedule, 'schedule'));
  try {
    return parseTrigger(schedule as object);
  } catch (error) {
    if (state === 'quarantined') return null;
    const { message } = error as Error;
    throw new InvalidJobError(message.replace(/^trigger/, 'schedule'), { cause: error });
  }
}

function readPlace(entry: ExportedJob, read: Read): Place {
  const { state = 'active', reason = null, by = null, runCount = 0 } = entry;
  const isState = JOB_STATES.includes(state);
  read(() => refuse(`state is ${shown(state)}. `, isState ? null : `Write one of ${JOB_STATES.join(', ')}.`));
  for (const [name, value] of Object.entries({ reason, by })) {
    const isText = value === null || (typeof value === 'string' && notJson(value) === null);
    read(() => refuse(`${name} is ${shown(value)}. `, isText ? null : 'Write a text, or null.'));
  }
  const isCount = Number.isInteger(runCount) && runCount >= 0 && runCount < 2 ** 31;
  read(() => refuse(`runCount is ${shown(runCount)}. `, isCount ? null : 'Write a whole number of at least 0.'));
  const instant = (name: 'anchor' | 'nextRunAt' | 'lastRunAt'): Date | null | undefined => {
    const value = entry[name];
    if (value === undefined || value === null) return value;
    return read(() => new Date(readInstant(value, name)));
  };
  const anchor = instant('anchor') ?? undefined;
  return {
    state,
    reason,
    by,
    runCount,
    anchor,
    nextRunAt: instant('nextRunAt'),
    lastInstant: instant('lastRunAt') ?? null,
  };
}

function draftOf(entry: ExportedJob, trigger: Trigger | null, settings: JobSettings): JobDraft {
  const { id, handler, data, maxRuns = null, jitterMs = 0 } = entry;
  if (typeof handler !== 'string' || handler === '' || notJson(handler) !== null) {
    throw new InvalidJobError(`handler is ${shown(handler)}. Write the key of a @JobHandler('…').`);
  }
  // the bounds are checked, also where there is no schedule to have them
  const stand = trigger ?? {
    nextAfter: () => null,
    lastAtOrBefore: () => null,
    describe: () => '',
    toJSON: () => ({}),
  };
  const schedule: Schedule = { kind: 'trigger', trigger: stand, maxRuns, jitterMs };
  return draftJob({ id, handler, schedule, data, source: 'dynamic', settings: [settings] });
}

function refuse(where: string, complaint: string | null): void {
  if (complaint !== null) throw new InvalidJobError(`${where}${complaint}`);
}
