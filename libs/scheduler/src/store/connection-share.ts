import type { DataSource } from 'typeorm';

const PG_POOL_SIZE = 10;
const shares = new WeakMap<DataSource, ConnectionShare>();

/**
 * What handlers may hold of an application's connections at once: half of them. The application always has the others,
 * and handlers that take a second connection, each one, cannot wait for each other.
 */
export class ConnectionShare {
  readonly most: number;
  #taken = 0;
  readonly #waiting = new Set<() => void>();

  private constructor(readonly poolSize: number) {
    this.most = Math.max(1, Math.floor(poolSize / 2));
  }

  /** All schedulers on one data source have one. */
  static of(dataSource: DataSource): ConnectionShare {
    const share = shares.get(dataSource) ?? new ConnectionShare(poolSizeOf(dataSource));
    shares.set(dataSource, share);
    return share;
  }

  /** Resolves with what gives the place back. Rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<() => void> {
    while (this.#taken >= this.most && !signal.aborted) await this.#change(signal);
    signal.throwIfAborted();
    this.#taken += 1;
    let isBack = false;
    return () => {
      if (isBack) return;
      isBack = true;
      this.#taken -= 1;
      // all of them: one that was stopped meanwhile would pass nothing on
      for (const wake of this.#waiting) wake();
    };
  }

  async #change(signal: AbortSignal): Promise<void> {
    let wake = (): void => {};
    await new Promise<void>((resolve) => {
      wake = resolve;
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
    this.#waiting.delete(wake);
    signal.removeEventListener('abort', wake);
  }
}

function poolSizeOf({ options }: DataSource): number {
  const { poolSize, extra } = options as { poolSize?: unknown; extra?: { max?: unknown } };
  const size = Number(extra?.max ?? poolSize ?? PG_POOL_SIZE);
  return Number.isInteger(size) && size > 0 ? size : PG_POOL_SIZE;
}
