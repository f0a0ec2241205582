import { types } from 'node:util';

/**
 * A deep copy of plain objects, lists and dates. Unlike those of `structuredClone`, its dates and objects are of this
 * code's own realm, which is not that of Node where Jest runs it.
 */
export function copyOf<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (types.isDate(value)) return new Date(value.getTime());
  if (Array.isArray(value)) return Array.from(value, copy);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copy(each)]));
}
