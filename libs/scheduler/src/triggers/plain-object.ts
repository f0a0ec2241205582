import { shown } from './instant.js';
import { InvalidTriggerError } from './trigger.js';

/** Refuses what is not an object, and keys it does not know: a misspelt option would silently do nothing. */
export function onlyKeys(value: unknown, keys: readonly string[], what: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidTriggerError(`${what}: expected an object, not ${shown(value)}.`);
  }
  const stranger = Object.keys(value).find((key) => !keys.includes(key));
  if (stranger === undefined) return;
  throw new InvalidTriggerError(`${what}: ${shown(stranger)} is not known here. Known: ${keys.join(', ')}.`);
}
