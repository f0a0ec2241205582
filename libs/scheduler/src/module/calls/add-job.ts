import type { JobInfo } from '../../engine/info.js';
import { newJobRow } from '../../engine/job-draft.js';
import type { ConflictRule } from '../../store/job-store.js';
import type { JobEntity } from '../../store/job.entity.js';
import { checkedAt } from '../job-definition.js';
import type { SchedulerRuntime } from '../scheduler.runtime.js';
import { checkCallOptions, checkEach, isOneOf, noteOf, type CallOptions } from './arguments.js';
import { told } from './change-job.js';
import { refuseDeclared } from './declared-elsewhere.js';
import { draftAdded, type JobRequest } from './job-to-add.js';

export interface Conflict {
  /** What becomes of the call when the id is taken. @default 'error': it rejects with `JobConflictError` */
  onConflict?: ConflictRule;
}

export async function addJob(
  runtime: SchedulerRuntime,
  job: JobRequest,
  options: CallOptions & Conflict,
): Promise<JobInfo> {
  const onConflict = checkConflict('addJob', options);
  const { manager } = options;
  const { reason, by } = noteOf(options);
  const draft = checkedAt('addJob', () => draftAdded(job, runtime));
  const store = await runtime.store();
  await refuseDeclared('addJob', store, [draft.id], onConflict);
  let planned = '';
  const plan = (now: Date): JobEntity[] => {
    const row = { ...newJobRow(draft, now), stateReason: reason, stateBy: by };
    planned = row.uid;
    return [row];
  };
  const [row] = await store.addJobs(plan, onConflict, { manager });
  return told(runtime, row!, row!.uid === planned ? 'job.added' : null, options);
}

/** Checks the options of a call that adds jobs. `where`: the method, for messages. Throws `InvalidJobError`. */
export function checkConflict(where: string, options: CallOptions & Conflict): ConflictRule {
  checkCallOptions(where, options, ['onConflict']);
  const { onConflict = 'error' } = options;
  checkEach(where, { onConflict }, { onConflict: isOneOf(['error', 'keep', 'replace']) });
  return onConflict;
}
