import type { JobSync, SyncInput } from '../store/job-store.js';
import type { JobEntity } from '../store/job.entity.js';
import { quarantinedBecause } from '../store/quarantine.js';
import { anchored } from '../triggers/built-in.js';
import { parseTrigger } from '../triggers/trigger-spec.js';
import { hashOf, newJobRow, rowWithoutTiming, triggerFor, type JobDraft } from './job-draft.js';
import { definitionOf, differing, optionsOfDefinition, SCHEDULE } from './job-options.js';
import { settingsOf, type JobSettings } from './job-settings.js';
import { describeError } from './json.js';
import { placed, stateOf, unplaced } from './new-schedule.js';

const BY_A_DEPLOY = 'its schedule was changed by a deploy';

/**
 * What a deploy does to a declared job; null: nothing. The version in force is the one the cluster saw last among its
 * live nodes, so an old replica that restarts restores nothing. What an operator changed stays, but for what the code
 * changed, too. A job added at run time that has the id is left alone until it is finished. Never throws: a job whose
 * trigger does is quarantined, and tried again at the next boot.
 */
export function reconcileJob(
  draft: JobDraft,
  { inForce, existing, former, now }: Pick<SyncInput, 'inForce' | 'existing' | 'former' | 'now'>,
): JobSync | null {
  if (existing === null) return { row: firstRow(draft, now) };
  if (isAddedAtRunTime(existing)) return null;
  const codeHash = hashOf(draft);
  if (codeHash !== inForce || existing.codeHash === inForce) return null;
  const overridden = stillOverridden(draft, existing, former);
  const said = { ...rowWithoutTiming(withOverrides(draft, existing, overridden), now), codeHash, overridden };
  const row = sameJob(said, existing);
  try {
    const trigger = overridden.includes(SCHEDULE)
      ? anchored(parseTrigger(existing.trigger as object), row.anchor)
      : triggerFor(draft.schedule, row.anchor);
    return placed(row, trigger, existing, now, BY_A_DEPLOY);
  } catch (error) {
    return untimed(row, existing, now, error);
  }
}

/** Whoever added it has the say, also when code comes to declare its id; what is finished has nothing left to say. */
export function isAddedAtRunTime({ source, state }: JobEntity): boolean {
  return source === 'dynamic' && state !== 'finished';
}

/** The code wins for what it changed. Where nobody knows what it said before, the operator's word stands. */
function stillOverridden(draft: JobDraft, { overridden, source }: JobEntity, former: object | null): string[] {
  if (source !== 'code' || overridden.length === 0) return [];
  const before = optionsOfDefinition(former);
  if (before === null) return overridden;
  const isChanged = new Set(differing(overridden, before, optionsOfDefinition(definitionOf(draft)) ?? {}));
  return overridden.filter((name) => !isChanged.has(name));
}

/** The draft with what the row says of these options; its schedule is the caller's to find. */
function withOverrides(draft: JobDraft, existing: JobEntity, overridden: readonly string[]): JobDraft {
  const { schedule, settings, data } = draft;
  const isOurs = (name: string): boolean => overridden.includes(name);
  const said = settingsOf(existing);
  const keys = Object.keys({ ...settings, ...said }).filter(isOurs) as (keyof JobSettings)[];
  return {
    ...draft,
    settings: { ...settings, ...Object.fromEntries(keys.map((key) => [key, said[key]])) },
    data: isOurs('data') ? existing.data : data,
    schedule:
      schedule.kind === 'delay'
        ? schedule
        : {
            ...schedule,
            maxRuns: isOurs('maxRuns') ? existing.maxRuns : schedule.maxRuns,
            jitterMs: isOurs('jitterMs') ? existing.jitterMs : schedule.jitterMs,
          },
  };
}

/** What a deploy does not touch. A run-time job that is finished leaves its history, and not the count of its runs. */
function sameJob(row: JobEntity, existing: JobEntity): JobEntity {
  const { uid, lastInstant, missedCount, createdAt } = existing;
  const same = { ...row, uid, lastInstant, missedCount, createdAt, version: existing.version + 1 };
  if (existing.source === 'dynamic') return same;
  return {
    ...same,
    anchor: existing.anchor,
    runCount: existing.runCount,
    consecutiveFailures: existing.consecutiveFailures,
  };
}

function firstRow(draft: JobDraft, now: Date): JobEntity {
  try {
    return newJobRow(draft, now);
  } catch (error) {
    return { ...rowWithoutTiming(draft, now), ...quarantine(draft.id, error) };
  }
}

/** Without a hash it is in no version, so that the next boot tries again. */
function quarantine(id: string, error: unknown): Pick<JobEntity, 'state' | 'stateReason' | 'schedule' | 'codeHash'> {
  const stateReason = quarantinedBecause(id, describeError(error).message);
  return { state: 'quarantined', stateReason, schedule: 'not known', codeHash: null };
}

/** A paused job stays paused: who resumes it hears what is wrong. */
function untimed(row: JobEntity, existing: JobEntity, now: Date, error: unknown): JobSync | null {
  const broken = { ...row, ...quarantine(row.id, error), ...(existing.state === 'paused' && stateOf(existing)) };
  if (existing.codeHash === null && existing.stateReason === broken.stateReason) return null;
  return unplaced(broken, existing, now, BY_A_DEPLOY);
}
