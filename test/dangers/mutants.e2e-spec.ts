import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

import { dangers, withoutDefence } from './mutants.mjs';

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

it('Every danger has a defence that can be taken away, or says why not', () => {
  expect(dangers.map(({ number }) => number)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
  expect(dangers.filter(({ mutants, later }) => mutants.length === 0 && later === undefined)).toEqual([]);
});

it.each(dangers.map((danger) => [danger.number, danger.danger, danger] as const))(
  'The mutants of danger %i fit the code, and their tests exist: %s',
  (_number, _danger, { mutants }) => {
    for (const mutant of mutants) {
      const text = read(mutant.file);
      expect(withoutDefence(text, mutant)).not.toBe(text);
      expect(read(mutant.titleIn ?? mutant.test), mutant.what).toContain(mutant.title);
    }
  },
);
