import { expect, it } from 'vitest';

import { Program } from './support/program.js';

/** How soon jobs run again is for the demonstration to judge, on a machine that has nothing else to do. */
const TIMED = 'jobs ran again within the limit';

it('The outage demonstration says that every fire is accounted for exactly once, and its status is its verdict', async () => {
  await using demo = Program.start(['demo']);
  const status = await demo.ended;
  const checks = demo.linesLike(/^ {2}(yes|NO) /);
  expect(checks.length, demo.lines.join('\n')).toBeGreaterThanOrEqual(8);
  const broken = checks.filter((line) => /^ {2}NO /.test(line));
  expect(broken.filter((line) => !line.includes(TIMED))).toEqual([]);
  expect([status, demo.lines.at(-1)]).toEqual(
    broken.length === 0
      ? [0, expect.stringMatching(/^Verdict: PASSED/)]
      : [1, expect.stringMatching(/^Verdict: FAILED/)],
  );
}, 180_000);
