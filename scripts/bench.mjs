// `npm run bench [-- part of a file's name]`: what things cost, beside the peers, as ratios of one run. Nothing else should
// run on the machine meanwhile. Last figures: bench/README.md.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const vitest = join('node_modules', '.bin', 'vitest');
const files = process.argv.slice(2);
const { status } = spawnSync(vitest, ['run', '--config', 'bench/vitest.config.ts', ...files], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
});
process.exit(status ?? 1);
