import { createRequire } from 'node:module';
import { Cron } from 'croner';
import { CronExpressionParser } from 'cron-parser';
import { FIRES_AFTER } from './compare-cases.js';
import type { Case } from './random-cases.js';
import { slowNext } from './slow-cron.js';

const SECOND = 1_000;

/** How often another library answers otherwise than the slow implementation, of the cases in which they can be compared. */
export interface Tally {
  readonly library: string;
  /** Cases without a rule of their own. */
  asked: number;
  /** Of them, those whose expression it reads. */
  read: number;
  /** Of them, those in which it says the same in UTC, where no clock changes: what differs then is not how it reads. */
  comparable: number;
  /** Of them, those in which the next fire differs in the zone of the case; and one of the next five. */
  nextDiffers: number;
  someDiffers: number;
  /** Of the latter, those that start within 36 h of a change of the clock. */
  someDiffersNear: number;
}

/** The fires after an instant. Throws for an expression that it does not read. */
type Next = (expression: string, zone: string, afterMs: number) => (number | undefined)[];

const LIBRARIES: Record<string, Next> = {
  croner: (expression, zone, afterMs) => {
    const fires = new Cron(expression, { timezone: zone }).nextRuns(FIRES_AFTER, new Date(afterMs));
    return fires.map((fire) => fire.getTime());
  },
  'cron-parser': (expression, zone, afterMs) => {
    const parsed = CronExpressionParser.parse(expression, { tz: zone, currentDate: new Date(afterMs) });
    return Array.from({ length: FIRES_AFTER }, () => parsed.next().getTime());
  },
};

/** Nothing counted yet. */
export function newTallies(): Tally[] {
  return Object.keys(LIBRARIES).map((name) => ({
    library: `${name} ${versionOf(name)}`,
    asked: 0,
    read: 0,
    comparable: 0,
    nextDiffers: 0,
    someDiffers: 0,
    someDiffersNear: 0,
  }));
}

/** Counts what each library says of a case. Cases with a rule of their own are left out: no other library has one. */
export function tallyOthers(tallies: readonly Tally[], one: Case, expected: readonly number[]): void {
  if (Object.keys(one.rule).length > 0) return;
  const inUtc = slowNext(one.expression, 'UTC', {}, one.startMs, FIRES_AFTER);
  for (const [index, next] of Object.values(LIBRARIES).entries()) {
    const tally = tallies[index]!;
    tally.asked += 1;
    const utc = answer(next, { ...one, zone: 'UTC' });
    if (utc === null) continue;
    tally.read += 1;
    if (!isSame(utc, inUtc)) continue;
    tally.comparable += 1;
    const fires = answer(next, one) ?? [];
    if (fires[0] !== expected[0]) tally.nextDiffers += 1;
    if (isSame(fires, expected)) continue;
    tally.someDiffers += 1;
    if (one.isNear) tally.someDiffersNear += 1;
  }
}

/** The slow implementation may know fewer: it looks no further than 41 years. */
function isSame(fires: readonly (number | undefined)[], expected: readonly number[]): boolean {
  return fires.slice(0, expected.length).join() === expected.join();
}

/** Asked at the whole second before, which is the same question; some of them read no finer. `null`: it throws. */
function answer(next: Next, { expression, zone, startMs }: Case): (number | undefined)[] | null {
  try {
    return next(expression, zone, Math.floor(startMs / SECOND) * SECOND);
  } catch {
    return null;
  }
}

function versionOf(name: string): string {
  const require = createRequire(import.meta.url);
  const [root] = require.resolve(name).split(`node_modules/${name}/`);
  return (require(`${root}node_modules/${name}/package.json`) as { version: string }).version;
}
