import { defineConfig } from 'vitest/config';

import { LongestFirst } from './test/support/longest-first.js';

const conditions = ['vigil-source'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['libs/*/test/**/*.spec.ts', 'test/**/*.e2e-spec.ts'],
    setupFiles: ['reflect-metadata', 'test/support/leaves-nothing.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // to load Nest and TypeORM takes longer than most files do, so a worker's process plays many of them
    isolate: false,
    // more than the two cores that it is made for: many files mostly wait, for other processes and real outages
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
  },
});
