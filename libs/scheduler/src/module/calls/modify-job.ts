import { checkBounds } from '../../engine/job-draft.js';
import { InvalidJobError, resolveSettings, type JobSettings } from '../../engine/job-settings.js';
import { jobInfo, type JobInfo } from '../../engine/info.js';
import { modifiedJob, type JobEdit } from '../../engine/modify-job.js';
import type { JobChange } from '../../store/job-store.js';
import type { JobEntity } from '../../store/job.entity.js';
import { Bounds as TimeBounds } from '../../triggers/bounds.js';
import { triggerOf } from '../../triggers/trigger-spec.js';
import { InvalidTriggerError, type Duration, type Trigger } from '../../triggers/trigger.js';
import { checkedAt, checkExecutor } from '../job-definition.js';
import type { Bounds, CronFields, None, Recurrence } from '../job-timing.js';
import { RECURRENCE_KEYS, SETTING_KEYS, strangerIn } from '../known-keys.js';
import type { SchedulerRuntime } from '../scheduler.runtime.js';
import { checkCallOptions, checkData, checkId, noteOf, type CallOptions } from './arguments.js';
import { refuseUnreadable } from './job-to-add.js';

/** Settings of which a job may have none. */
type Clearable = 'description' | 'misfireGraceMs' | 'pauseAfterFailures' | 'timeoutMs';
type ChangedSettings = Omit<JobSettings, Clearable> & { [Name in Clearable]?: JobSettings[Name] | null };
/** `maxRuns: null`: as often as the schedule says. */
type ChangedBounds = Omit<Bounds, 'maxRuns'> & { maxRuns?: number | null };

/**
 * What shall be otherwise of a job. What is left out, or `undefined`, stays; `null` takes a `timeoutMs`, a `maxRuns` and the
 * like away. Another schedule comes with the `startAt` and `endAt` that are given beside it; given without a schedule, they
 * are those of the one that there is.
 */
export type JobChanges = ChangedSettings &
  (
    Recurrence<ChangedBounds> | (ChangedBounds & None<'cron' | 'every' | 'trigger' | 'at' | 'in' | keyof CronFields>)
  ) & { data?: unknown };

/** What a caller without types may have given. */
type Changes = ChangedSettings &
  ChangedBounds &
  CronFields & { cron?: string; every?: Duration; trigger?: Trigger; at?: unknown; in?: unknown; data?: unknown };

const WHERE = 'modifyJob';
const CLEARABLE: readonly string[] = [
  'description',
  'misfireGraceMs',
  'pauseAfterFailures',
  'timeoutMs',
] satisfies Clearable[];
const CHANGE_KEYS = [...SETTING_KEYS, ...RECURRENCE_KEYS, 'data'];

export async function modifyJob(
  runtime: SchedulerRuntime,
  id: string,
  changes: JobChanges,
  options: CallOptions,
): Promise<JobInfo> {
  checkId(WHERE, id);
  checkCallOptions(WHERE, options);
  const edit = checkedAt(WHERE, () => editOf(id, changes as Changes, runtime));
  const { manager } = options;
  const { reason, by } = noteOf(options);
  const store = await runtime.store();
  let changed: string[] = [];
  const change = (job: JobEntity, now: Date, definition: object | null): JobChange | null => {
    const known = (each: JobEntity): Trigger => runtime.triggerOf(WHERE, each);
    const modified = modifiedJob(job, edit, { now, definition, triggerOf: known, reason, by });
    changed = modified?.changed ?? [];
    return modified?.change ?? null;
  };
  const job = jobInfo(await store.changeJob(id, change, { manager }));
  // what a caller's transaction may still take back is not announced
  if (manager !== undefined) return job;
  if (changed.length > 0) {
    runtime.events.emit('job.modified', { job, changed, reason, by });
  }
  runtime.wake();
  return job;
}

/** Checks everything that can be checked without the job. Throws `InvalidJobError` and `InvalidTriggerError`. */
function editOf(id: string, changes: Changes, runtime: SchedulerRuntime): JobEdit {
  refuseStrangers(changes);
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)) as Changes;
  if (Object.keys(given).length === 0) {
    throw new InvalidJobError('no change is given. Name what shall be otherwise: { timeoutMs: 60_000 }.');
  }
  const where = `Job "${id}"`;
  const settings = settingsIn(where, given, runtime);
  const { maxRuns, jitterMs, data } = given;
  checkBounds(where, { maxRuns: maxRuns ?? null, jitterMs: jitterMs ?? 0 });
  checkData(where, data);
  const timing = timingOf(id, given, runtime.options.timeZone);
  return { settings, ...timing, maxRuns, jitterMs, data: data === undefined ? null : { value: data } };
}

function refuseStrangers(changes: unknown): void {
  const stranger = strangerIn(changes, CHANGE_KEYS);
  if (stranger === null) return;
  const isOnce = typeof changes === 'object' && changes !== null && ('at' in changes || 'in' in changes);
  const hint = isOnce ? ` For another single instant write { trigger: at('2027-01-01T00:00:00Z') }.` : '';
  throw new InvalidJobError(`${stranger}${hint}`);
}

function settingsIn(where: string, given: Changes, { surroundings }: SchedulerRuntime): JobSettings {
  const named = Object.entries(given).filter(([key]) => SETTING_KEYS.includes(key));
  const settings = Object.fromEntries(
    named.map(([key, value]) => [key, value === null && CLEARABLE.includes(key) ? undefined : value]),
  );
  const resolved = resolveSettings(where, settings);
  if (given.executor !== undefined) checkExecutor(resolved, surroundings);
  return settings;
}

function timingOf(id: string, given: Changes, timeZone: string): Pick<JobEdit, 'trigger' | 'bounds'> {
  const { startAt, endAt } = given;
  if (given.cron !== undefined || given.every !== undefined || given.trigger !== undefined) {
    const trigger = triggerOf(given as Parameters<typeof triggerOf>[0], { timeZone, hashSeed: id });
    if (trigger !== null && given.trigger !== undefined) refuseUnreadable(trigger);
    return { trigger, bounds: {} };
  }
  const zoned = (['timeZone', 'dst'] as const).find((name) => given[name] !== undefined);
  if (zoned !== undefined) {
    throw new InvalidTriggerError(
      `"${zoned}" belongs to "cron". Write the expression beside it: { cron: '…', ${zoned}: … }.`,
    );
  }
  const bounds = { ...(startAt === undefined ? {} : { startAt }), ...(endAt === undefined ? {} : { endAt }) };
  // throws when one of them is no instant, or the end comes first
  void new TimeBounds(bounds);
  return { trigger: null, bounds };
}
