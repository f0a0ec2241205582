import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cron } from '../../src/triggers/cron.trigger.js';
import { parseTrigger } from '../../src/triggers/trigger-spec.js';
import { slowFires } from './slow-cron.js';
import { firesBackward, firesBetween } from './support.js';

const HOUR = 3_600_000;
/** Fixed, so that a failure is the same everywhere; fast-check prints it with the counterexample. */
const SEED = 20_261_122;

/** A day on which the zone's clocks change. */
const CHANGES: [zone: string, day: string][] = [
  ['Europe/Paris', '2026-03-29'],
  ['Europe/Paris', '2026-10-25'],
  ['America/New_York', '2026-03-08'],
  ['America/New_York', '2026-11-01'],
  ['Australia/Lord_Howe', '2026-04-04'],
  ['Australia/Lord_Howe', '2026-10-03'],
  ['America/Havana', '2026-03-08'],
  ['America/Havana', '2026-11-01'],
  ['Pacific/Chatham', '2026-04-04'],
  ['Pacific/Chatham', '2026-09-26'],
  ['Pacific/Apia', '2011-12-30'],
  ['Pacific/Apia', '2021-04-03'],
  ['Africa/Casablanca', '2026-02-15'],
  ['Africa/Casablanca', '2026-03-22'],
  ['America/Santiago', '2026-09-06'],
  ['Asia/Beirut', '2026-03-28'],
  ['Atlantic/Azores', '2026-10-25'],
  ['Asia/Kolkata', '2026-06-01'],
  ['Pacific/Kwajalein', '1993-08-21'],
  ['Antarctica/Troll', '2026-03-29'],
];

const field = (low: number, high: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.integer({ min: low, max: high }).map(String),
    fc.uniqueArray(fc.integer({ min: low, max: high }), { minLength: 2, maxLength: 4 }).map((list) => list.join(',')),
    fc
      .tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high }))
      .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
  );
const either = (...fields: fc.Arbitrary<string>[]): fc.Arbitrary<string> => fc.oneof(...fields);
const expressions = fc
  .tuple(
    either(field(0, 59), fc.constantFrom('0', '30', '*/15', '*/7', '*')),
    either(field(0, 23), field(0, 3), fc.constantFrom('*', '*/2', '0', '2', '23')),
    fc.oneof({ weight: 4, arbitrary: fc.constant('*') }, { weight: 1, arbitrary: field(1, 31) }),
    fc.constant('*'),
    fc.oneof({ weight: 4, arbitrary: fc.constant('*') }, { weight: 1, arbitrary: field(0, 6) }),
  )
  .map((fields) => fields.join(' '));
const rules = fc.record(
  {
    gap: fc.constantFrom('shift' as const, 'next' as const, 'skip' as const),
    fold: fc.constantFrom('first' as const, 'second' as const, 'both' as const),
  },
  { requiredKeys: [] },
);
const cases = fc.record({
  expression: expressions,
  change: fc.constantFrom(...CHANGES),
  rule: rules,
  startMinutes: fc.integer({ min: -14 * 60, max: 26 * 60 }),
});

const start = ({ change: [, day], startMinutes }: { change: [string, string]; startMinutes: number }): number =>
  Date.parse(`${day}T00:00:00Z`) + startMinutes * 60_000;

describe('near a change of the clocks', () => {
  it('nextAfter finds exactly the fires that a slow look at the wall clock finds, and lastAtOrBefore the same', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const {
          expression,
          change: [timeZone],
          rule,
        } = one;
        const from = start(one);
        const to = from + 30 * HOUR;
        const trigger = cron(expression, { timeZone, dst: rule });
        const expected = slowFires(expression, timeZone, rule, from, to).map((ms) => new Date(ms).toISOString());
        const iso = (fires: Date[]): string[] => fires.map((fire) => fire.toISOString());
        expect(iso(firesBetween(trigger, new Date(from), new Date(to)))).toEqual(expected);
        expect(iso(firesBackward(trigger, new Date(from), new Date(to)))).toEqual(expected);
      }),
      { seed: SEED, numRuns: 300, endOnFailure: true },
    );
  });
});

describe('anywhere in time', () => {
  const instants = fc.date({ min: new Date('1890-01-01'), max: new Date('2150-01-01'), noInvalidDate: true });

  it('fires strictly increase, and each is the last one at its own instant and until just before the next', () => {
    fc.assert(
      fc.property(expressions, fc.constantFrom(...CHANGES), rules, instants, (expression, [timeZone], dst, after) => {
        const trigger = cron(expression, { timeZone, dst });
        let fire = trigger.nextAfter(after)!;
        expect(fire.getTime()).toBeGreaterThan(after.getTime());
        expect(trigger.lastAtOrBefore(new Date(fire.getTime() - 1), after)).toBeNull();
        for (let step = 0; step < 5; step += 1) {
          const next = trigger.nextAfter(fire)!;
          expect(next.getTime()).toBeGreaterThan(fire.getTime());
          expect(trigger.lastAtOrBefore(fire, after)).toEqual(fire);
          expect(trigger.lastAtOrBefore(new Date(next.getTime() - 1), after)).toEqual(fire);
          fire = next;
        }
      }),
      { seed: SEED, numRuns: 150, endOnFailure: true },
    );
  });

  it('a trigger read back from its JSON has the same fires and the same JSON', () => {
    fc.assert(
      fc.property(expressions, fc.constantFrom(...CHANGES), rules, instants, (expression, [timeZone], dst, after) => {
        const trigger = cron(expression, { timeZone, dst, endAt: new Date('2149-12-31T00:00:00Z') });
        const again = parseTrigger(JSON.parse(JSON.stringify(trigger)) as object);
        expect(JSON.stringify(again)).toBe(JSON.stringify(trigger));
        expect(again.describe()).toBe(trigger.describe());
        expect(again.nextAfter(after)).toEqual(trigger.nextAfter(after));
      }),
      { seed: SEED, numRuns: 100, endOnFailure: true },
    );
  });
});
