/** A random source in [0, 1), so that tests can seed it. */
export type Random = () => number;

/**
 * Full jitter: a random delay between `minMs` and a ceiling that doubles with each attempt up to `maxMs`.
 * Replicas that lost the database together do not come back together.
 */
export function fullJitter(
  attempt: number,
  { minMs, maxMs, random }: { minMs: number; maxMs: number; random: Random },
): number {
  const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30));
  return Math.round(minMs + random() * (ceiling - minMs));
}
