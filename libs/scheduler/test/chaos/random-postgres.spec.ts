import { formatVerdict } from 'nestjs-vigil-testing';
import { describe, expect, inject, it } from 'vitest';

import { runOnPostgres, type PostgresRun } from './postgres-run.js';
import { seedsToTry } from './random.js';

/** At once, each on a database of its own: they wait more than they work. */
const SEEDS_AT_ONCE = 5;

const seeds = seedsToTry({ sample: 10, all: 200 });
const cases = Array.from({ length: Math.ceil(seeds.length / SEEDS_AT_ONCE) }, (_, index) =>
  seeds.slice(index * SEEDS_AT_ONCE, (index + 1) * SEEDS_AT_ONCE),
);

describe('Whatever happens to the connections, the ledger is clean afterwards:', () => {
  it.each(cases.map((some) => [some[0], some.at(-1), some] as const))(
    'seeds %i to %i',
    { timeout: 180_000 },
    async (_first, _last, some) => {
      const runs = await Promise.all(some.map((seed) => runOnPostgres(seed, inject('postgresUrl'))));
      const failures = runs.flatMap((run, index) => (isClean(run) ? [] : [describeRun(some[index], run)]));
      expect(failures.join('\n\n')).toBe('');
      for (const { verdict } of runs) expect(verdict.judged.transitions).toBeGreaterThan(0);
    },
  );
});

function isClean({ verdict, inexact }: PostgresRun): boolean {
  return verdict.isClean && inexact.length === 0;
}

function describeRun(seed: number | undefined, { verdict, inexact, jobs, faults, tookMs }: PostgresRun): string {
  const plain = (fault: object): string =>
    JSON.stringify(fault, (_key, value: unknown) => (value instanceof RegExp ? String(value) : value));
  const lines = [...jobs.map((job) => JSON.stringify(job)), ...faults.map(plain)];
  return [`VIGIL_SEED=${seed} (${Math.round(tookMs)} ms)`, ...lines, ...inexact, formatVerdict(verdict)].join('\n');
}
