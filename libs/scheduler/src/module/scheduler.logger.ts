import type { Clock } from '../clock/clock.js';
import type { EngineEvents, SchedulerEvents } from '../engine/engine-events.js';
import type { ExecutionInfo, JobInfo } from '../engine/info.js';
import { describeError } from '../engine/json.js';
import { JobStoreUnavailableError } from '../store/errors.js';
import { auditLine } from './audit-lines.js';
import type { QuietLogger } from './quiet-logger.js';

const REPEAT_AFTER_MS = 60_000;

/** Turns what happens into log lines, for whoever reads them at three in the morning. */
export class SchedulerLogger {
  /** What failed → when that was last said. */
  readonly #saidMs = new Map<string, number>();
  #downSinceMs: number | null = null;
  #hasSaidDown = false;

  constructor(
    private readonly logger: QuietLogger,
    private readonly clock: Clock,
    private readonly nodeName: string,
  ) {}

  listen(events: EngineEvents): void {
    events.on('scheduler.failure', (failure) => this.#failed(failure));
    events.on('scheduler.state', (change) => this.#changed(change));
    this.#listenToJobs(events);
    this.#listenToExecutions(events);
  }

  #listenToJobs(events: EngineEvents): void {
    const { logger } = this;
    events.on('job.added', ({ job }) => logger.debug(`${named(job)} was added: ${job.schedule}.`));
    events.on('job.removed', ({ job }) => logger.log(`${named(job)} was removed.`));
    events.on('job.paused', ({ job }) => logger.log(`${named(job)} was paused${because(job)}.`));
    events.on('job.resumed', ({ job }) => logger.log(`${named(job)} was resumed${because(job)}.`));
    events.on('job.quarantined', ({ job }) =>
      logger.error(`${named(job)} cannot be run and is quarantined; all others go on. Why: ${job.reason ?? 'unknown'}`),
    );
    events.on('job.orphaned', ({ job }) =>
      logger.warn(`${named(job)} is orphaned: for a day no live node has had its handler "${job.handler}".`),
    );
  }

  #listenToExecutions(events: EngineEvents): void {
    const { logger } = this;
    events.on('execution.failed', (event) => logger.warn(failureLine(event)));
    events.on('execution.timed-out', ({ execution }) =>
      logger.warn(
        `${ofJob(execution)} took longer than its timeoutMs and was told to stop (attempt ${execution.attempt}).`,
      ),
    );
    events.on('execution.abandoned', ({ execution }) =>
      logger.error(`${ofJob(execution)} was given up${reasonOf(execution)}. It will not be run again.`),
    );
    events.on('execution.cancelled', ({ execution }) =>
      logger.log(`${ofJob(execution)} was cancelled${reasonOf(execution)}.`),
    );
    events.on('execution.missed', ({ execution }) => logger.warn(missedLine(execution)));
    events.on('execution.skipped', ({ execution }) =>
      logger.debug(`${ofJob(execution)} was skipped${reasonOf(execution)}.`),
    );
    events.on('execution.taken-over', ({ execution }) =>
      logger.warn(
        `${ofJob(execution)} was taken over by another node while it ran here: the other one's outcome counts, this one's is not recorded.`,
      ),
    );
    events.on('execution.rescued', (rescued) => logger.warn(rescuedLine(rescued)));
    events.on('audit.repaired', (repaired) => logger.warn(auditLine(repaired)));
  }

  /** The first failure at once, then at most one line a minute, also when it comes and goes. */
  #failed({ service, error, attempt }: SchedulerEvents['scheduler.failure']): void {
    const nowMs = this.clock.monotonicMs();
    this.#downSinceMs ??= nowMs;
    const isOutage = error instanceof JobStoreUnavailableError;
    const what = isOutage ? 'database' : service;
    const said = this.#saidMs.get(what);
    if (said !== undefined && nowMs - said < REPEAT_AFTER_MS) return;
    this.#saidMs.set(what, nowMs);
    this.#hasSaidDown = true;
    const { message } = describeError(error);
    const downMs = nowMs - this.#downSinceMs;
    const since = downMs >= REPEAT_AFTER_MS ? ` for ${inWords(downMs)}` : '';
    this.logger.error(
      isOutage
        ? `The database cannot be reached${since}: ${message}. No job is lost; what becomes due waits. Trying again until it is back.`
        : `The scheduler's ${service} has been failing${since} (attempt ${attempt}): ${message}. Trying again.`,
    );
  }

  #changed({ to, from, downMs }: SchedulerEvents['scheduler.state']): void {
    if (to === 'running') this.#running(from, downMs);
    if (to === 'paused') this.logger.log('Paused: nothing is started until it is resumed.');
    if (to === 'draining') this.logger.log('Shutting down: nothing new is started; what runs may finish.');
    if (to === 'stopped') this.logger.log('Stopped.');
  }

  #running(from: SchedulerEvents['scheduler.state']['from'], downMs: number | null): void {
    if (from === 'starting') this.logger.log(`Running as node "${this.nodeName}".`);
    if (downMs !== null && this.#hasSaidDown) this.logger.log(`Recovered after ${inWords(downMs)}.`);
    this.#downSinceMs = null;
    this.#hasSaidDown = false;
  }
}

function failureLine({ execution, retryAt }: SchedulerEvents['execution.failed']): string {
  const { error, attempt } = execution;
  const why = error === null ? 'unknown error' : `${error.name}: ${error.message}`;
  const next = retryAt === null ? 'There is no further attempt' : `The next attempt is at ${retryAt.toISOString()}`;
  return `${ofJob(execution)} failed at attempt ${attempt}: ${why}. ${next}.`;
}

const AFTER_RESCUE: Record<SchedulerEvents['execution.rescued']['status'], string> = {
  pending: 'It will be run again.',
  abandoned: 'It will not be run again: its job says so with onNodeLoss, or it took down too many processes.',
  cancelled: 'It is cancelled: it had been asked to stop, or its job is gone.',
};

function rescuedLine({ executionId, jobId, status }: SchedulerEvents['execution.rescued']): string {
  return `Job "${jobId}" (execution ${executionId}) was running on a node that died. ${AFTER_RESCUE[status]}`;
}

function missedLine(execution: ExecutionInfo): string {
  const { jobId, scheduledAt, untilAt, instantCount } = execution;
  const count = instantCount > 1_000 ? 'more than 1,000 fires' : `${instantCount} fires`;
  const what =
    untilAt === null
      ? `its fire of ${scheduledAt.toISOString()}`
      : `${count}, from ${scheduledAt.toISOString()} to ${untilAt.toISOString()}`;
  return `Job "${jobId}" missed ${what}${reasonOf(execution)}.`;
}

function named(job: JobInfo): string {
  return `Job "${job.id}"`;
}
function ofJob({ jobId, id }: ExecutionInfo): string {
  return `Job "${jobId}" (execution ${id})`;
}
function because({ reason, by }: JobInfo): string {
  return `${by === undefined ? '' : ` by ${by}`}${reason === undefined ? '' : `: ${reason}`}`;
}
function reasonOf({ reason }: ExecutionInfo): string {
  return reason === null ? '' : `: ${reason}`;
}

/** '42 s', '12 min', '3 h'. */
function inWords(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
