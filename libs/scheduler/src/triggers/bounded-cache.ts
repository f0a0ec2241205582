/** What was made for a key, for the latest `size` keys. */
export class BoundedCache<T> {
  readonly #entries = new Map<string, T>();

  constructor(private readonly size: number) {}

  /** What `make` gave for this key. A `make` that throws leaves nothing behind. */
  get(key: string, make: () => T): T {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#entries.set(key, made);
    if (this.#entries.size > this.size) this.#forgetOldest();
    return made;
  }

  #forgetOldest(): void {
    for (const key of this.#entries.keys()) {
      this.#entries.delete(key);
      return;
    }
  }
}
