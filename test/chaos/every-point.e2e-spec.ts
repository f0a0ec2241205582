import type { CutSide } from 'nestjs-vigil-testing';
import { describe, expect, inject, it } from 'vitest';

import { seededRandom } from '../../libs/testing/src/proxy/random.js';
import { play, type Cut } from './support/cut-scenario.js';
import { IS_FULL, report } from './support/scenario.js';

const SIDES: readonly CutSide[] = ['before', 'in-request', 'in-answer', 'after'];
/** How many cuts are made where not all are: other ones each day, the same ones for the same seed. */
const SAMPLE = 40;
const SEED = Number(process.env['VIGIL_SEED'] ?? Math.floor(Date.now() / 86_400_000));
const AT_ONCE = 4;

describe('The connection is cut at every point of a scenario with jobs and calls of every kind:', () => {
  it(
    IS_FULL ? 'at each of them' : `at ${SAMPLE} of them`,
    async () => {
      const { points, findings } = await play(inject('postgresUrl'));
      expect(findings).toEqual([]);
      const all = points.flatMap((point) => SIDES.map((side): Cut => ({ point, side })));
      const cuts = IS_FULL ? all : sample(all, SAMPLE);
      const results = await playAll(cuts);
      const failing = results.filter((each) => each.findings.length > 0);
      const met = results.filter(({ wasCut }) => wasCut).length;
      process.stdout.write(
        `${points.length} points, ${all.length} cuts (each before, in the request, in the answer, after); seed ${SEED}: ` +
          `${cuts.length} tried, ${met} met their statement, ${failing.length} failed.\n`,
      );
      report({
        scenario: `a cut at every point: ${points.length} points, ${cuts.length} cuts, ${met} met`,
        runs: cuts.length,
        recorded: met,
        missed: 0,
        doubled: 0,
        overlapping: 0,
        other: failing.length,
        seconds: null,
        withinSeconds: 0,
        deaths: 0,
      });
      expect(failing.map(describeFailure), `VIGIL_SEED=${SEED}`).toEqual([]);
      expect(met).toBeGreaterThan(cuts.length / 2);
    },
    IS_FULL ? 3_600_000 : 300_000,
  );
});

interface Result extends Cut {
  wasCut: boolean;
  findings: string[];
}

async function playAll(cuts: readonly Cut[]): Promise<Result[]> {
  const left = [...cuts];
  const results: Result[] = [];
  const work = async (): Promise<void> => {
    for (let cut = left.shift(); cut !== undefined; cut = left.shift()) {
      const { wasCut, findings } = await play(inject('postgresUrl'), cut);
      results.push({ ...cut, wasCut, findings });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}

function describeFailure({ point, side, findings }: Result): string {
  return `cut ${side}, occurrence ${point.occurrence} of "${point.statement.slice(0, 200)}":\n${findings.join('\n')}`;
}

/** Without repetition; the same for the same seed. */
function sample<Item>(items: readonly Item[], count: number): Item[] {
  const rest = [...items];
  const next = seededRandom(SEED);
  return Array.from({ length: Math.min(count, rest.length) }, () =>
    rest.splice(Math.floor(next() * rest.length), 1),
  ).flat();
}
