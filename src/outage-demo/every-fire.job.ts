import { Injectable } from '@nestjs/common';
import { ScheduledJob } from 'nestjs-vigil';

/** A job that wants each of its fires, also those that came due while the database was away. */
@Injectable()
export class EveryFireJob {
  @ScheduledJob({ id: 'every-fire', every: '1s', misfire: 'all', overlap: 'queue-all' })
  run(): void {}
}
