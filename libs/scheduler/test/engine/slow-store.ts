import type { JobStore } from '../../src/store/job-store.js';

type Verb = Exclude<keyof JobStore, 'kind'>;

/** A store whose calls get no answer while told so, or get it late. */
export class SlowStore {
  readonly #held = new Map<Verb, { before: boolean; until: Promise<void> }>();
  readonly store: JobStore;

  constructor(inner: JobStore) {
    this.store = new Proxy(inner, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? (...args: unknown[]) => this.#call(target, key as Verb, args) : value;
      },
    });
  }

  /** `before`: the call does not reach the store until then; otherwise its answer comes late. */
  hold(
    verbs: readonly Verb[],
    { until = new Promise<never>(() => {}), before = true }: { until?: Promise<void>; before?: boolean } = {},
  ): void {
    for (const verb of verbs) this.#held.set(verb, { before, until });
  }
  heal(): void {
    this.#held.clear();
  }

  async #call(target: JobStore, verb: Verb, args: unknown[]): Promise<unknown> {
    const held = this.#held.get(verb);
    const call = (): unknown => (Reflect.get(target, verb) as (...args: unknown[]) => unknown).apply(target, args);
    if (held?.before) await held.until;
    const answer = await call();
    if (held !== undefined && !held.before) await held.until;
    return answer;
  }
}
