import type { Clock } from '../clock/clock.js';
import type { EngineEvents, SchedulerEvents } from '../engine/engine-events.js';
import type { ExecutionInfo, JobInfo } from '../engine/info.js';
import { describeError } from '../engine/json.js';
import { JobStoreUnavailableError } from '../store/errors.js';
import { auditLine } from './audit-lines.js';
import type { QuietLogger } from './quiet-logger.js';

const REPEAT_AFTER_MS = 60_000;
/** How many lines a minute tell of missed fires: after an outage every job may have some. */
const MISSED_LINES = 5;

/** Turns what happens into log lines, for whoever reads them at three in the morning. */
export class SchedulerLogger {
  /** What failed → when that was last said. */
  readonly #saidMs = new Map<string, number>();
  #downSinceMs: number | null = null;
  #hasSaidDown = false;
  /** What came due since something failed. */
  #caughtUp = 0;
  #missed = 0;
  #missedLines = { sinceMs: -Infinity, count: 0 };

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
    events.on('execution.missed', ({ execution }) => this.#missedFires(execution));
    events.on('execution.started', ({ execution }) => void (this.#caughtUp += execution.isCatchUp ? 1 : 0));
    events.on('execution.released', (released) => logger.warn(releasedLine(released)));
    events.on('execution.unrecorded', ({ execution }) =>
      logger.error(
        `${ofJob(execution)} is over or was given up, and the database is away, so that this could not be recorded. ` +
          'When the lease of this node is over, another one runs it again, or abandons it, as its job says with onNodeLoss.',
      ),
    );
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

  #missedFires(execution: ExecutionInfo): void {
    const nowMs = this.clock.monotonicMs();
    this.#missed += execution.instantCount;
    const lines = this.#missedLines;
    if (nowMs - lines.sinceMs >= REPEAT_AFTER_MS) Object.assign(lines, { sinceMs: nowMs, count: 0 });
    lines.count += 1;
    if (lines.count > MISSED_LINES) this.logger.debug(missedLine(execution));
    else this.logger.warn(missedLine(execution));
    if (lines.count === MISSED_LINES)
      this.logger.warn('Further missed fires of this minute are told at the level debug.');
  }

  /** The first failure at once, then at most one line a minute, also when it comes and goes. */
  #failed({ service, error, attempt }: SchedulerEvents['scheduler.failure']): void {
    const nowMs = this.clock.monotonicMs();
    if (this.#downSinceMs === null) {
      this.#downSinceMs = nowMs;
      this.#caughtUp = 0;
      this.#missed = 0;
    }
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
    if (downMs !== null && this.#hasSaidDown) {
      this.logger.log(`Recovered after ${inWords(downMs)}${meanwhile(this.#caughtUp, this.#missed)}.`);
    }
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

function releasedLine({ execution, availableAt }: SchedulerEvents['execution.released']): string {
  return `${ofJob(execution)} is handed over${reasonOf(execution)}. Other nodes may run it from ${availableAt.toISOString()} on; no attempt is spent.`;
}

/** ', 3 missed runs caught up, 12 fires recorded as missed'. */
function meanwhile(caughtUp: number, missed: number): string {
  const parts = [
    ...(caughtUp > 0 ? [`${caughtUp} missed ${caughtUp === 1 ? 'run' : 'runs'} caught up`] : []),
    ...(missed > 0
      ? [`${missed > 1_000 ? 'more than 1,000' : missed} ${missed === 1 ? 'fire' : 'fires'} recorded as missed`]
      : []),
  ];
  return parts.length === 0 ? '' : `, ${parts.join(', ')}`;
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

/** '230 ms', '42 s', '12 min', '3 h'. */
function inWords(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
