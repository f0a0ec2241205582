import type { CutSide, Strike } from './cuts.js';
import { seededRandom } from './random.js';
import { checkDuration, draw, type Duration } from './weather.js';

/** What chaos does at a statement: a cut, a delay of it, or silence of its connection from it on. */
export type FaultKind = CutSide | 'delay' | 'silence';

export interface ChaosOptions {
  /** The same seed does the same to the same number of statement. Print it when a test fails. */
  seed: number;
  /** How many of the statements meet each fault, from 0 to 1, and all faults together at most 1. @default 0.02 for each cut, 0.1 for `delay`, 0 for `silence` */
  rates?: Partial<Record<FaultKind, number>>;
  /** How long a delay is. @default 1 to 100 ms */
  delay?: Duration;
}

/** What chaos has done. */
export interface Fault {
  /** The statement's place among all since chaos began, from 1. */
  readonly number: number;
  readonly statement: string;
  readonly what: FaultKind;
  readonly delayMs?: number;
}

const KINDS = ['before', 'in-request', 'in-answer', 'after', 'delay', 'silence'] as const;
const DEFAULT_RATES = { before: 0.02, 'in-request': 0.02, 'in-answer': 0.02, after: 0.02, delay: 0.1 };
const DEFAULT_DELAY = { minMs: 1, maxMs: 100 };

/** Decides for each statement by its number and the seed, by nothing else. */
export class Chaos {
  readonly faults: Fault[] = [];
  readonly #seed: number;
  readonly #rates: Partial<Record<FaultKind, number>>;
  readonly #delay: Duration;
  #statements = 0;

  constructor({ seed, rates = DEFAULT_RATES, delay = DEFAULT_DELAY }: ChaosOptions) {
    checkRates(Object.values(rates));
    checkDuration(delay);
    this.#seed = seed;
    this.#rates = rates;
    this.#delay = delay;
  }

  /** Statements are about to be sent together. The first of them that meets a fault decides for all. */
  meet(statements: readonly string[]): Strike | undefined {
    const first = this.#statements + 1;
    this.#statements += statements.length;
    for (const [index, statement] of statements.entries()) {
      const decision = this.decide(first + index);
      if (!decision) continue;
      this.faults.push({ number: first + index, statement, ...decision });
      return { index, ...decision };
    }
    return undefined;
  }

  /** What happens at the statement of this number; `undefined`: nothing. */
  decide(number: number): Pick<Fault, 'what' | 'delayMs'> | undefined {
    const random = seededRandom(this.#seed + Math.imul(number, 0x9e3779b1));
    let share = random();
    const what = KINDS.find((kind) => (share -= this.#rates[kind] ?? 0) < 0);
    if (!what) return undefined;
    return what === 'delay' ? { what, delayMs: draw(this.#delay, random) } : { what };
  }
}

function checkRates(rates: number[]): void {
  const total = rates.reduce((sum, rate) => sum + rate, 0);
  if (rates.every((rate) => rate >= 0) && total <= 1 + 1e-9) return;
  throw new RangeError(`Rates are 0 or more and together at most 1; got ${rates.join(', ')}.`);
}
