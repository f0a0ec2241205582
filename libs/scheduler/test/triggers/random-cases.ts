import type { DstRule } from '../../src/triggers/trigger.js';
import { SeededRandom } from '../chaos/random.js';
import { randomExpression } from './random-expressions.js';
import { slowClock } from './slow-cron.js';
import { changesOf, FIRST_MS, LAST_MS } from './zone-changes.js';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const NEAR_MS = 36 * HOUR;
const SHARE_NEAR = 0.7;
const SHARE_WITHOUT_RULE = 0.5;

/** Something to compare: what fires after and before an instant. */
export interface Case {
  readonly expression: string;
  readonly zone: string;
  readonly startMs: number;
  readonly rule: DstRule;
  /** Whether the zone's clock changes within 36 h of the start. */
  readonly isNear: boolean;
}

/** A zone whose clock has changed, and when, 1970 to 2037. */
export interface ChangingZone {
  readonly zone: string;
  readonly changes: readonly number[];
}

/** Those of the zones whose clocks change. */
export function changingZones(zones: readonly string[]): ChangingZone[] {
  return zones.map((zone) => ({ zone, changes: changesOf(zone) })).filter(({ changes }) => changes.length > 0);
}

/** At least `count` of them, as many of each zone, zone by zone; the same ones for the same seed and zone data. */
export function* randomCases(seed: number, count: number, zones: readonly ChangingZone[]): Generator<Case> {
  const ofEach = Math.ceil(count / zones.length);
  for (const [index, { zone, changes }] of zones.entries()) {
    const random = new SeededRandom(seed + index);
    for (let drawn = 0; drawn < ofEach; drawn += 1) yield randomCase(random, zone, changes);
  }
}

function randomCase(random: SeededRandom, zone: string, changes: readonly number[]): Case {
  const change = changes[random.int(0, changes.length - 1)]!;
  const aimsNear = random.chance(SHARE_NEAR);
  const startMs = roughly(random, aimsNear ? change + offCentre(random) : random.int(FIRST_MS, LAST_MS));
  const isNear = changes.some((ms) => Math.abs(ms - startMs) <= NEAR_MS);
  const expression = randomExpression(random, slowClock(zone).look(change - SECOND) + SECOND);
  return { expression, zone, startMs, rule: randomRule(random), isNear };
}

/** Mostly anywhere within 36 h, sometimes within an hour, sometimes the very instant. */
function offCentre(random: SeededRandom): number {
  const furthest = random.pick([NEAR_MS, NEAR_MS, NEAR_MS, 3 * HOUR, HOUR, 0]);
  return random.int(-furthest, furthest);
}

/** To the minute, to the second, to the millisecond, or a millisecond beside the second. */
function roughly(random: SeededRandom, ms: number): number {
  const [unit, beside] = random.pick([
    [60 * SECOND, 0],
    [SECOND, 0],
    [1, 0],
    [SECOND, -1],
    [SECOND, 1],
  ]) as [number, number];
  return Math.floor(ms / unit) * unit + beside;
}

function randomRule(random: SeededRandom): DstRule {
  if (random.chance(SHARE_WITHOUT_RULE)) return {};
  return {
    ...(random.chance(0.7) && { gap: random.pick(['shift', 'next', 'skip']) }),
    ...(random.chance(0.7) && { fold: random.pick(['first', 'second', 'both']) }),
  };
}
