import type { EngineEvents } from './engine-events.js';
import { executionInfo, jobInfo } from './info.js';
import type { LoopParts } from './scheduler-loop.js';

/** Tells what a pass has recorded that will not run, and which jobs it has quarantined or paused. */
export function tellDecided(
  events: EngineEvents,
  ...[decided, quarantined, paused]: Parameters<LoopParts['onDecided']>
): void {
  for (const execution of decided) {
    const { status } = execution;
    if (status !== 'missed' && status !== 'skipped' && status !== 'cancelled') continue;
    events.emit(`execution.${status}`, { execution: executionInfo(execution) });
  }
  for (const job of quarantined) events.emit('job.quarantined', { job: jobInfo(job) });
  for (const job of paused) events.emit('job.paused', { job: jobInfo(job) });
}
