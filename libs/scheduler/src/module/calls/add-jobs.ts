import { newJobRow } from '../../engine/job-draft.js';
import { InvalidJobError } from '../../engine/job-settings.js';
import { shown } from '../../triggers/instant.js';
import { checkedAt } from '../job-definition.js';
import { strangerIn } from '../known-keys.js';
import type { SchedulerRuntime } from '../scheduler.runtime.js';
import { checkConflict, type Conflict } from './add-job.js';
import { noteOf, type CallOptions } from './arguments.js';
import { checkAll, checkList, writeAll, type Planned } from './in-bulk.js';
import { draftAdded, ENTRY_KEYS, type JobRequest } from './job-to-add.js';

const WHERE = 'addJobs';

export async function addJobs(
  runtime: SchedulerRuntime,
  handler: readonly [unknown, unknown],
  jobs: readonly object[],
  options: CallOptions & Conflict,
): Promise<{ added: number }> {
  const onConflict = checkConflict(WHERE, options);
  checkList(WHERE, jobs);
  if (!Array.isArray(handler)) {
    throw new InvalidJobError(`${WHERE}: handler is ${shown(handler)}. Write [Class, 'method'].`);
  }
  checkedAt(WHERE, () => runtime.catalog.handlerOf(handler[0], handler[1]));
  const { reason, by } = noteOf(options);
  const check = (entry: unknown): Planned => {
    const stranger = strangerIn(entry, ENTRY_KEYS);
    if (stranger !== null) throw new InvalidJobError(stranger);
    const draft = draftAdded({ ...(entry as JobRequest), handler }, runtime);
    return { id: draft.id, row: (now) => ({ ...newJobRow(draft, now), stateReason: reason, stateBy: by }) };
  };
  const planned = await checkAll(WHERE, jobs, runtime.clock.now(), check);
  return await writeAll(WHERE, runtime, planned, onConflict, options);
}
