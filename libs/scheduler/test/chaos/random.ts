import { seededRandom } from '../../../testing/src/proxy/random.js';

/** Chances that are the same for the same seed. */
export class SeededRandom {
  /** In [0, 1). */
  readonly next: () => number;

  constructor(readonly seed: number) {
    this.next = seededRandom(seed);
  }

  /** Whole, both ends included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[Math.floor(this.next() * items.length)] ?? items[0];
  }

  uuid(): string {
    const hex = Array.from({ length: 32 }, () => this.int(0, 15).toString(16)).join('');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }
}

/** Which seeds a run tries: `VIGIL_SEED=n` one, `CHAOS_SEEDS=n` so many; otherwise a sample, or all in `npm run chaos -- --full`. */
export function seedsToTry({ sample, all }: { sample: number; all: number }): number[] {
  const one = process.env['VIGIL_SEED'];
  if (one !== undefined) return [Number(one)];
  const count = Number(process.env['CHAOS_SEEDS'] ?? (process.env['VIGIL_CHAOS'] === 'full' ? all : sample));
  return Array.from({ length: count }, (_, index) => index + 1);
}
