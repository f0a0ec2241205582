import type { JobStore } from '../../src/store/job-store.js';

/** Counts the calls that wait for an answer; `listen` waits all the time. */
export function watched(store: JobStore): { store: JobStore; inFlight: () => number } {
  let inFlight = 0;
  const get = (target: JobStore, key: string | symbol): unknown => {
    const value: unknown = Reflect.get(target, key);
    if (typeof value !== 'function') return value;
    if (key === 'listen') return value.bind(target) as unknown;
    return async (...args: unknown[]) => {
      inFlight += 1;
      try {
        return await (value as (...args: unknown[]) => unknown).apply(target, args);
      } finally {
        inFlight -= 1;
      }
    };
  };
  return { store: new Proxy(store, { get }), inFlight: () => inFlight };
}
