import type { SeededRandom } from './random.js';
import type { JobStore } from '../../src/store/job-store.js';
import { WEATHER, type Fate, type Weather } from './frail-node.js';

/** What goes wrong, or is asked of the scheduler, at a moment of a run. */
export type Fault =
  | { kind: 'weather'; node: number | 'all'; weather: Weather; forMs: number }
  | { kind: 'strike'; node: number; verb: keyof JobStore; fate: Fate; times: number }
  | { kind: 'freeze'; node: number; forMs: number }
  | { kind: 'die'; node: number; forMs: number }
  | { kind: 'shutdown'; node: number; forMs: number }
  | { kind: 'step'; byMs: number; forMs: number }
  | { kind: 'manual'; job: number }
  | { kind: 'backfill'; job: number; ofMs: number }
  | { kind: 'cancel' };

export interface PlannedFault {
  atMs: number;
  fault: Fault;
}

const KINDS = [
  'strike',
  'strike',
  'strike',
  'strike',
  'weather',
  'weather',
  'weather',
  'freeze',
  'freeze',
  'die',
  'shutdown',
  'step',
  'manual',
  'backfill',
  'cancel',
] as const;

/** In the order of their moments. */
export function randomFaults(
  random: SeededRandom,
  { nodes, jobs, lastMs }: { nodes: number; jobs: number; lastMs: number },
): PlannedFault[] {
  const faults = Array.from({ length: random.int(1, 10) }, () => ({
    atMs: random.int(0, lastMs),
    fault: randomFault(random, nodes, jobs),
  }));
  return faults.sort((a, b) => a.atMs - b.atMs);
}

function randomFault(random: SeededRandom, nodes: number, jobs: number): Fault {
  const kind = random.pick(KINDS);
  const node = random.int(0, nodes - 1);
  const forMs = random.chance(0.5) ? random.int(1, 3_000) : random.int(1, 60_000);
  switch (kind) {
    case 'strike': {
      const verb = random.pick(['pass', 'pass', 'complete', 'complete', 'beat', 'peek', 'resolve', 'rescue'] as const);
      const fate = random.pick([
        'refused',
        'unanswered',
        'hangs',
        'hangs-unanswered',
        'arrives-later',
        'slow',
      ] as const);
      return { kind, node, verb, fate, times: random.int(1, 3) };
    }
    case 'weather': {
      const [, ...foul] = WEATHER;
      return {
        kind,
        node: random.chance(0.5) ? 'all' : node,
        weather: random.pick(foul as [Weather, ...Weather[]]),
        forMs,
      };
    }
    case 'freeze':
      // a node is found dead after one to two leases
      return { kind, node, forMs: random.chance(0.5) ? forMs : random.int(30_000, 100_000) };
    case 'die':
    case 'shutdown':
      return { kind, node, forMs };
    case 'step':
      return { kind, byMs: random.pick([-3_600_000, 3_600_000, -5_000, 5_000] as const), forMs };
    case 'manual':
      return { kind, job: random.int(0, jobs - 1) };
    case 'backfill':
      return { kind, job: random.int(0, jobs - 1), ofMs: random.int(1, 60_000) };
    case 'cancel':
      return { kind };
  }
}
