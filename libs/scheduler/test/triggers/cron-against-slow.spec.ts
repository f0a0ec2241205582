import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../chaos/random.js';
import { caseOf, describeDifference, differencesOf, nextOf, type Difference } from './compare-cases.js';
import { newTallies, tallyOthers } from './other-libraries.js';
import { changingZones, randomCases, type Case, type ChangingZone } from './random-cases.js';
import { slowClock } from './slow-cron.js';
import { FIRST_MS, changesOf, LAST_MS } from './zone-changes.js';

const MINUTE = 60_000;
const SHOWN = 20;
const SAMPLE = { cases: 1_500, zones: 100 };
/** Where `npm run check:time` wants its figures; then nothing is left out. */
const REPORT = process.env['VIGIL_TIME_REPORT'];
const CASES = Number(process.env['VIGIL_TIME_CASES'] ?? (REPORT === undefined ? SAMPLE.cases : 20_000));
/** Other cases each day, the same ones for the same seed. */
const SEED = Number(process.env['VIGIL_SEED'] ?? Math.floor(Date.now() / 86_400_000));
/** A single case to play again. */
const ONE_CASE = process.env['VIGIL_TIME_CASE'];

describe('the slow implementation', () => {
  it('knows what every clock shows: at random instants and where it changes, it is what Intl says', () => {
    const random = new SeededRandom(SEED);
    for (const zone of sampleOf(Intl.supportedValuesOf('timeZone'), random)) {
      const clock = slowClock(zone);
      const changes = changesOf(zone).slice(-2);
      const instants = [...Array.from({ length: 5 }, () => random.int(FIRST_MS, LAST_MS)), ...changes];
      for (const ms of instants.flatMap((each) => [each - 1_000, each, each + 1_000])) {
        const wholeMs = Math.floor(ms / 1_000) * 1_000;
        expect(clock.wallAt(wholeMs), `${zone} ${wholeMs}, VIGIL_SEED=${SEED}`).toBe(clock.look(wholeMs));
        expect(clock.instantsOf(clock.look(wholeMs))).toContain(wholeMs);
      }
    }
  });
});

describe('cron() finds the fires that a slow look at every wall-clock time finds, before and after any instant,', () => {
  if (ONE_CASE !== undefined) {
    it('in the case given', () => {
      const differences = differencesOf(caseOf(ONE_CASE));
      expect(differences.length, differences.map(describeDifference).join('\n')).toBe(0);
    });
    return;
  }
  it(
    `in ${CASES} random cases`,
    () => {
      const zones = zonesToTry();
      const found = compareAll(randomCases(SEED, CASES, zones), zones.length);
      if (REPORT !== undefined) writeFileSync(REPORT, JSON.stringify(found));
      const shown = [`VIGIL_SEED=${SEED}`, ...found.differences.slice(0, SHOWN)].join('\n');
      expect(found.differences.length, shown).toBe(0);
    },
    120 * MINUTE,
  );
});

function zonesToTry(): ChangingZone[] {
  if (REPORT !== undefined) return changingZones(Intl.supportedValuesOf('timeZone'));
  return changingZones(sampleOf(Intl.supportedValuesOf('timeZone'), new SeededRandom(SEED)));
}

function sampleOf(zones: readonly string[], random: SeededRandom): string[] {
  return zones
    .map((zone) => ({ zone, order: random.next() }))
    .sort((a, b) => a.order - b.order)
    .slice(0, SAMPLE.zones)
    .map(({ zone }) => zone);
}

/** The figures of a run. */
function compareAll(cases: Iterable<Case>, zones: number) {
  const startedAt = Date.now();
  const differences: Difference[] = [];
  const others = newTallies();
  const counted = { cases: 0, near: 0, withRule: 0 };
  for (const one of cases) {
    const expected = nextOf(one);
    differences.push(...differencesOf(one, expected));
    if (REPORT !== undefined) tallyOthers(others, one, expected);
    counted.cases += 1;
    if (one.isNear) counted.near += 1;
    if (Object.keys(one.rule).length > 0) counted.withRule += 1;
  }
  const seconds = (Date.now() - startedAt) / 1_000;
  return { seed: SEED, zones, ...counted, seconds, differences: differences.map(describeDifference), others };
}
