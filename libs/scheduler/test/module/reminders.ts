import { Injectable } from '@nestjs/common';
import { JobContext, JobHandler, MemoryJobStore, ScheduledJob } from 'nestjs-vigil';
import { ManualClock } from 'nestjs-vigil-testing';

import { boot, type Booted, type BootOptions } from './support.js';

export const MINUTE = 60_000;
export const NOW = '2026-01-01T00:00:00.000Z';

@Injectable()
export class Reminders {
  @JobHandler({ key: 'remind', priority: 4, timeoutMs: 9_000 })
  remind(context: JobContext<{ user: string }>): string {
    return `reminded ${context.data.user}`;
  }
  @JobHandler()
  plain(): void {}
  @ScheduledJob({ id: 'declared', every: '1h' })
  declared(): void {}
  undecorated(): void {}
}
@Injectable()
export class LoudReminders extends Reminders {}

/** Runs nothing, and stands at 2026-01-01T00:00Z: what is written can be looked at. */
export async function managing(options: BootOptions = {}): Promise<Booted & { clock: ManualClock }> {
  const clock = new ManualClock(NOW);
  const scheduler = {
    store: new MemoryJobStore({ clock }),
    runJobs: false,
    executors: { reports: { concurrency: 1 } },
  };
  return { clock, ...(await boot({ providers: [Reminders], scheduler, clock, ...options })) };
}
export const at = (minutes: number): Date => new Date(Date.parse(NOW) + minutes * MINUTE);
