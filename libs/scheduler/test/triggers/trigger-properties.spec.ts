import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cron } from '../../src/triggers/cron.trigger.js';
import { every } from '../../src/triggers/interval.trigger.js';
import { wakeAfterJitter } from '../../src/triggers/jitter.js';
import { parseTrigger } from '../../src/triggers/trigger-spec.js';
import type { Trigger } from '../../src/triggers/trigger.js';
import { SeededRandom } from '../chaos/random.js';
import { randomExpression } from './random-expressions.js';
import { firesBackward } from './support.js';

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
/** Fixed, so that a failure is the same everywhere; fast-check prints it with the counterexample. */
const SEED = 20_261_123;
const FIRES = 12;
const ZONES = ['UTC', 'Europe/Paris', 'America/Havana', 'Australia/Lord_Howe', 'Pacific/Apia', 'Africa/Casablanca'];

const instants = fc.date({ min: new Date('1970-01-01'), max: new Date('2060-01-01'), noInvalidDate: true });
const bounds = fc.oneof(
  fc.constant({}),
  instants.map((startAt) => ({ startAt })),
  instants.map((endAt) => ({ endAt })),
  fc.tuple(instants, fc.integer({ min: 0, max: 400 * DAY })).map(([startAt, span]) => ({
    startAt,
    endAt: new Date(startAt.getTime() + span),
  })),
);
const rules = fc.record(
  {
    gap: fc.constantFrom('shift' as const, 'next' as const, 'skip' as const),
    fold: fc.constantFrom('first' as const, 'second' as const, 'both' as const),
  },
  { requiredKeys: [] },
);
const crons = fc
  .tuple(fc.nat(), instants, fc.constantFrom(...ZONES), rules, bounds)
  .map(([seed, near, timeZone, dst, limits]) => {
    return cron(randomExpression(new SeededRandom(seed), near.getTime()), { timeZone, dst, ...limits });
  });
const intervals = fc
  .tuple(fc.integer({ min: 1, max: 400 * DAY }), fc.option(instants, { nil: undefined }), bounds)
  .map(([ms, anchor, limits]) => every(`${ms}ms`, { ...(anchor && { anchor }), ...limits }));
const triggers: fc.Arbitrary<Trigger> = fc.oneof(crons, intervals);

/** Of JSON, which also says what failed. */
const shown = (trigger: Trigger): string => JSON.stringify(trigger);

describe('whatever its kind and its bounds, a trigger', () => {
  it('moves forward, and finds the same fires from any instant between them, forward and backward', () => {
    fc.assert(
      fc.property(triggers, instants, fc.double({ min: 0, max: 1, noNaN: true }), (trigger, after, share) => {
        let last = after;
        for (const fire of firesAfter(trigger, after)) {
          const gap = fire.getTime() - last.getTime();
          expect(gap, shown(trigger)).toBeGreaterThan(0);
          const between = new Date(last.getTime() + Math.floor(share * (gap - 1)));
          expect(trigger.nextAfter(between), shown(trigger)).toEqual(fire);
          expect(trigger.lastAtOrBefore(new Date(fire.getTime() - 1), last), shown(trigger)).toBeNull();
          expect(trigger.lastAtOrBefore(fire, between), shown(trigger)).toEqual(fire);
          last = fire;
        }
        expect(firesBackward(trigger, after, last)).toEqual(firesAfter(trigger, after));
      }),
      { seed: SEED, numRuns: 200, endOnFailure: true },
    );
  });

  it('has the same fires and the same JSON when it is read back from its JSON', () => {
    fc.assert(
      fc.property(triggers, instants, (trigger, after) => {
        const again = parseTrigger(JSON.parse(shown(trigger)) as object);
        expect(shown(again)).toBe(shown(trigger));
        expect(firesAfter(again, after)).toEqual(firesAfter(trigger, after));
        expect(again.lastAtOrBefore(after, new Date(0))).toEqual(trigger.lastAtOrBefore(after, new Date(0)));
      }),
      { seed: SEED, numRuns: 200, endOnFailure: true },
    );
  });

  it('is never put out of order by jitter, however long: a start stays before the next fire', () => {
    const jitters = fc.oneof(fc.integer({ min: 1, max: 10 * SECOND }), fc.integer({ min: 1, max: 400 * DAY }));
    fc.assert(
      fc.property(triggers, instants, jitters, fc.string(), (trigger, after, jitterMs, job) => {
        const fires = firesAfter(trigger, after);
        for (const [index, fire] of fires.entries()) {
          const wakeMs = wakeAfterJitter(trigger, job, fire, jitterMs)!.getTime();
          expect(wakeMs, shown(trigger)).toBeGreaterThanOrEqual(fire.getTime());
          expect(wakeMs, shown(trigger)).toBeLessThan(Math.min(fire.getTime() + jitterMs, nextMs(fires, index)));
        }
      }),
      { seed: SEED, numRuns: 200, endOnFailure: true },
    );
  });
});

describe('an interval', () => {
  it.each([
    ['1s', '2026-11-22T10:07:30.000Z'],
    ['333ms', '2026-03-29T00:59:59.999Z'],
    ['1.5h', '1970-01-01T00:00:00.001Z'],
  ] as const)('of %s has not drifted by a millisecond after a million fires', (duration, from) => {
    const anchor = new Date(from);
    const trigger = every(duration, { anchor });
    const first = trigger.nextAfter(anchor)!;
    const intervalMs = first.getTime() - anchor.getTime();
    let fire = first;
    for (let step = 1; step < 1_000_000; step += 1) fire = trigger.nextAfter(fire)!;
    expect(fire.getTime()).toBe(anchor.getTime() + 1_000_000 * intervalMs);
    expect(trigger.lastAtOrBefore(fire, anchor)).toEqual(fire);
  });
});

function firesAfter(trigger: Trigger, after: Date): Date[] {
  const fires: Date[] = [];
  for (let fire = trigger.nextAfter(after); fire !== null && fires.length < FIRES; fire = trigger.nextAfter(fire)) {
    fires.push(fire);
  }
  return fires;
}

function nextMs(fires: readonly Date[], index: number): number {
  return fires[index + 1]?.getTime() ?? Infinity;
}
