import { JobStoreUnavailableError, PassUnresolvedError } from '../../src/store/errors.js';
import type { JobStore } from '../../src/store/job-store.js';

/** `before`: the call never reached the store. `after`: it was executed and its answer was lost. */
export type Fault = 'before' | 'after';
type Verb = Exclude<keyof JobStore, 'kind'>;

/** A store whose calls fail when told to. */
export class FaultyStore {
  readonly #planned: { verb: Verb; fault: Fault; times: number; error: (() => unknown) | undefined }[] = [];
  readonly calls: Verb[] = [];
  readonly store: JobStore;

  constructor(inner: JobStore) {
    this.store = new Proxy(inner, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? (...args: unknown[]) => this.#call(target, key as Verb, args) : value;
      },
    });
  }

  /** The next `times` calls of `verb` fail. */
  fail(verb: Verb, fault: Fault, { times = 1, error }: { times?: number; error?: () => unknown } = {}): void {
    this.#planned.push({ verb, fault, times, error });
  }

  /** Everything works again. */
  heal(): void {
    this.#planned.length = 0;
  }

  async #call(target: JobStore, verb: Verb, args: unknown[]): Promise<unknown> {
    this.calls.push(verb);
    const call = (): unknown => (Reflect.get(target, verb) as (...args: unknown[]) => unknown).apply(target, args);
    const plan = this.#planned.find((each) => each.verb === verb && each.times > 0);
    if (plan === undefined) return call();
    plan.times -= 1;
    if (plan.fault === 'before') throw plan.error?.() ?? lost(verb, 'not-written');
    const answer = (await call()) as { recorded?: { jobUid: string }[]; claimed?: { jobUid: string }[] };
    if (verb !== 'pass') throw plan.error?.() ?? lost(verb, 'unknown');
    const jobs = [...(answer.recorded ?? []), ...(answer.claimed ?? [])].map(({ jobUid }) => jobUid);
    throw new PassUnresolvedError('The answer to the commit was lost.', [...new Set(jobs)]);
  }
}

function lost(verb: string, outcome: 'not-written' | 'unknown'): Error {
  return new JobStoreUnavailableError(`The connection was lost during ${verb}.`, outcome);
}
