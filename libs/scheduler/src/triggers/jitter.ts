import { createHash } from 'node:crypto';
import { nextFire } from './misfire.js';
import { InvalidTriggerError, type Trigger } from './trigger.js';

/**
 * Whole milliseconds in [0, `rangeMs`): a hash of job and instant, so every node and every retry sees the same delay while
 * jobs that are due together spread out.
 * @throws InvalidTriggerError when `rangeMs` is negative or not a number.
 */
export function jitterOf(jobId: string, instant: Date, rangeMs: number): number {
  if (!(rangeMs >= 0)) throw new InvalidTriggerError(`jitterMs is ${rangeMs}. Give milliseconds, 0 or more.`);
  const hash = createHash('sha256').update(`${jobId}\n${instant.getTime()}`).digest();
  return Math.floor((hash.readUIntBE(0, 6) / 2 ** 48) * rangeMs);
}

/**
 * When to wake up for the fire at `fire`: up to `jitterMs` later, and always before the trigger's next fire.
 * `null` when there is no fire.
 */
export function wakeAfterJitter(trigger: Trigger, jobId: string, fire: Date | null, jitterMs: number): Date | null {
  if (fire === null || jitterMs === 0) return fire;
  const next = nextFire(trigger, fire);
  const rangeMs = next === null ? jitterMs : Math.min(jitterMs, next.getTime() - fire.getTime());
  return new Date(fire.getTime() + jitterOf(jobId, fire, rangeMs));
}
