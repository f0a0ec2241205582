import { dangers01to05 } from './dangers-01-05.mjs';
import { dangers06to10 } from './dangers-06-10.mjs';
import { dangers11to15 } from './dangers-11-15.mjs';
import { dangers16to20 } from './dangers-16-20.mjs';
import { dangers21to25 } from './dangers-21-25.mjs';
import { dangers26to30 } from './dangers-26-30.mjs';

/**
 * What a scheduler on a database falls into, and for each the ways to take this one's defence away, with the test that
 * fails then. `npm run check:dangers` tries them all. A danger, or a part of one, whose defence cannot be tested yet says
 * why in `later`.
 */
export const dangers = [
  ...dangers01to05,
  ...dangers06to10,
  ...dangers11to15,
  ...dangers16to20,
  ...dangers21to25,
  ...dangers26to30,
];

/** The file's text without the defence. Throws when the mutant does not fit the text any more. */
export function withoutDefence(text, { file, what, edits }) {
  return edits.reduce((mutated, [find, replace]) => {
    const found = mutated.split(find).length - 1;
    if (found === 1) return mutated.replace(find, () => replace);
    throw new Error(
      `The mutant "${what}" looks in ${file} for ${JSON.stringify(find)}, which is there ${found} times. ` +
        `Correct it in test/dangers.`,
    );
  }, text);
}
