import { describe, expect, it } from 'vitest';

import { explore, printed } from './explorer.js';
import { HISTORIC_BUGS } from './historic-bugs.js';
import { protocol } from './protocol.js';

describe('the explorer finds what goes wrong when', () => {
  it.each(HISTORIC_BUGS)('$mistake', ({ mistake, rules, bounds, breaks }) => {
    const { states, counterexample } = explore(protocol(bounds, rules), 400_000);

    const found = counterexample ? printed(counterexample) : 'no counterexample';
    process.stdout.write(`${mistake} (${states} states)\n${found}\n`);
    expect(counterexample?.promise).toBe(breaks);
  });

  // two faults are a world of their own size, which the large configurations have
  it.each(HISTORIC_BUGS.filter(({ bounds }) => bounds.faults < 2))(
    'and nothing in the same world when it is not made: $mistake',
    ({ bounds }) => {
      const { counterexample } = explore(protocol(bounds), 400_000);

      expect(counterexample && printed(counterexample)).toBeNull();
    },
  );
});
