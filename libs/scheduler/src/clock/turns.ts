import { setImmediate } from 'node:timers/promises';

/** How much of a long piece of work is done before others may go on. */
const AT_ONCE = 50;

/** `make` of each, in turns: whatever else this process has to do is done in between. */
export async function inTurns<T, R>(items: readonly T[], make: (item: T, index: number) => R): Promise<R[]> {
  const made: R[] = [];
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % AT_ONCE === 0) await setImmediate();
    made.push(make(item, index));
  }
  return made;
}
