import { formatVerdict } from 'nestjs-vigil-testing';
import { describe, expect, it } from 'vitest';

import { runOnMemory, type MemoryRun } from './memory-run.js';
import { seedsToTry } from './random.js';

const SEEDS_OF_A_CASE = 50;

const seeds = seedsToTry({ sample: 150, all: 1000 });
const cases = Array.from({ length: Math.ceil(seeds.length / SEEDS_OF_A_CASE) }, (_, index) =>
  seeds.slice(index * SEEDS_OF_A_CASE, (index + 1) * SEEDS_OF_A_CASE),
);

describe('Whatever happens to the nodes and their calls, the ledger is clean afterwards:', () => {
  it.each(cases.map((some) => [some[0], some.at(-1), some] as const))('seeds %i to %i', async (_first, _last, some) => {
    for (const seed of some) {
      const run = await runOnMemory(seed);
      expect(run.verdict.isClean, describeRun(seed, run)).toBe(true);
    }
  });

  it('the same seed plays the same run', async () => {
    const [once, again] = [await runOnMemory(7), await runOnMemory(7)];
    expect(storyOf(again)).toEqual(storyOf(once));
    expect(storyOf(await runOnMemory(8))).not.toEqual(storyOf(once));
  });
});

/** Without the ids, which are new each time. */
function storyOf({ input }: MemoryRun): string[] {
  const writes = input.transitions?.map(
    ({ at, jobId, from, to, nodeName }) =>
      `${at.toISOString()} ${jobId} ${from?.status} → ${to?.status} ${to?.leaseEpoch} ${nodeName}`,
  );
  const runs = input.runs?.map(({ startedAt, finishedAt, node }) => `${+startedAt} ${Number(finishedAt)} ${node}`);
  return [...(writes ?? []), ...(runs ?? [])];
}

function describeRun(seed: number, { verdict, jobs, faults }: MemoryRun): string {
  const lines = [...jobs.map((job) => JSON.stringify(job)), ...faults.map((fault) => JSON.stringify(fault))];
  return [`VIGIL_SEED=${seed}`, ...lines, formatVerdict(verdict)].join('\n');
}
