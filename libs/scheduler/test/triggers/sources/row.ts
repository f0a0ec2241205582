import type { DstRule, Duration } from '../../../src/triggers/trigger.js';
import type { DifferenceKey } from './differences.js';

/** Instants as text; `null`: and none after them. */
export type Fires = readonly (string | null)[];

/** What another system says of a schedule, and what ours says of it. */
export type Row = FiringRow | RefusedRow;

interface Common {
  /** Where in the system's documentation or tests it is said. */
  readonly source: string;
  /** As they write it, where it is written otherwise. */
  readonly written?: string;
  readonly schedule: Schedule;
}

/** Ours fires. */
export interface FiringRow extends Common {
  /** The first of `fires` is the first one at or after it. */
  readonly from?: string;
  /** Or: strictly after it. */
  readonly after?: string;
  readonly fires: Fires;
  /** With it, these are all the fires up to and including that instant. */
  readonly until?: string;
  /** A start is delayed by less than this. */
  readonly jitterMs?: number;
  /** What they say, where it is something else. */
  readonly theirs?: Fires | string;
  readonly difference?: DifferenceKey;
}

/** Ours throws InvalidTriggerError. */
export interface RefusedRow extends Common {
  readonly refused: RegExp;
  /** What they say, where they accept it. */
  readonly theirs?: Fires | string;
  readonly difference?: DifferenceKey;
}

export type Schedule =
  | (Bounds & { readonly cron: string; readonly zone?: string; readonly dst?: DstRule })
  | (Bounds & { readonly every: Duration; readonly anchor?: string })
  | { readonly at: string };

interface Bounds {
  readonly startAt?: string;
  readonly endAt?: string;
}
