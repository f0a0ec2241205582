import type { Clock } from '../clock/clock.js';
import type { EngineEvents, SchedulerEvents } from '../engine/engine-events.js';
import { messageWithCause } from '../engine/json.js';
import type { ExecutionInfo, JobInfo } from '../engine/info.js';
import { PAUSED_BY } from '../store/failures.js';
import { OutageLines } from './outage-lines.js';
import { auditLine } from './audit-lines.js';
import { MissedLines } from './missed-lines.js';
import { PauseLines } from './pause-lines.js';
import type { QuietLogger } from './quiet-logger.js';

/** Turns what happens into log lines, for whoever reads them at three in the morning. */
export class SchedulerLogger {
  readonly #outages: OutageLines;
  readonly #missed: MissedLines;
  readonly #pauses: PauseLines;

  constructor(
    private readonly logger: QuietLogger,
    clock: Clock,
    nodeName: string,
  ) {
    this.#missed = new MissedLines(logger, clock);
    this.#pauses = new PauseLines(logger);
    this.#outages = new OutageLines(logger, clock, nodeName);
  }

  listen(events: EngineEvents): void {
    events.on('scheduler.failure', (failure) => this.#outages.failed(failure));
    events.on('scheduler.state', (change) => {
      this.#outages.changed(change);
      this.#pauses.changed(change);
      this.#changed(change);
    });
    this.#listenToJobs(events);
    this.#listenToExecutions(events);
  }

  #listenToJobs(events: EngineEvents): void {
    const { logger } = this;
    events.on('job.added', ({ job }) => {
      if (job.state !== 'finished') logger.debug(`${named(job)} was added: ${job.schedule}.`);
      else
        logger.warn(
          `${named(job)} was added and will never run: after now its schedule (${job.schedule}) has no fire.`,
        );
    });
    events.on('job.modified', ({ job, changed, reason, by }) =>
      logger.log(`${named(job)} was modified${because({ reason, by })} (${changed.join(', ')}).`),
    );
    events.on('job.removed', ({ job }) => logger.log(`${named(job)} was removed.`));
    events.on('job.paused', ({ job }) => {
      if (job.by !== PAUSED_BY) return logger.log(`${named(job)} was paused${because(job)}.`);
      logger.error(
        `${named(job)} was paused${because(job)}. Its schedule stands still: mend the cause, then call resumeJob("${job.id}").`,
      );
    });
    events.on('job.resumed', ({ job }) => logger.log(`${named(job)} was resumed${because(job)}.`));
    events.on('job.quarantined', ({ job }) =>
      logger.error(`${named(job)} cannot be run and is quarantined; all others go on. Why: ${job.reason ?? 'unknown'}`),
    );
    events.on('job.rescheduled', ({ job, before, zoneData }) =>
      logger.log(
        `${named(job)} runs next at ${job.nextRunAt?.toISOString()} and not at ${before.toISOString()}: ` +
          `the time zone data of this node (${zoneData}) are newer than those it was computed with.`,
      ),
    );
    events.on('job.orphaned', ({ job }) => {
      const what = job.source === 'code' ? 'declared it' : `had its handler "${job.handler}"`;
      logger.warn(`${named(job)} is orphaned: for a day no live node has ${what}.`);
    });
    events.on('job.left', ({ job, appeared }) =>
      logger.warn(
        `${named(job)} left, "${appeared}" appeared with the same schedule (${job.schedule}). If that is the same job ` +
          `under a new name, keep id: '${job.id}', or it starts without its history, count and pauses.`,
      ),
    );
    events.on('job.taken', ({ job }) =>
      logger.warn(
        `${named(job)} is declared by a @ScheduledJob, and was added at run time before: the one that was added goes on, ` +
          'and the declared one does not run. Give the declared one another id.',
      ),
    );
  }

  #listenToExecutions(events: EngineEvents): void {
    const { logger } = this;
    events.on('execution.failed', (event) => {
      if (event.retryAt !== null) logger.warn(failureLine(event));
      else logger.error(failureLine(event), event.execution.error?.stack);
    });
    events.on('execution.timed-out', ({ execution }) =>
      logger.error(
        `${ofJob(execution)} took longer than its timeoutMs and was told to stop (attempt ${execution.attempt}).`,
      ),
    );
    events.on('execution.abandoned', ({ execution }) =>
      logger.error(`${ofJob(execution)} was given up${reasonOf(execution)}. It will not be run again.`),
    );
    events.on('execution.cancelled', ({ execution }) =>
      logger.log(`${ofJob(execution)} was cancelled${reasonOf(execution)}.`),
    );
    events.on('execution.missed', ({ execution }) => {
      this.#outages.missed(execution.instantCount);
      this.#missed.add(execution);
    });
    events.on('execution.started', ({ execution }) => {
      if (execution.isCatchUp) this.#outages.caughtUp();
    });
    events.on('execution.released', (released) => logger.warn(releasedLine(released)));
    events.on('execution.unrecorded', ({ execution }) =>
      logger.error(
        `${ofJob(execution)} is over or was given up, and this could not be recorded in time. ` +
          'When the lease of this node is over, another one runs it again, or abandons it, as its job says with onNodeLoss.',
      ),
    );
    events.on('execution.skipped', ({ execution }) =>
      logger.debug(`${ofJob(execution)} was skipped${reasonOf(execution)}.`),
    );
    events.on('execution.taken-over', ({ execution }) =>
      logger.warn(
        `${ofJob(execution)} was judged lost while it ran here: what was made of it since then stands, and this outcome is not recorded.`,
      ),
    );
    events.on('execution.rescued', (rescued) => logger.warn(rescuedLine(rescued)));
    events.on('audit.repaired', (repaired) => logger.warn(auditLine(repaired)));
  }

  #changed({ to }: SchedulerEvents['scheduler.state']): void {
    if (to === 'draining') this.logger.log('Shutting down: nothing new is started; what runs may finish.');
    if (to === 'stopped') this.logger.log('Stopped.');
  }
}

function failureLine({ execution, retryAt }: SchedulerEvents['execution.failed']): string {
  const { error, attempt } = execution;
  const why = error === null ? 'unknown error' : `${error.name}: ${messageWithCause(error)}`;
  const next = retryAt === null ? 'There is no further attempt' : `The next attempt is at ${retryAt.toISOString()}`;
  return `${ofJob(execution)} failed at attempt ${attempt}: ${why}. ${next}.`;
}

const AFTER_RESCUE: Record<SchedulerEvents['execution.rescued']['status'], string> = {
  pending: 'It will be run again',
  abandoned: 'It will not be run again',
  cancelled: 'It is cancelled: it had been asked to stop, or its job is gone',
};

function rescuedLine({ executionId, jobId, node, status, reason }: SchedulerEvents['execution.rescued']): string {
  const where = node === null ? 'a node that died' : `node "${node}", which died`;
  const why = status === 'abandoned' && reason !== null ? `: ${reason}` : '';
  return `Job "${jobId}" (execution ${executionId}) was running on ${where}. ${AFTER_RESCUE[status]}${why}.`;
}

function releasedLine({ execution, availableAt }: SchedulerEvents['execution.released']): string {
  return `${ofJob(execution)} is handed over${reasonOf(execution)}. It may be run again from ${availableAt.toISOString()} on; no attempt is spent.`;
}

function named(job: JobInfo): string {
  return `Job "${job.id}"`;
}
function ofJob({ jobId, id }: ExecutionInfo): string {
  return `Job "${jobId}" (execution ${id})`;
}
function because({ reason = null, by = null }: { reason?: string | null; by?: string | null }): string {
  return `${by === null ? '' : ` by ${by}`}${reason === null ? '' : `: ${reason}`}`;
}
function reasonOf({ reason }: ExecutionInfo): string {
  return reason === null ? '' : `: ${reason}`;
}
