import type { DstRule, Duration, Trigger } from '../triggers/trigger.js';

/** Options that must be left out beside others. */
export type None<K extends string> = { [P in K]?: never };

/** Where a recurring schedule begins and ends, and how far its runs are spread. */
export interface Bounds {
  /** Nothing fires before it; a fire at that instant counts. @default no beginning */
  startAt?: Date;
  /** Nothing fires after it; a fire at that instant counts. @default no end */
  endAt?: Date;
  /** After so many runs the job is `finished`. Missed and skipped instants do not count. @default no limit */
  maxRuns?: number;
  /**
   * Each fire starts up to so many milliseconds late, by a hash of job and instant, so that jobs that are due together
   * spread out. `scheduledAt` stays what the schedule says. @default 0
   */
  jitterMs?: number;
}

export interface CronFields {
  /** IANA name, such as 'Europe/Paris'. @default the module's `timeZone` */
  timeZone?: string;
  /** What a change of the clocks does to an expression that restricts the hours. @default { gap: 'shift', fold: 'first' } */
  dst?: DstRule;
}

/** Again and again: exactly one of `cron`, `every` and `trigger`. */
export type Recurrence<B = Bounds> = B &
  None<'at' | 'in'> &
  (
    | (CronFields & { cron: string } & None<'every' | 'trigger'>)
    | ({ every: Duration } & None<'cron' | 'trigger' | keyof CronFields>)
    | ({ trigger: Trigger } & None<'cron' | 'every' | keyof CronFields>)
  );

/** Once: at an instant; after a delay on the database's clock; or, with neither, now. */
export type Once = None<'cron' | 'every' | 'trigger' | keyof CronFields | keyof Bounds> &
  (({ at: Date | string } & None<'in'>) | ({ in: Duration } & None<'at'>) | None<'at' | 'in'>);
