import type { Trigger } from '../../src/triggers/trigger.js';

export const utc = (text: string): Date => new Date(text);

/** Every fire in (`after`, `until`], by stepping forward. */
export function firesBetween(trigger: Trigger, after: Date, until: Date): Date[] {
  const fires: Date[] = [];
  for (let fire = trigger.nextAfter(after); fire !== null && fire <= until; fire = trigger.nextAfter(fire)) {
    fires.push(fire);
  }
  return fires;
}

/** The same, by stepping backward from `until`. */
export function firesBackward(trigger: Trigger, after: Date, until: Date): Date[] {
  const fires: Date[] = [];
  let fire = trigger.lastAtOrBefore(until, after);
  while (fire !== null) {
    fires.unshift(fire);
    fire = trigger.lastAtOrBefore(new Date(fire.getTime() - 1), after);
  }
  return fires;
}

/** '2026-03-29T01:30Z': short, as the tables write it. */
export function short(date: Date | null): string | null {
  return date === null ? null : date.toISOString().replace(/:00\.000Z$|\.000Z$/, 'Z');
}
