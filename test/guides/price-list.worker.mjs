/** Runs on a thread of its own: however long it computes, the application goes on. */
export function computePrices({ products, port }) {
  let total = 0;
  for (let product = 0; product < products; product += 1) {
    total += Math.hypot(Math.sin(product), Math.cos(product));
    if (product % 100_000 === 0) port.postMessage(product / products);
  }
  return Math.round(total);
}
