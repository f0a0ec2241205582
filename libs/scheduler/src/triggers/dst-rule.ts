import { shown } from './instant.js';
import { onlyKeys } from './plain-object.js';
import { InvalidTriggerError, type DstRule } from './trigger.js';

export const DEFAULT_RULE = { gap: 'shift', fold: 'first' } as const satisfies Required<DstRule>;
const CHOICES = { gap: ['shift', 'next', 'skip'], fold: ['first', 'second', 'both'] } as const;

/** Only what was given, so that the trigger's JSON says no more than its author did. Throws `InvalidTriggerError`. */
export function checkedRule(rule: DstRule | undefined): DstRule | undefined {
  if (rule === undefined) return undefined;
  onlyKeys(rule, ['gap', 'fold'], 'dst');
  const given = Object.entries(rule).filter(([, value]) => value !== undefined);
  for (const key of ['gap', 'fold'] as const) {
    const choices: readonly unknown[] = CHOICES[key];
    if (rule[key] === undefined || choices.includes(rule[key])) continue;
    throw new InvalidTriggerError(`dst.${key} is ${shown(rule[key])}. Write one of ${choices.map(shown).join(', ')}.`);
  }
  return given.length === 0 ? undefined : (Object.fromEntries(given) as DstRule);
}
