import { defineConfig } from 'vitest/config';

const conditions = ['vigil-source'];

/** One question after the other, and nothing beside: what is measured wants the machine for itself. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['bench/**/*.bench.ts'],
    setupFiles: ['reflect-metadata'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 600_000,
    execArgv: ['--expose-gc'],
    disableConsoleIntercept: true,
  },
});
