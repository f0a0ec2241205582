import { cron } from '../../src/triggers/cron.trigger.js';
import type { Case } from './random-cases.js';
import { FURTHEST_FIRE, slowNext, slowPrevious } from './slow-cron.js';

/** How many fires after the start, and at or before it, are compared. */
export const FIRES_AFTER = 5;
const FIRES_BEFORE = 3;

/** Where `cron()` and the slow implementation do not agree. */
export interface Difference extends Case {
  readonly looking: 'forward' | 'backward';
  readonly expected: readonly string[];
  readonly actual: readonly string[];
}

/** What differs for this case; nothing when all is well. `expectedNext`: what the slow implementation says of it. */
export function differencesOf(one: Case, expectedNext: readonly number[] = nextOf(one)): Difference[] {
  const { expression, zone, startMs, rule } = one;
  const expectedPrevious = slowPrevious(expression, zone, rule, startMs, FIRES_BEFORE);
  return [
    differenceOf(one, 'forward', expectedNext, () => actualNext(one)),
    differenceOf(one, 'backward', expectedPrevious, () => actualPrevious(one, expectedPrevious)),
  ].filter((each) => each !== null);
}

/** What the slow implementation says comes next. */
export function nextOf({ expression, zone, startMs, rule }: Case): number[] {
  return slowNext(expression, zone, rule, startMs, FIRES_AFTER);
}

/** On one line, and in what form `VIGIL_TIME_CASE` takes it. */
export function describeDifference({ looking, expected, actual, ...one }: Difference): string {
  const { expression, zone, startMs, rule } = one;
  return [
    `${expression} in ${zone}, ${looking} from ${iso(startMs)}, dst ${JSON.stringify(rule)}`,
    `  expected ${expected.join(' ') || 'nothing'}`,
    `  actual   ${actual.join(' ') || 'nothing'}`,
    `  again: VIGIL_TIME_CASE='${JSON.stringify({ expression, zone, start: iso(startMs), rule })}' npm run check:time`,
  ].join('\n');
}

/** The case that `describeDifference` wrote. */
export function caseOf(text: string): Case {
  const { expression, zone, start, rule } = JSON.parse(text) as Case & { start: string };
  return { expression, zone, rule, startMs: Date.parse(start), isNear: false };
}

function differenceOf(
  one: Case,
  looking: Difference['looking'],
  expectedMs: readonly number[],
  find: () => number[],
): Difference | null {
  const expected = expectedMs.map(iso);
  const actual = textsOf(find);
  return expected.join() === actual.join() ? null : { ...one, looking, expected, actual };
}

/** What was thrown is an answer, too: a wrong one. */
function textsOf(find: () => number[]): string[] {
  try {
    return find().map(iso);
  } catch (error) {
    return [String(error)];
  }
}

function actualNext({ expression, zone, startMs, rule }: Case): number[] {
  const trigger = cron(expression, { timeZone: zone, dst: rule });
  const fires: number[] = [];
  let fire = trigger.nextAfter(new Date(startMs));
  while (fire !== null && fire.getTime() <= startMs + FURTHEST_FIRE && fires.length < FIRES_AFTER) {
    fires.push(fire.getTime());
    fire = trigger.nextAfter(fire);
  }
  return fires;
}

/** Each fire with a `notBefore` that just lets it in; then with it as `notBefore`, which lets in nothing. */
function actualPrevious({ expression, zone, startMs, rule }: Case, expected: readonly number[]): number[] {
  const trigger = cron(expression, { timeZone: zone, dst: rule });
  const fires: number[] = [];
  const furthest = (expected[FIRES_BEFORE - 1] ?? startMs - FURTHEST_FIRE) - 1;
  let at = startMs;
  while (fires.length < FIRES_BEFORE) {
    const fire = trigger.lastAtOrBefore(new Date(at), new Date(furthest))?.getTime();
    if (fire === undefined) break;
    fires.push(fire);
    const none = trigger.lastAtOrBefore(new Date(at), new Date(fire))?.getTime();
    if (none !== undefined) fires.push(none);
    at = fire - 1;
  }
  return fires;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
