import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

import { VERSION } from '../../src/module/version.js';

it('The version that nodes announce is the one of the package', () => {
  const file = new URL('../../package.json', import.meta.url);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ version: VERSION });
});
