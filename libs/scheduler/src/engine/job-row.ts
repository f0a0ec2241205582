import type { JobEntity } from '../store/job.entity.js';
import { InvalidJobError, resolveSettings, settingsOf } from './job-settings.js';

const INSTANTS = ['anchor', 'createdAt', 'nextRunAt', 'wakeAt', 'lastInstant'] as const;

/** A row may have been edited by hand. Throws `InvalidJobError`, which names the column and what is wrong with it. */
export function checkRow(job: JobEntity): void {
  const where = `Job "${job.id}"`;
  resolveSettings(where, settingsOf(job));
  for (const name of INSTANTS) {
    // null where the column is not nullable, or a time that no Date can hold, such as infinity
    const isMissing = job[name] === null && (name === 'anchor' || name === 'createdAt');
    if (isMissing || Number.isNaN(job[name]?.getTime())) {
      throw new InvalidJobError(`${where}: ${name} is no instant. Write a timestamp of the years 1 to 9999.`);
    }
  }
  for (const name of ['jitterMs', 'runCount', 'maxQueue'] as const) {
    if (Number.isInteger(job[name]) && job[name] >= 0) continue;
    throw new InvalidJobError(`${where}: ${name} is ${String(job[name])}. Write a whole number of at least 0.`);
  }
}
