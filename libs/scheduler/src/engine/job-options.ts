import type { JobEntity } from '../store/job.entity.js';
import type { JobDraft } from './job-draft.js';
import { isSameJson } from './json.js';
import { DEFAULT_GRACE_MS, settingsOf, type ResolvedSettings } from './job-settings.js';

/** The option that stands for cron, every and trigger with all that belongs to them. */
export const SCHEDULE = 'schedule';

/** What a job says about itself, option by option. */
export type JobOptions = Readonly<Record<string, unknown>>;

/** A declared job as its version is kept: what the code says, resolved. */
export interface Definition {
  handler: string;
  schedule: { kind: string; trigger?: unknown; maxRuns?: number | null; jitterMs?: number };
  settings: ResolvedSettings;
  data: unknown;
}

export function definitionOf({ handler, schedule, settings, data }: JobDraft): Definition {
  const timing = schedule.kind === 'trigger' ? { ...schedule, trigger: schedule.trigger.toJSON() } : schedule;
  return { handler, schedule: timing, settings, data };
}

/** A grace that follows from `misfire` is not said, as in code. */
export function optionsOfRow(job: JobEntity): JobOptions {
  const { trigger, maxRuns, jitterMs, data, misfire, misfireGraceMs } = job;
  const grace = misfireGraceMs === DEFAULT_GRACE_MS[misfire] ? null : misfireGraceMs;
  return { [SCHEDULE]: trigger, maxRuns, jitterMs, data, ...settingsOf(job), misfireGraceMs: grace };
}

/** Null: nobody could make sense of it. */
export function optionsOfDefinition(definition: object | null): JobOptions | null {
  const { schedule, settings, data } = (definition ?? {}) as Partial<Definition>;
  if (typeof schedule !== 'object' || typeof settings !== 'object') return null;
  const { trigger, maxRuns, jitterMs } = schedule;
  return { [SCHEDULE]: trigger, maxRuns, jitterMs, data, ...settings };
}

/** The names of those that differ. What one of them does not say is as good as null. */
export function differing(names: Iterable<string>, a: JobOptions, b: JobOptions): string[] {
  return [...new Set(names)].filter((name) => !isSameJson(a[name], b[name]));
}
