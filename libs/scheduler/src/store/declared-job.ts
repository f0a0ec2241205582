import type { JobExecutionEntity } from './job-execution.entity.js';
import type { JobEntity } from './job.entity.js';

/** A declared job as this node's code has it. */
export interface DeclaredJob {
  id: string;
  hash: string;
  definition: object;
}
/** A declared job beside its row, which is locked. */
export interface SyncInput {
  declared: DeclaredJob;
  /** The hash of the version in force: the latest first seen among this one and those that live nodes announce. */
  inForce: string;
  existing: JobEntity | null;
  /** The definition that the row was made by; null: it is not known. */
  former: object | null;
  now: Date;
}
export interface SyncResult {
  /** The rows as they are now, in the order of the declared jobs; without those that have none. */
  jobs: JobEntity[];
  /** Without instants that were recorded already. */
  recorded: JobExecutionEntity[];
}

const DECLARED = 'job:';

/**
 * The key of a declared job's handler. It is the job's own, whatever the method and its class are called: a process that
 * does not declare the job never claims it, and jobs added at run time for the method do not depend on the job's id.
 */
export function declaredKey(jobId: string): string {
  return `${DECLARED}${jobId}`;
}

/** What people call the handler: of a declared job its id. */
export function handlerName({ handler, source }: Pick<JobEntity, 'handler' | 'source'>): string {
  return source === 'code' && handler.startsWith(DECLARED) ? handler.slice(DECLARED.length) : handler;
}
