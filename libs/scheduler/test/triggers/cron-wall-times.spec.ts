import { CronExpressionParser } from 'cron-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CronWallTimes } from '../../src/triggers/cron-wall-times.js';
import { EARLIEST_MS, LATEST_MS } from '../../src/triggers/instant.js';

const SEED = 20_261_125;

const field = (low: number, high: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constant('*'),
    fc.integer({ min: low, max: high }).map(String),
    fc.uniqueArray(fc.integer({ min: low, max: high }), { minLength: 2, maxLength: 5 }).map((list) => list.join(',')),
    fc.tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high })).map(([a, b]) => {
      return `${Math.min(a, b)}-${Math.max(a, b)}/${Math.max(1, Math.abs(a - b) % 7)}`;
    }),
  );
const expressions = fc
  .tuple(
    field(0, 59),
    field(0, 59),
    field(0, 23),
    fc.oneof(field(1, 31), fc.constantFrom('L', '1,L', '?', '15,L', '29', '30', '31')),
    fc.oneof({ weight: 3, arbitrary: fc.constant('*') }, { weight: 1, arbitrary: field(1, 12) }),
    fc.oneof(field(0, 7), fc.constantFrom('?', '5L', '1,5L', 'MON#1', '5#5', '3#2', 'SUN', 'FRI-SUN', '7L')),
  )
  .map((fields) => fields.join(' '));
const instants = fc.date({ min: new Date('1895-01-01'), max: new Date('2110-01-01'), noInvalidDate: true });

/** What cron-parser itself finds where every day has 24 hours; null: it gave up or refused the expression. */
function byCronParser(expression: string, from: Date, direction: 'next' | 'prev'): number[] | null {
  try {
    const parsed = CronExpressionParser.parse(expression, { tz: 'UTC', currentDate: from });
    return [1, 2, 3, 4].map(() => parsed[direction]().getTime());
  } catch {
    return null;
  }
}

function walls(expression: string): CronWallTimes {
  return new CronWallTimes(CronExpressionParser.parse(expression, { tz: 'UTC' }).fields);
}

describe('the times that are looked up', () => {
  it('are those that cron-parser finds where the clocks never change, forward and backward', () => {
    let compared = 0;
    fc.assert(
      fc.property(expressions, instants, (expression, from) => {
        for (const [direction, step] of [['next', 'next'] as const, ['prev', 'previous'] as const]) {
          const expected = byCronParser(expression, from, direction);
          if (expected === null) continue;
          const times = walls(expression);
          const found = expected.map(
            (
              (wall: number | null) => () =>
                (wall = times[step](wall!))
            )(from.getTime()),
          );
          expect(found).toEqual(expected);
          compared += 1;
        }
      }),
      { seed: SEED, numRuns: 1_500, endOnFailure: true },
    );
    expect(compared).toBeGreaterThan(2_500);
  });

  it('go on without a break for as long as it is said, second by second', () => {
    const dense = fc
      .tuple(
        fc.constantFrom('*', '*', '0-40', '5'),
        fc.constantFrom('*', '*', '10-50', '7'),
        fc.constantFrom('*', '0-22', '9-17', '23'),
        fc.constantFrom('*', '1-15', 'L'),
        fc.constantFrom('*', 'SAT,SUN', '1-5', '5#2'),
      )
      .map(([s, m, h, d, w]) => `${s} ${m} ${h} ${d} * ${w}`);
    fc.assert(
      fc.property(dense, instants, (expression, from) => {
        const times = walls(expression);
        const first = times.next(from.getTime())!;
        const last = times.unbrokenUntil(first, 1_000);
        expect(times.unbrokenUntil(first, 1)).toBe(first);
        expect(last).toBeGreaterThanOrEqual(first);
        const looked = Math.min(last, first + 200_000);
        for (let wall = first; wall < looked; wall = times.next(wall)!) expect(times.next(wall)).toBe(wall + 1_000);
        expect(times.next(last - 1)).toBe(last);
      }),
      { seed: SEED, numRuns: 150, endOnFailure: true },
    );
  });

  it('cover a weekend in one stretch', () => {
    const saturday = Date.UTC(2026, 10, 28);
    expect(walls('* * * * * SAT,SUN').unbrokenUntil(saturday, 1_000)).toBe(saturday + 2 * 86_400_000 - 1_000);
  });

  it('lie in the years 1 to 9999, and nobody asks beyond', () => {
    const times = walls('0 0 0 * * *');
    expect(times.next(LATEST_MS - 1)).toBeNull();
    expect(times.next(Infinity)).toBeNull();
    expect(times.next(-8.64e15)).toBe(EARLIEST_MS);
    expect(times.previous(EARLIEST_MS)).toBeNull();
    expect(times.previous(-8.64e15)).toBeNull();
    expect(times.previous(8.64e15)).toBe(LATEST_MS - 86_400_000 + 1);
  });
});
