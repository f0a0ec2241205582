import { MemoryJobStore, type Clock, type JobStore } from 'nestjs-vigil';

/**
 * A memory store that takes calls with a `manager`, too: what they write is there at once, and stays when the caller's
 * transaction is rolled back.
 */
export function quietStore(clock: Clock): JobStore {
  const store = new MemoryJobStore({ clock });
  return new Proxy(store, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => Reflect.apply(member, target, args.map(withoutManager));
    },
  });
}

function withoutManager(argument: unknown): unknown {
  if (typeof argument !== 'object' || argument === null || !('manager' in argument)) return argument;
  const { manager: _, ...call } = argument;
  return call;
}
