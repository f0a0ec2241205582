import { MessageChannel } from 'node:worker_threads';

import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { JobContext, JobHandler } from 'nestjs-vigil';
import { Piscina } from 'piscina';

@Injectable()
export class PriceListService implements OnApplicationShutdown {
  private readonly threads = new Piscina({
    filename: new URL('./price-list.worker.mjs', import.meta.url).href,
    maxThreads: 2,
  });

  @JobHandler({ key: 'price-list', timeoutMs: 600_000 })
  async compute(context: JobContext<{ products: number }>): Promise<number> {
    const { port1, port2 } = new MessageChannel();
    port1.on('message', (fraction: number) => context.progress(fraction));
    try {
      const task = { products: context.data.products, port: port2 };
      // an abort ends the thread, which nothing else can do to a computation
      const options = { name: 'computePrices', transferList: [port2], signal: context.signal };
      return (await this.threads.run(task, options)) as number;
    } finally {
      port1.close();
    }
  }

  /** The scheduler has let its runs end, or has aborted them, by now. */
  async onApplicationShutdown(): Promise<void> {
    await this.threads.destroy();
  }
}
