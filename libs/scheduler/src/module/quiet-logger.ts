import { Logger as NestLogger } from '@nestjs/common';

import type { Logger } from '../engine/engine-logger.js';

/** A Nest logger whose failures change nothing: it may write to a disk that is full. */
export class QuietLogger implements Logger {
  readonly #logger: NestLogger;

  constructor(context: string) {
    this.#logger = new NestLogger(context);
  }

  log(message: string): void {
    quietly(() => this.#logger.log(message));
  }
  warn(message: string): void {
    quietly(() => this.#logger.warn(message));
  }
  /** `stack`: below the message, where there is one. */
  error(message: string, stack?: string): void {
    quietly(() => (stack === undefined ? this.#logger.error(message) : this.#logger.error(message, stack)));
  }
  debug(message: string): void {
    quietly(() => this.#logger.debug(message));
  }
}

function quietly(write: () => void): void {
  try {
    write();
  } catch {
    // Nobody is left to tell.
  }
}
