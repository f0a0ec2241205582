import type { SeededRandom } from '../chaos/random.js';

type Draw = (r: SeededRandom) => string;
type Weighted = readonly [weight: number, draw: Draw | string];

const MONTHS = ['JAN', 'feb', 'Mar', 'APR', 'may', 'jun', 'JUL', 'aug', 'sep', 'OCT', 'nov', 'DEC'] as const;
const WEEKDAYS = ['SUN', 'mon', 'Tue', 'WED', 'thu', 'fri', 'SAT'] as const;
/** Those at which clocks are changed. */
const SMALL_HOURS = [0, 1, 2, 3, 23] as const;
/** Days that few months or years have, and a whole expression where a month goes with them. */
const RARE = ['29 2 *', '29 2 *', '29 2 1', '31 */2 *', '* 2 1#5', '30 1,3-12 *', '31 12 *', '* 2 *'] as const;

const SECONDS: readonly Weighted[] = [
  [30, '0'],
  [25, single(0, 59)],
  [15, list(0, 59)],
  [12, range(0, 59)],
  [10, step(0, 59, 7, 30)],
  [4, '*/5'],
  [4, '*'],
];
const MINUTES: readonly Weighted[] = [
  [20, '0'],
  [12, '30'],
  [22, single(0, 59)],
  [14, list(0, 59)],
  [8, range(0, 59)],
  [12, step(0, 59, 5, 40)],
  [12, '*'],
];
const HOURS: readonly Weighted[] = [
  [20, '*'],
  [2, '0-23'],
  [2, '*/1'],
  [20, (r) => String(r.pick(SMALL_HOURS))],
  [12, (r) => r.pick(['0-3', '1-2', '2,3', '1,2,3', '0,2', '23', '2-4', '0,1,23'])],
  [8, single(0, 23)],
  [8, list(0, 23)],
  [6, range(0, 23)],
  [8, step(0, 23, 2, 9)],
  [6, (r) => r.pick(['0-22', '1-23', '0,2-23', '0-1,3-23', '3-23', '0-23/2'])],
];
const WEEKDAY: readonly Weighted[] = [
  [4, '?'],
  [22, (r) => String(r.int(0, 7))],
  [14, (r) => r.pick(WEEKDAYS)],
  [10, (r) => r.pick(['MON-FRI', '1-5', '6,0', 'sat,sun', '5-7', '0-2', '1,3,5'])],
  [8, (r) => r.pick(['*/2', '1/2', '*/3', '2-6/2'])],
  [16, (r) => `${r.pick([String(r.int(0, 7)), r.pick(WEEKDAYS)])}#${r.int(1, 5)}`],
  [16, (r) => `${r.pick([String(r.int(0, 7)), r.pick(WEEKDAYS)])}L`],
  [6, (r) => r.pick(['1,5L', '1L,5L', '0L,3'])],
];
const MONTH: readonly Weighted[] = [
  [30, (r) => String(r.int(1, 12))],
  [20, (r) => r.pick(MONTHS)],
  [20, list(1, 12)],
  [15, (r) => r.pick(['3-11', 'MAR-OCT', '1-3', '4-9'])],
  [15, (r) => r.pick(['*/2', '*/3', '2/4', '3-11/4'])],
];

/**
 * An expression of five or six fields, weighted to the small hours, and to the hour and the days about `nearWall`, a
 * wall-clock time. Some day of some month always fits.
 */
export function randomExpression(random: SeededRandom, nearWall: number): string {
  const time = [draw(MINUTES, random), draw(hoursNear(nearWall), random)];
  if (random.chance(0.35)) time.unshift(draw(SECONDS, random));
  if (random.chance(0.03)) return [...time, random.pick(RARE)].join(' ');
  const months = random.chance(0.2) ? draw(MONTH, random) : '*';
  // Without a month that has no such day.
  const lastDay = months === '*' ? 31 : 28;
  const days = random.chance(0.4) ? draw(dayOfMonth(lastDay, nearWall), random) : '*';
  const weekdays = random.chance(0.4) ? draw(weekdayNear(nearWall), random) : '*';
  return [...time, days, months, weekdays].join(' ');
}

function hoursNear(nearWall: number): readonly Weighted[] {
  const hour = new Date(nearWall).getUTCHours();
  const before = (hour + 23) % 24;
  return [
    [20, (r) => String(r.pick([hour, before]))],
    [8, before < hour ? `${before},${hour}` : `${hour},${before}`],
    [4, `${hour}-23`],
    ...HOURS,
  ];
}

function dayOfMonth(lastDay: number, nearWall: number): readonly Weighted[] {
  const near = Math.min(new Date(nearWall).getUTCDate(), lastDay);
  return [
    [6, '?'],
    [30, (r) => String(r.pick([near, Math.min(near + 1, lastDay)]))],
    [14, single(1, lastDay)],
    [14, list(1, lastDay)],
    [10, range(1, lastDay)],
    [10, step(1, lastDay, 2, 10)],
    [10, 'L'],
    [6, (r) => `${r.int(1, 27)},L`],
  ];
}

function weekdayNear(nearWall: number): readonly Weighted[] {
  return [[30, String(new Date(nearWall).getUTCDay())], ...WEEKDAY];
}

function draw(choices: readonly Weighted[], random: SeededRandom): string {
  let left = random.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, how] of choices) {
    left -= weight;
    if (left < 0) return typeof how === 'string' ? how : how(random);
  }
  return '*';
}

function single(low: number, high: number): Draw {
  return (r) => String(r.int(low, high));
}

/** Two to four, no number twice: cron-parser refuses that. */
function list(low: number, high: number): Draw {
  return (r) => {
    const numbers = new Set(Array.from({ length: r.int(2, 4) }, () => r.int(low, high)));
    return [...numbers].join(',');
  };
}

function range(low: number, high: number): Draw {
  return (r) => {
    const from = r.int(low, high);
    return `${from}-${r.int(from, high)}`;
  };
}

function step(low: number, high: number, smallest: number, largest: number): Draw {
  return (r) => {
    const from = r.int(low, Math.floor((low + high) / 2));
    return `${r.pick(['*', String(from), `${from}-${r.int(from, high)}`])}/${r.int(smallest, largest)}`;
  };
}
