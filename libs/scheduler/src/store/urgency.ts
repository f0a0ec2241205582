/** What one level of priority is worth: so much earlier counts as due what has it. */
const LEVEL_MS = 60_000;
/** A priority beyond this counts as this, so that nothing waits for ever behind what is urgent. */
const MOST_LEVELS = 60;

/**
 * Since when something counts as waiting: it is due at `at`, and its priority is worth a head start. Who waits longest
 * goes first, so that a higher priority overtakes what has waited for less than its head start, and age wins in the end.
 */
export function urgentSince(at: Date, priority: number): Date {
  const levels = Math.min(Math.max(priority, -MOST_LEVELS), MOST_LEVELS);
  return new Date(at.getTime() - levels * LEVEL_MS);
}

/** The same in SQL. */
export function urgentSinceSql(at: string, priority: string): string {
  return `${at} - least(greatest(${priority}, -${MOST_LEVELS}), ${MOST_LEVELS}) * interval '${LEVEL_MS} ms'`;
}
