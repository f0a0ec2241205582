/** What a step of a model is to the explorer: faults may happen, and have stopped when progress is asked for. */
export type StepKind = 'ordinary' | 'fault';

/** Offers one step from a state: what it is called, and how it changes a copy of the state. */
export type Offer<S> = (says: string, change: (next: S) => void, kind?: StepKind) => void;

/** A system of states and steps that is small enough to be looked at completely. */
export interface Model<S> {
  initial(): S;
  copy(state: S): S;
  /** Two states with one key are one state. */
  key(state: S): string;
  /** Offers every step that can be taken next, always in the same order. */
  steps(state: S, offer: Offer<S>): void;
  /** The promise that is broken in this state; null: none. */
  broken(state: S): string | null;
  /** Nothing is left to be done. */
  isQuiet(state: S): boolean;
}

/** The shortest way to a state that breaks a promise. */
export interface Counterexample {
  promise: string;
  trace: readonly string[];
}
export interface Exploration {
  states: number;
  steps: number;
  /** Length of the longest of the shortest ways. */
  depth: number;
  quietStates: number;
  counterexample: Counterexample | null;
}

export const STUCK = 'from every state a quiet one can be reached without further faults';

/**
 * Every reachable state, breadth first, so that the first broken promise has a shortest trace. When none is broken:
 * backwards from all quiet states along the steps that are no faults; a state that is not met is stuck.
 */
export function explore<S>(model: Model<S>, limit = 3_000_000): Exploration {
  const search = new Search(model, limit);
  return search.run();
}

class Search<S> {
  readonly #ids = new Map<string, number>();
  readonly #parents: number[] = [];
  /** Which of the parent's steps leads here. */
  readonly #ordinals: number[] = [];
  readonly #isQuiet: boolean[] = [];
  /** Ordinary steps, as pairs. */
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  #frontier: { id: number; state: S }[] = [];
  #next: { id: number; state: S }[] = [];
  #steps = 0;
  #depth = 0;
  #broken: { id: number; promise: string } | null = null;

  constructor(
    private readonly model: Model<S>,
    private readonly limit: number,
  ) {}

  run(): Exploration {
    this.#meet(this.model.initial(), -1, 0);
    this.#turnPage();
    while (this.#frontier.length > 0 && this.#broken === null) {
      for (const { id, state } of this.#frontier) {
        if (this.#broken === null) this.#expand(id, state);
      }
      this.#depth += 1;
      this.#turnPage();
    }
    if (this.#broken === null) this.#findStuck();
    return {
      states: this.#ids.size,
      steps: this.#steps,
      depth: this.#depth,
      quietStates: this.#isQuiet.filter(Boolean).length,
      counterexample: this.#broken && { promise: this.#broken.promise, trace: this.#traceTo(this.#broken.id) },
    };
  }

  #turnPage(): void {
    this.#frontier = this.#next;
    this.#next = [];
  }

  #expand(id: number, state: S): void {
    let ordinal = 0;
    this.model.steps(state, (_says, change, kind = 'ordinary') => {
      const next = this.model.copy(state);
      change(next);
      const to = this.#meet(next, id, ordinal);
      ordinal += 1;
      this.#steps += 1;
      if (kind === 'fault') return;
      this.#from.push(id);
      this.#to.push(to);
    });
  }

  #meet(state: S, parent: number, ordinal: number): number {
    const key = this.model.key(state);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#ids.size;
    if (id >= this.limit) throw new Error(`The model has more than ${this.limit} states. Give it smaller bounds.`);
    this.#ids.set(key, id);
    this.#parents.push(parent);
    this.#ordinals.push(ordinal);
    this.#isQuiet.push(this.model.isQuiet(state));
    this.#next.push({ id, state });
    const promise = this.#broken === null ? this.model.broken(state) : null;
    if (promise !== null) this.#broken = { id, promise };
    return id;
  }

  /** The first state met, hence one of the nearest, from which no ordinary step leads towards a quiet one. */
  #findStuck(): void {
    const { starts, sources } = this.#backwards();
    const canEnd = this.#isQuiet.map(Boolean);
    const open = canEnd.flatMap((isQuiet, id) => (isQuiet ? [id] : []));
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      for (let at = starts[id] ?? 0; at < (starts[id + 1] ?? 0); at += 1) {
        const source = sources[at] ?? 0;
        if (canEnd[source]) continue;
        canEnd[source] = true;
        open.push(source);
      }
    }
    const stuck = canEnd.indexOf(false);
    if (stuck >= 0) this.#broken = { id: stuck, promise: STUCK };
  }

  /** The sources of the steps into state `id` are `sources` from `starts[id]` to `starts[id + 1]`. */
  #backwards(): { starts: Int32Array; sources: Int32Array } {
    const starts = new Int32Array(this.#ids.size + 2);
    for (const to of this.#to) starts[to + 2] = (starts[to + 2] ?? 0) + 1;
    for (let id = 1; id < starts.length; id += 1) starts[id] = (starts[id] ?? 0) + (starts[id - 1] ?? 0);
    const sources = new Int32Array(this.#to.length);
    this.#to.forEach((to, step) => {
      const place = starts[to + 1] ?? 0;
      sources[place] = this.#from[step] ?? 0;
      starts[to + 1] = place + 1;
    });
    return { starts, sources };
  }

  /** Only ordinals are kept, so the way is walked again to hear what its steps are called. */
  #traceTo(id: number): string[] {
    const ordinals: number[] = [];
    for (let at = id; at > 0; at = this.#parents[at] ?? 0) ordinals.unshift(this.#ordinals[at] ?? 0);
    let state = this.model.initial();
    return ordinals.map((wanted) => {
      const taken = stepOf(this.model, state, wanted);
      state = taken.state;
      return taken.says;
    });
  }
}

function stepOf<S>(model: Model<S>, state: S, wanted: number): { says: string; state: S } {
  let ordinal = 0;
  let taken: { says: string; state: S } | null = null;
  model.steps(state, (says, change) => {
    if (ordinal === wanted) {
      const next = model.copy(state);
      change(next);
      taken = { says, state: next };
    }
    ordinal += 1;
  });
  if (taken === null) throw new Error(`The model offers no step ${wanted} any more. Its steps must be deterministic.`);
  return taken;
}

/** One line a step, and the promise that the last of them breaks. */
export function printed({ promise, trace }: Counterexample): string {
  const lines = trace.map((says, index) => `${String(index + 1).padStart(3)}. ${says}`);
  return [...lines, `  ⇒ broken: ${promise}`].join('\n');
}
