import type { JobPolicies, JobSettings } from '../engine/job-settings.js';
import { shown } from '../triggers/instant.js';
import type { Bounds, CronFields } from './job-timing.js';

/** Every key of T, and a compile error when one is missing. */
function keysOf<T>(keys: Record<keyof T, true>): readonly string[] {
  return Object.keys(keys);
}

export const POLICY_KEYS = keysOf<JobPolicies>({
  misfire: true,
  misfireGraceMs: true,
  maxInstances: true,
  overlap: true,
  retry: true,
  timeoutMs: true,
  onNodeLoss: true,
});
export const SETTING_KEYS = [
  ...POLICY_KEYS,
  ...keysOf<Omit<JobSettings, keyof JobPolicies>>({
    description: true,
    tags: true,
    priority: true,
    pauseAfterFailures: true,
    executor: true,
  }),
];
export const BOUND_KEYS = keysOf<Bounds>({ startAt: true, endAt: true, maxRuns: true, jitterMs: true });
export const RECURRENCE_KEYS = [
  'cron',
  'every',
  'trigger',
  ...keysOf<CronFields>({ timeZone: true, dst: true }),
  ...BOUND_KEYS,
];

/** What is wrong with a bag of options, or null: not an object, or a key nobody knows, which would silently do nothing. */
export function strangerIn(value: unknown, known: readonly string[]): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return `expected an object with options, not ${shown(value)}.`;
  }
  const strangers = Object.keys(value).filter((key) => !known.includes(key));
  if (strangers.length === 0) return null;
  const verb = strangers.length === 1 ? 'is not an option' : 'are not options';
  return `${strangers.map(shown).join(', ')} ${verb} here. Known: ${known.join(', ')}.`;
}
