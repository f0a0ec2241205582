import fc from 'fast-check';
import { allOf, anyOf, calendar, cron, days, every, except, type JobToAdd, type Trigger } from 'nestjs-vigil';

import { at } from './reminders.js';

type Job = JobToAdd<unknown> & { handler: string };

/** What PostgreSQL can store: no U+0000, and no half of a surrogate pair. */
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter(isStorable);
const instant = fc.integer({ min: -500, max: 50_000 }).map(at);

const simple: fc.Arbitrary<Trigger> = fc.oneof(
  fc
    .constantFrom('0 9 * * 1-5', '*/7 * * * *', '0 30 2 * * *', '@hourly')
    .map((each) => cron(each, { timeZone: 'Europe/Paris' })),
  fc.integer({ min: 1, max: 10_000 }).map((minutes) => every(`${minutes}m`)),
  fc
    .tuple(fc.integer({ min: 1, max: 9 }), instant)
    .map(([months, from]) => calendar({ months }, { at: '07:30', from })),
);
const trigger: fc.Arbitrary<Trigger> = fc.oneof(
  simple,
  fc.tuple(simple, simple).map((some) => anyOf(...some)),
  simple.map((each) => except(each, days({ weekdays: ['SAT', 'SUN'] }))),
  simple.map((each) => allOf(each, days({ from: '2026-01-01', to: '2027-12-31' }))),
);
const bounds = fc.record(
  {
    endAt: fc.integer({ min: 50_001, max: 90_000 }).map(at),
    startAt: instant,
    maxRuns: fc.integer({ min: 1, max: 99 }),
    jitterMs: fc.integer({ min: 0, max: 60_000 }),
  },
  { requiredKeys: [] },
);
const timing: fc.Arbitrary<object> = fc.oneof(
  fc.tuple(trigger, bounds).map(([each, within]) => ({ trigger: each, ...within })),
  fc.tuple(fc.integer({ min: 1, max: 999 }), bounds).map(([hours, within]) => ({ every: `${hours}h`, ...within })),
  bounds.map((within) => ({ cron: 'H 4 * * *', timeZone: 'America/Havana', dst: { gap: 'next' }, ...within })),
  instant.map((each) => ({ at: each })),
  fc.constant({ in: '90m' }),
  fc.constant({}),
);
const settings = fc.record(
  {
    misfire: fc.constantFrom('coalesce', 'skip', 'all'),
    misfireGraceMs: fc.integer({ min: 0, max: 1e9 }),
    maxInstances: fc.integer({ min: 1, max: 50 }),
    overlap: fc.constantFrom('skip', 'queue-one', 'queue-all', 'cancel-running'),
    retry: fc.constantFrom(
      { maxAttempts: 3 },
      { maxAttempts: 2, backoff: { kind: 'fixed', delayMs: 10, jitter: false } },
    ),
    timeoutMs: fc.integer({ min: 1, max: 1e9 }),
    onNodeLoss: fc.constantFrom('rerun', 'abandon'),
    description: text,
    tags: fc.array(text, { maxLength: 3 }),
    priority: fc.integer({ min: -99, max: 99 }),
    executor: fc.constantFrom('default', 'reports'),
  },
  { requiredKeys: [] },
);
const rest = fc.record(
  { data: fc.jsonValue({ maxDepth: 3 }).filter((value) => isStorable(JSON.stringify(value))), paused: fc.boolean() },
  { requiredKeys: [] },
);

/** Jobs as callers may add them, each with an id of its own. */
export const jobsToAdd: fc.Arbitrary<Job[]> = fc.uniqueArray(
  fc
    .tuple(text, timing, settings, rest)
    .map((parts) => ({ id: parts[0], handler: 'remind', ...parts[1], ...parts[2], ...parts[3] }) as Job),
  { minLength: 1, maxLength: 8, selector: ({ id }) => id },
);

function isStorable(value: string): boolean {
  return !value.includes('\0') && !value.includes('\\u0000') && value.isWellFormed() && !/\\ud[89a-f]/i.test(value);
}
