import { InvalidJobError } from '../../engine/job-settings.js';
import { shown } from '../../triggers/instant.js';
import { checkExecutor } from '../job-definition.js';
import { strangerIn } from '../known-keys.js';
import type { SchedulerRuntime } from '../scheduler.runtime.js';
import { checkConflict, type Conflict } from './add-job.js';
import { noteOf, type CallOptions } from './arguments.js';
import { EXPORT_VERSION } from './export-jobs.js';
import { checkAll, checkList, writeAll } from './in-bulk.js';
import { readEntry, rowOf } from './read-entry.js';

const WHERE = 'importJobs';

export async function importJobs(
  runtime: SchedulerRuntime,
  given: object,
  options: CallOptions & Conflict,
): Promise<{ added: number }> {
  const onConflict = checkConflict(WHERE, options);
  const jobs = jobsIn(given);
  const { reason, by } = noteOf(options);
  const handlers = new Set<string>();
  const planned = await checkAll(WHERE, jobs, runtime.clock.now(), (each, tell) => {
    const entry = readEntry(each, tell);
    if (entry === null) return null;
    const { draft, place } = entry;
    checkExecutor(draft.settings, runtime.surroundings);
    if (runtime.registry.draftOf(draft.id) !== undefined) {
      throw new InvalidJobError(
        `"${draft.id}" is the id of a @ScheduledJob. Give the job another id, or leave it out.`,
      );
    }
    handlers.add(draft.handler);
    const noted = { ...entry, place: { ...place, reason: place.reason ?? reason, by: place.by ?? by } };
    return { id: draft.id, row: (now) => rowOf(noted, now) };
  });
  const known = new Set(runtime.catalog.handlers.map(({ key }) => key));
  for (const key of handlers) if (!known.has(key)) runtime.foreignHandler(WHERE, key);
  return await writeAll(WHERE, runtime, planned, onConflict, options);
}

function jobsIn(given: unknown): readonly unknown[] {
  const stranger = strangerIn(given, ['version', 'jobs']);
  if (stranger !== null) throw new InvalidJobError(`${WHERE}: ${stranger} Give what exportJobs() returned.`);
  const { version, jobs } = given as { version?: unknown; jobs?: unknown };
  if (typeof version === 'number' && version > EXPORT_VERSION) {
    throw new InvalidJobError(
      `${WHERE}: this is an export of version ${version}, and this process reads version ${EXPORT_VERSION}. Import it with the Vigil that wrote it, or a newer one.`,
    );
  }
  if (version !== EXPORT_VERSION) {
    throw new InvalidJobError(
      `${WHERE}: version is ${shown(version)}. Give what exportJobs() returned: { version: ${EXPORT_VERSION}, jobs: […] }.`,
    );
  }
  checkList(WHERE, jobs);
  return jobs;
}
