import { describe, expect, it } from 'vitest';

import { CONFIGURATIONS, LARGE } from './configurations.js';
import { explore, printed } from './explorer.js';
import { protocol } from './protocol.js';

const isLarge = process.env.VIGIL_PROTOCOL === 'large';
const configurations = isLarge ? [...CONFIGURATIONS, ...LARGE] : CONFIGURATIONS;
const MOST_STATES = 8_000_000;
const LONGEST_MS = isLarge ? 3_600_000 : 180_000;
let allStates = 0;

describe('the protocol keeps its promises in every state, and never gets stuck', () => {
  it.each(configurations)(
    'with $name',
    ({ name, bounds }) => {
      const { counterexample, ...found } = explore(protocol(bounds), MOST_STATES);

      allStates += found.states;
      process.stdout.write(`${name}: ${found.states} states, ${found.steps} steps, ${found.depth} deep\n`);
      expect(counterexample && printed(counterexample)).toBeNull();
      expect(found.quietStates).toBeGreaterThan(0);
    },
    LONGEST_MS,
  );

  it('in more than a hundred thousand states', () => {
    process.stdout.write(`${allStates} states in all\n`);
    expect(allStates).toBeGreaterThan(100_000);
  });
});
