import { InvalidTriggerError, type Trigger } from './trigger.js';

/**
 * How many times a trigger fires in [`fromInclusive`, `toInclusive`]: exact up to `limit`; beyond it `count` is `limit` and
 * `exceeded` is true.
 * @throws InvalidTriggerError when a user's trigger does not move forward.
 */
export function countBetween(
  trigger: Trigger,
  fromInclusive: Date,
  toInclusive: Date,
  limit: number,
): { count: number; exceeded: boolean } {
  let after = new Date(fromInclusive.getTime() - 1);
  for (let count = 0; ; count += 1) {
    const fire = nextFire(trigger, after);
    if (fire === null || fire > toInclusive) return { count, exceeded: false };
    if (count === limit) return { count, exceeded: true };
    after = fire;
  }
}

/**
 * `trigger.nextAfter(after)`, of a trigger that may be a user's own.
 * @throws InvalidTriggerError when it does not move forward: whoever steps through it would step for ever.
 */
export function nextFire(trigger: Trigger, after: Date): Date | null {
  const fire = trigger.nextAfter(after);
  if (fire !== null && !(fire instanceof Date && fire > after)) throw stuck(trigger, after);
  return fire;
}

function stuck(trigger: Trigger, after: Date): InvalidTriggerError {
  return new InvalidTriggerError(
    `The trigger "${trigger.describe()}" does not move forward after ${after.toISOString()}. Its nextAfter(after) must return a Date strictly after, or null.`,
  );
}
