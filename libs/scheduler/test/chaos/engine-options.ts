import type { EngineOptions } from '../../src/engine/engine-options.js';

const silent = { log: () => {}, warn: () => {}, error: () => {} };

/** Of a node that says nothing. */
export function engineOptions({
  concurrency,
  ...options
}: Pick<EngineOptions, 'nodeName' | 'leaseMs'> &
  Partial<Omit<EngineOptions, 'concurrency'>> & { concurrency: number }): EngineOptions {
  return {
    name: 'default',
    version: '0.0.0',
    concurrency: { default: concurrency },
    runJobs: true,
    waitForDatabase: false,
    notifications: true,
    shutdownTimeoutMs: 10_000,
    retention: { succeededMs: 7 * 86_400_000, otherMs: 30 * 86_400_000 },
    loggerFor: () => silent,
    logger: silent,
    ...options,
  };
}
