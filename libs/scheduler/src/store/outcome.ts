import type { ErrorRecord, ExecutionStatus, ProgressRecord } from './job-execution.entity.js';
import type { JobEntity } from './job.entity.js';
import type { LogLines } from './log-lines.js';

/** How an execution (or one attempt of it) ended, as its owner tells the store. */
export interface OutcomeRecord {
  executionId: string;
  leaseEpoch: number;
  /** `pending`: it is offered again after `delayMs`. */
  status: Extract<ExecutionStatus, 'pending' | 'succeeded' | 'failed' | 'timed-out' | 'cancelled' | 'abandoned'>;
  delayMs: number;
  /** false: the attempt is given back (release at shutdown). */
  spendsAttempt: boolean;
  reason: string | null;
  error: ErrorRecord | null;
  /** JSON text, already bounded. */
  result: string | null;
  progress: ProgressRecord | null;
  /** What was logged and may not be written yet; null: nothing. */
  logs: LogLines | null;
  durationMs: number;
}
/** What an execution says of itself while it runs. */
export interface ProgressUpdate {
  executionId: string;
  leaseEpoch: number;
  /** null: as it was. */
  progress: ProgressRecord | null;
  /** null: nothing is new. */
  logs: LogLines | null;
}
export type OutcomeVerdict =
  /** `status`: what it is now. A retry of what was asked to stop, or of a job that is gone, was written as `cancelled`. */
  | {
      kind: 'written';
      status: OutcomeRecord['status'];
      /** Of what is cancelled: what the row says why. */
      reason?: string | null;
      /** Its job, when this was one failure in a row too many: see `pause_after_failures`. */
      paused?: JobEntity;
    }
  /** The execution was taken over, cancelled past its grace, or removed: this outcome does not count. */
  | { kind: 'fenced' }
  /** Somebody else holds the row at this moment: tell it again later. */
  | { kind: 'busy' };
