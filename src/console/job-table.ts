import type { JobInfo } from 'nestjs-vigil';
import { localTime, relativeTime } from './words.js';

const HEAD = ['job', 'schedule', 'next run'];

/** The jobs, the next one to run first, as lines of text. */
export function jobTable(jobs: readonly JobInfo[], now = new Date()): string[] {
  const open = jobs.filter(({ state }) => state !== 'finished');
  const rows = open.toSorted(byNextRun).map((job) => [job.id, job.schedule, nextRun(job, now)]);
  const widths = HEAD.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   ')}`.trimEnd();
  return [line(HEAD), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)];
}

function byNextRun(a: JobInfo, b: JobInfo): number {
  return (a.nextRunAt?.getTime() ?? Infinity) - (b.nextRunAt?.getTime() ?? Infinity) || (a.id < b.id ? -1 : 1);
}

function nextRun(job: JobInfo, now: Date): string {
  if (job.state !== 'active') return job.reason ? `${job.state}: ${job.reason}` : job.state;
  if (!job.nextRunAt) return '–';
  const isDue = job.nextRunAt <= now;
  return isDue
    ? `due since ${localTime(job.nextRunAt, now)}`
    : `${localTime(job.nextRunAt, now)} (${relativeTime(job.nextRunAt, now)})`;
}
