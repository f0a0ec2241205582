import type { SchedulerService } from 'nestjs-vigil';
import { duration, oneLine } from '../console/words.js';

/** Says what happens, with the seconds since the demonstration began. */
export class Timeline {
  readonly #startedMs = performance.now();

  /** A new part, with a line that explains it. */
  part(title: string): void {
    console.log(`\n${title}`);
  }

  /** Something that was done to the database or the network. */
  did(text: string): void {
    this.#line('we', text);
  }

  /** Something that was seen. */
  saw(text: string): void {
    this.#line('seen', text);
  }

  /** From now on, what the scheduler says of itself, each thing once. */
  follow(scheduler: SchedulerService): void {
    let lastError = '';
    const explain = (error: Error | null): string => {
      const text = oneLine(error?.message ?? '', 110);
      const isNew = text !== '' && text !== lastError;
      lastError = text;
      return isNew ? `: ${text}` : '';
    };
    scheduler.on('scheduler.state', ({ from, to, error, downMs }) => {
      if (to === 'degraded' || (to === 'disconnected' && from !== 'recovering')) this.#says(to + explain(error));
      if (to !== 'running' || downMs === null) return;
      lastError = '';
      this.#says(`running again after ${duration(downMs)}`);
    });
    scheduler.on('execution.missed', ({ execution: { jobId, instantCount } }) =>
      this.#says(
        `${jobId}: ${instantCount} ${instantCount === 1 ? 'fire was' : 'fires were'} missed, and recorded as that`,
      ),
    );
  }

  #says(text: string): void {
    this.#line('scheduler', text);
  }

  #line(who: string, text: string): void {
    const seconds = ((performance.now() - this.#startedMs) / 1_000).toFixed(1);
    console.log(`${seconds.padStart(6)} s  ${who.padEnd(9)}  ${text}`);
  }
}
