import { Injectable } from '@nestjs/common';
import { ScheduledJob } from 'nestjs-vigil';
import { AppSettings } from '../app.settings.js';

/** The smallest job: it shows that fires keep coming. */
@Injectable()
export class HeartbeatJob {
  #beats = 0;

  @ScheduledJob({
    id: 'heartbeat',
    inject: [AppSettings],
    useFactory: ({ heartbeatEvery }) => ({ every: heartbeatEvery, description: 'Shows that fires keep coming.' }),
  })
  beat(): string {
    this.#beats += 1;
    return `beat ${this.#beats} of this process`;
  }
}
