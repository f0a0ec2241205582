import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { CronWallTimes } from '../../src/triggers/cron-wall-times.js';
import { cron } from '../../src/triggers/cron.trigger.js';
import { at } from '../../src/triggers/date.trigger.js';
import { every } from '../../src/triggers/interval.trigger.js';
import { InvalidTriggerError, type Duration, type Trigger } from '../../src/triggers/trigger.js';
import { Zone } from '../../src/triggers/zone.js';

/** Fixed, so that a failure is the same everywhere; fast-check prints it with the counterexample. */
const SEED = 20_261_124;
/** For a construction and two answers. The search goes 50 years far, and the clock of this zone changes twice a year. */
const MOST_STEPS = 1_000;
const LONGEST = 999;
const NOW = new Date('2026-11-22T10:00:00Z');
const LONG_AGO = new Date('1970-01-01T00:00:00Z');
const ZONE = 'Europe/Paris';
/** Drops what it can, so that a search goes on as long as one can. */
const DROPPING = { gap: 'skip', fold: 'second' } as const;

const TOKENS = [
  '*',
  '?',
  'L',
  'W',
  '#',
  '-',
  '/',
  ',',
  'H',
  'H(0-3)',
  'H/5',
  '0',
  '2',
  '5',
  '7',
  '59',
  '60',
  'MON',
  'jan',
];
const STRANGE = [
  '@daily',
  '99999999999',
  '-1',
  '+1',
  '٣',
  '５',
  'é',
  '💥',
  '\u0000',
  ' ',
  '\t',
  '(',
  ')',
  '%',
  '__proto__',
];

const text = fc.oneof(
  fc.string({ maxLength: LONGEST }),
  fc.string({ unit: 'binary', maxLength: LONGEST }).map((long) => long.slice(0, LONGEST)),
);
const field = fc
  .array(
    fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...TOKENS) },
      { arbitrary: fc.constantFrom(...STRANGE), weight: 1 },
    ),
    {
      minLength: 1,
      maxLength: 5,
    },
  )
  .map((tokens) => tokens.join(''));
const nearly = fc.array(field, { minLength: 4, maxLength: 7 }).map((fields) => fields.join(' '));
/** Values of the right kind, so that most of them are accepted. */
const sound = fc
  .tuple(...[[59], [23], [31, 1], [12, 1], [7]].map(([max = 0, min = 0]) => soundField(min, max)))
  .map((fields) => fields.join(' '));

const numbers = (count: number): string => Array.from({ length: count }, (_, index) => index).join(',');
const HOSTILE: readonly string[] = [
  `${'*'.repeat(995)} * * *`,
  `${'* '.repeat(499)}*`,
  `${numbers(60)} ${numbers(24)} * * *`,
  `${'0-59,'.repeat(150)}0-59 * * * *`,
  `${'*/2,'.repeat(200)}*/2 * * * *`,
  `${'H,'.repeat(490)}H * * * *`,
  `${'H/1,'.repeat(200)}H/1 * * * *`,
  `H(0-${'9'.repeat(300)}) * * * *`,
  `H(0-59)/${'9'.repeat(300)} * * * *`,
  `H(59-0) H(23-0) * * *`,
  `*/${'9'.repeat(500)} * * * *`,
  `0-${'9'.repeat(500)} * * * *`,
  `${'0'.repeat(900)}5 * * * *`,
  `*/1/1/1/1 * * * *`,
  `1-2-3-4 * * * *`,
  `0 0 ${'L,'.repeat(400)}L * *`,
  `0 0 * * ${'5L,'.repeat(300)}5L`,
  `0 0 * * ${'5#3'.repeat(300)}`,
  `0 0 30 2 *`,
  `0 0 31 2,4,6,9,11 *`,
  `0 0 31 2 5#5`,
  `0 0 29 2 1#5`,
  `30 2 * 3 0L`,
  `30 2 29 2 *`,
  `@${'daily'.repeat(190)}`,
  '@__proto__',
  'constructor * * * *',
  '５ ５ ５ ５ ５',
  '٣ ٣ ٣ ٣ ٣',
  '💥'.repeat(400),
  '\u0000 * * * *',
  `0\u00a00\u2003*\u3000*\ufeff*`,
  '\ud800 * * * *',
];

describe('any text of fewer than 1,000 characters is refused, or is a trigger that answers, in a bounded number of steps:', () => {
  it.each(HOSTILE.map((expression) => [shortened(expression), expression] as const))(
    'the expression %s',
    (_, expression) => {
      expectBounded(() => cron(expression, { timeZone: ZONE, dst: DROPPING }));
    },
  );

  it.each([
    ['random text', text, 300],
    ['nearly expressions', nearly, 1_000],
    ['expressions', sound, 300],
  ] as const)('%s', (_, expressions, numRuns) => {
    fc.assert(
      fc.property(expressions, (expression) => {
        expectBounded(() => cron(expression, { timeZone: ZONE, dst: DROPPING }));
      }),
      { seed: SEED, numRuns, endOnFailure: true },
    );
  });

  it('as a time zone, a duration or an instant', () => {
    const units = fc.constantFrom('ms', 's', ' m', 'h', 'd', 'w', 'y', '');
    const durations = fc.oneof(
      text,
      fc.tuple(fc.double(), units).map(([amount, unit]) => `${amount}${unit}`),
    );
    const iso = text.map((anything) => `P${anything}`);
    fc.assert(
      fc.property(text, fc.oneof(durations, iso), (anything, duration) => {
        expectBounded(() => cron('30 2 * * *', { timeZone: anything }));
        expectBounded(() => every(duration as Duration));
        expectBounded(() => at(anything));
      }),
      { seed: SEED, numRuns: 500, endOnFailure: true },
    );
  });
});

/** `a`, `a-b`, `*`, with a step or without. */
function soundField(min: number, max: number): fc.Arbitrary<string> {
  const value = fc.integer({ min, max });
  const range = fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const whole = fc.oneof(fc.constant('*'), value.map(String), range);
  return fc.oneof(
    whole,
    fc.tuple(whole, fc.integer({ min: 1, max: 9_999 })).map(([of, step]) => `${of}/${step}`),
  );
}

function expectBounded(make: () => Trigger): void {
  const { steps, answer } = counted(() => answersOf(make));
  expect(steps).toBeLessThan(MOST_STEPS);
  if (answer === 'refused') return;
  const { next, last, words } = answer;
  if (next !== null) expect(next.getTime()).toBeGreaterThan(NOW.getTime());
  if (last !== null) expect(last.getTime()).toBeLessThanOrEqual(NOW.getTime());
  if (last !== null) expect(last.getTime()).toBeGreaterThan(LONG_AGO.getTime());
  expect(typeof words).toBe('string');
}

/** Anything thrown but InvalidTriggerError is a failure, and so is anything thrown later. */
function answersOf(make: () => Trigger): 'refused' | { next: Date | null; last: Date | null; words: string } {
  let trigger: Trigger;
  try {
    trigger = make();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidTriggerError);
    return 'refused';
  }
  const [next, last] = [trigger.nextAfter(NOW), trigger.lastAtOrBefore(NOW, LONG_AGO)];
  return { next, last, words: trigger.describe() };
}

/** How often the action looks at a zone or for a wall-clock time. */
function counted<T>(action: () => T): { steps: number; answer: T } {
  const spies = [
    vi.spyOn(Zone.prototype, 'periodAt'),
    vi.spyOn(CronWallTimes.prototype, 'next'),
    vi.spyOn(CronWallTimes.prototype, 'previous'),
  ];
  try {
    const answer = action();
    return { steps: spies.reduce((sum, { mock }) => sum + mock.calls.length, 0), answer };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

function shortened(expression: string): string {
  return JSON.stringify(expression.length > 40 ? `${expression.slice(0, 40)}…` : expression);
}
