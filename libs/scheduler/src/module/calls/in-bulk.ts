import { inTurns } from '../../clock/turns.js';
import { jobInfo } from '../../engine/info.js';
import { InvalidJobError } from '../../engine/job-settings.js';
import { describeError } from '../../engine/json.js';
import type { ConflictRule } from '../../store/job-store.js';
import type { JobEntity } from '../../store/job.entity.js';
import { shown } from '../../triggers/instant.js';
import type { SchedulerRuntime } from '../scheduler.runtime.js';
import type { CallOptions } from './arguments.js';
import { refuseDeclared } from './declared-elsewhere.js';

/** How many jobs one call may write: they have to be written within `callTimeoutMs`. */
export const MOST_JOBS = 10_000;
/** How many of the wrong ones are told. */
const MOST_TOLD = 10;

/** What is needed to make a row of a job that was checked. */
export interface Planned {
  id: string;
  row(now: Date): JobEntity;
}

/** Throws `InvalidJobError`. */
export function checkList(where: string, jobs: unknown): asserts jobs is readonly unknown[] {
  if (!Array.isArray(jobs)) throw new InvalidJobError(`${where}: jobs is ${shown(jobs)}. Give a list.`);
  if (jobs.length <= MOST_JOBS) return;
  throw new InvalidJobError(
    `${where}: jobs has ${jobs.length} entries, and one call takes ${MOST_JOBS}. Call it for each ${MOST_JOBS} of them.`,
  );
}

/**
 * Every entry, checked; or `InvalidJobError`, which names those that are wrong by their place and id. `check` throws what is
 * wrong, or tells several things and gives null.
 */
export async function checkAll(
  where: string,
  entries: readonly unknown[],
  now: Date,
  check: (entry: unknown, tell: (problem: string) => void) => Planned | null,
): Promise<Planned[]> {
  const problems: string[] = [];
  const places = new Map<string, number>();
  const checked = await inTurns(entries, (entry, place) => {
    const tell = (problem: string): void => void problems.push(`jobs[${place}]${idOf(entry)}: ${problem}`);
    try {
      const planned = check(entry, tell);
      if (planned === null) return null;
      // what a trigger of somebody's own throws is found here, and not in the transaction
      planned.row(now);
      const other = places.get(planned.id);
      if (other !== undefined) throw new InvalidJobError(`its id is that of jobs[${other}], too. Give it another one.`);
      places.set(planned.id, place);
      return planned;
    } catch (error) {
      tell(describeError(error).message);
      return null;
    }
  });
  if (problems.length === 0) return checked.filter((each) => each !== null);
  const told = problems.slice(0, MOST_TOLD);
  const left = problems.length - told.length;
  const wrong = checked.filter((each) => each === null).length;
  const head = `${where}: nothing was written, because ${wrong} of ${entries.length} jobs cannot be.`;
  throw new InvalidJobError([head, ...told, ...(left > 0 ? [`… and ${left} more like these.`] : [])].join('\n'));
}

/** Writes them all in one statement, and announces each that was not there before. Throws `InvalidJobError`. */
export async function writeAll(
  where: string,
  runtime: SchedulerRuntime,
  planned: readonly Planned[],
  onConflict: ConflictRule,
  { manager }: CallOptions,
): Promise<{ added: number }> {
  const store = await runtime.store();
  const ids = planned.map(({ id }) => id);
  await refuseDeclared(where, store, ids, onConflict);
  const uids = new Set<string>();
  const plan = async (now: Date): Promise<JobEntity[]> => {
    const rows = await inTurns(planned, ({ row }) => row(now));
    for (const { uid } of rows) uids.add(uid);
    return rows;
  };
  const rows = await store.addJobs(plan, onConflict, { manager });
  const added = rows.filter(({ uid }) => uids.has(uid));
  if (manager === undefined) {
    await inTurns(added, (row) => runtime.events.emit('job.added', { job: jobInfo(row) }));
    runtime.wake();
  }
  return { added: added.length };
}

function idOf(entry: unknown): string {
  const id: unknown = typeof entry === 'object' && entry !== null ? Reflect.get(entry, 'id') : undefined;
  return id === undefined ? '' : ` (${shown(id)})`;
}
