import type { ExecutionInfo, SchedulerEvents, SchedulerService } from 'nestjs-vigil';
import { columns, failureDetail, instants, resultDetail } from './run.lines.js';
import { clockTime, duration, oneLine } from './words.js';

/** A long run says how far it is each time another quarter is done. */
const PROGRESS_STEPS = 4;

/** Turns what the scheduler says into lines: one for each run, retry, missed or skipped fire, and change of state. */
export class RunPrinter {
  readonly #running = new Map<string, { jobId: string; step: number; startedMs: number }>();

  constructor(
    scheduler: SchedulerService,
    private readonly print: (line: string) => void,
  ) {
    const line = (execution: ExecutionInfo, detail: string, status?: string): void => {
      const startedMs = this.#running.get(execution.id)?.startedMs;
      this.#running.delete(execution.id);
      const tookMs = startedMs === undefined ? null : performance.now() - startedMs;
      print(columns(execution.jobId, status ?? execution.status, tookMs, `for ${instants(execution)}`, detail));
    };
    scheduler.on('execution.started', ({ execution: { id, jobId, progress } }) => {
      this.#running.set(id, { jobId, step: stepOf(progress?.fraction ?? 0), startedMs: performance.now() });
    });
    scheduler.on('execution.progress', (event) => this.#progress(event));
    scheduler.on('execution.succeeded', ({ execution }) => line(execution, resultDetail(execution)));
    scheduler.on('execution.failed', ({ execution, retryAt }) =>
      line(execution, failureDetail(execution, retryAt), retryAt ? 'retry' : 'failed'),
    );
    for (const event of ['missed', 'skipped', 'cancelled', 'timed-out', 'abandoned'] as const) {
      scheduler.on(`execution.${event}`, ({ execution }) => line(execution, oneLine(execution.reason ?? '')));
    }
    scheduler.on('execution.taken-over', ({ execution }) =>
      line(execution, 'another process has taken it over: its word counts', 'taken-over'),
    );
    scheduler.on('job.quarantined', ({ job }) =>
      print(columns(job.id, 'quarantine', null, '', oneLine(job.reason ?? ''))),
    );
    scheduler.on('scheduler.state', (change) => this.#state(change));
  }

  /** The jobs whose runs have not ended. */
  get running(): string[] {
    return [...new Set([...this.#running.values()].map(({ jobId }) => jobId))];
  }

  #progress({ execution, fraction, message }: SchedulerEvents['execution.progress']): void {
    const run = this.#running.get(execution.id);
    const step = stepOf(fraction);
    if (!run || step <= run.step || step >= PROGRESS_STEPS) return;
    run.step = step;
    const percent = `${Math.round(fraction * 100)} %`;
    this.print(columns(execution.jobId, 'running', null, percent.padEnd(12), message ?? ''));
  }

  #state({ from, to, error, downMs }: SchedulerEvents['scheduler.state']): void {
    const say = (text: string): void => this.print(`${clockTime(new Date())}  ${text}`);
    if (to === 'degraded' || (to === 'disconnected' && from !== 'recovering')) {
      say(`scheduler is ${to}: ${oneLine(error?.message ?? 'no reason given')}`);
    }
    if (to === 'running' && downMs !== null) say(`scheduler is running again after ${duration(downMs)}`);
  }
}

function stepOf(fraction: number): number {
  return Math.floor(fraction * PROGRESS_STEPS);
}
