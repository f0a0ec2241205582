import { setTimeout as delay } from 'node:timers/promises';

export interface Article {
  sku: string;
  name: string;
  priceCents: number;
}

const PAGE_SIZE = 50;
const SECONDS_PER_PAGE = 1;

/** The supplier's service: slow, and one page at a time. The same articles each time. */
export const supplierCatalog = {
  pages: 40,

  /** Rejects with the signal's reason as soon as it aborts. */
  async readPage(page: number, signal: AbortSignal): Promise<Article[]> {
    await delay(SECONDS_PER_PAGE * 1_000, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
    return Array.from({ length: PAGE_SIZE }, (_, index) => article(page * PAGE_SIZE + index + 1));
  },
} as const;

function article(number: number): Article {
  const colour = ['Blue', 'Oak', 'Linen', 'Steel', 'Paper'][number % 5];
  const thing = ['lamp', 'chair', 'mug', 'clock', 'shelf', 'notebook', 'blanket'][number % 7];
  return {
    sku: `SKU-${String(number).padStart(5, '0')}`,
    name: `${colour} ${thing}`,
    priceCents: 500 + ((number * 37) % 9_500),
  };
}
