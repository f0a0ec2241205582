import { expect, it } from 'vitest';

import { Program } from './support/program.js';

it('The outage demonstration ends with status 0 and says that every fire is accounted for exactly once', async () => {
  await using demo = Program.start(['demo']);
  expect(await demo.ended, demo.lines.join('\n')).toBe(0);
  expect(demo.lines.at(-1)).toMatch(/^Verdict: PASSED/);
  const checks = demo.linesLike(/^ {2}(yes|NO) /);
  expect(checks.length).toBeGreaterThanOrEqual(8);
  expect(checks.filter((line) => line.includes('NO'))).toEqual([]);
}, 180_000);
