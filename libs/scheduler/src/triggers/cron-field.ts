import { BoundedCache } from './bounded-cache.js';

const FIELDS_KEPT = 1_000;
const fields = new BoundedCache<CronField>(FIELDS_KEPT);

/** The allowed values of one field of an expression, as tables: what comes next is looked up, not searched. */
export class CronField {
  readonly first: number;
  readonly last: number;
  /** The field leaves nothing out. */
  readonly isFull: boolean;
  readonly #from: Int8Array;
  readonly #upTo: Int8Array;

  /** @param values sorted, each of 0 to `size` - 1 */
  constructor(values: readonly number[], size: number) {
    this.isFull = new Set(values).size === size;
    this.first = values[0] ?? -1;
    this.last = values.at(-1) ?? -1;
    // one entry more at each end, so that nobody has to ask whether there is a next value
    this.#from = new Int8Array(size + 1).fill(-1);
    this.#upTo = new Int8Array(size + 1).fill(-1);
    for (let value = size - 1, next = -1; value >= 0; value -= 1) {
      if (values.includes(value)) next = value;
      this.#from[value] = next;
    }
    for (let value = 0, previous = -1; value < size; value += 1) {
      if (values.includes(value)) previous = value;
      this.#upTo[value + 1] = previous;
    }
  }

  has(value: number): boolean {
    return this.#from[value] === value;
  }

  /** The least value of at least `value`; -1: there is none. */
  from(value: number): number {
    return this.#from[value] ?? -1;
  }

  /** The greatest value of at most `value`; -1: there is none. */
  upTo(value: number): number {
    return this.#upTo[value + 1] ?? -1;
  }

  /** The last of the consecutive values that begin with `value`, which is one. */
  unbrokenFrom(value: number): number {
    let last = value;
    while (this.has(last + 1)) last += 1;
    return last;
  }
}

/** Made once for the same values: most expressions have a `0` or a `*` where others have one. */
export function cronField(values: readonly number[], size: number): CronField {
  return fields.get(`${size}:${values.join()}`, () => new CronField(values, size));
}
