import type { ExecutionStatus } from './job-execution.entity.js';

export interface NodeRegistration {
  incarnation: string;
  nodeName: string;
  host: string;
  pid: number;
  version: string;
  tzVersion: string | null;
  leaseMs: number;
  capabilities: readonly string[];
  /** job id → hash. */
  definitions: Readonly<Record<string, string>>;
}
export interface Beat {
  now: Date;
  /** false: this incarnation was judged dead, or its row is gone. */
  alive: boolean;
  /** What the database says this incarnation runs. */
  mine: {
    executionId: string;
    leaseEpoch: number;
    cancelRequested: boolean;
    /** Why; null: nobody said, or it is not to stop. */
    cancelReason: string | null;
  }[];
  nodes: { incarnation: string; beat: string; leaseOver: boolean }[];
}
export interface Rescued {
  executionId: string;
  jobId: string;
  /** The name of the node that is dead. */
  node: string | null;
  status: Extract<ExecutionStatus, 'pending' | 'abandoned' | 'cancelled'>;
  /** Why it is abandoned. */
  reason: string | null;
}
/** A node whose lease is not over. */
export interface LiveNode {
  incarnation: string;
  nodeName: string;
  /** What it can run: `handler@executor`. Of a process that runs no jobs, nothing. */
  capabilities: readonly string[];
  /** Ids of the jobs that its code declares. */
  declares: readonly string[];
}
