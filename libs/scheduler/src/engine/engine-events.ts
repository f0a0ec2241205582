import type { FindingKind, Repaired, Rescued } from '../store/job-store.js';
import type { Logger } from './engine-logger.js';
import type { ExecutionInfo, JobInfo } from './info.js';
import { describeError, messageWithCause } from './json.js';

/** `paused`: it works, and starts nothing. `degraded`: something failed once, or notifications are not heard; jobs run. `disconnected`: it goes on failing. `recovering`: connected again, not yet at work. */
export type SchedulerState =
  'stopped' | 'starting' | 'running' | 'paused' | 'degraded' | 'disconnected' | 'recovering' | 'draining';

interface OfJob {
  job: JobInfo;
}
interface OfExecution {
  execution: ExecutionInfo;
}
/** What happens, by name. No event is called `error`: an emitter throws when nobody listens to that one. */
export type SchedulerEvents = Record<
  | 'job.added'
  | 'job.removed'
  | 'job.paused'
  | 'job.resumed'
  | 'job.quarantined'
  | 'job.orphaned'
  /** A declared job is not brought in: its id belongs to this one, which was added at run time. */
  | 'job.taken',
  OfJob
> &
  Record<
    | 'execution.started'
    | 'execution.succeeded'
    | 'execution.missed'
    | 'execution.skipped'
    | 'execution.cancelled'
    | 'execution.timed-out'
    | 'execution.abandoned'
    /** Another node's word counts: what this one reported was refused. */
    | 'execution.taken-over',
    OfExecution
  > & {
    /** `changed`: the options that have another value now. `reason` and `by` are those of the change. */
    'job.modified': OfJob & { changed: readonly string[]; reason: string | null; by: string | null };
    /** Newer time zone data moved its next run, which was at `before`. `zoneData`: such as '2026b'. */
    'job.rescheduled': OfJob & { before: Date; zoneData: string | null };
    /** No live node declares the job any more, and one with the same schedule is new: `appeared`, its id. */
    'job.left': OfJob & { appeared: string };
    /** At a shutdown: a run that did not end in time is offered to other nodes from `availableAt` on; no attempt is spent. */
    'execution.released': OfExecution & { availableAt: Date };
    /** At the end of a shutdown: how this run ended could not be written, so that another node finds it when the lease is over. */
    'execution.unrecorded': OfExecution;
    /** A dead node's run was taken over: offered again, or ended as its job says. */
    'execution.rescued': Rescued;
    /** A state that must not exist was found twice. `now`: the row's status or state; null: it needs a person's hand. */
    'audit.repaired': { what: FindingKind; id: string; now: Repaired | null };
    /** `retryAt`: when the next attempt is due; null: this was the last one. */
    'execution.failed': OfExecution & { retryAt: Date | null };
    'execution.progress': OfExecution & { fraction: number; message: string | null };
    /** A line of `context.logger`, on the node that runs it: cut, and without passwords of connection strings. */
    'execution.log': OfExecution & { level: 'log' | 'warn' | 'error'; message: string; at: Date };
    /**
     * `downMs`: how long nothing worked, when it works again. `reason`: of a pause, who has paused what, and why; of its end,
     * ' by anna: done' if that was said on this node.
     */
    'scheduler.state': {
      from: SchedulerState;
      to: SchedulerState;
      error: Error | null;
      downMs: number | null;
      reason: string | null;
    };
    /** The loop or a service caught something: what, how often in a row, when it tries again. */
    'scheduler.failure': { service: string; error: Error; attempt: number; retryInMs: number };
  };

type Listener = (event: never) => unknown;

/** Tells listeners what happens. A listener that throws, rejects or never settles changes nothing. */
export class EngineEvents {
  readonly #listeners = new Map<keyof SchedulerEvents, Set<Listener>>();

  constructor(private readonly onListenerFailure: (event: string, error: unknown) => void) {}

  /** Returns the function that ends the subscription. */
  on<E extends keyof SchedulerEvents>(event: E, listener: (event: SchedulerEvents[E]) => unknown): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener as Listener);
    return () => void listeners.delete(listener as Listener);
  }

  emit<E extends keyof SchedulerEvents>(event: E, payload: SchedulerEvents[E]): void {
    // one that subscribes again while it is called would be called for ever
    const listeners = [...(this.#listeners.get(event) ?? [])];
    for (const listener of listeners) {
      void this.#call(event, listener as (event: SchedulerEvents[E]) => unknown, payload);
    }
  }

  async #call<E extends keyof SchedulerEvents>(
    event: E,
    listener: (event: SchedulerEvents[E]) => unknown,
    payload: SchedulerEvents[E],
  ): Promise<void> {
    try {
      await listener(payload);
    } catch (error) {
      this.#report(event, error);
    }
  }

  /** The report may end in a user's logger, which may throw as well. */
  #report(event: string, error: unknown): void {
    try {
      this.onListenerFailure(event, error);
    } catch {
      // Nothing is left that could be told.
    }
  }
}

/** Tells of a listener's failure in the log. */
export function listenerFailureTo(logger: Logger): (event: string, error: unknown) => void {
  return (event, error) => logger.warn(`A listener of "${event}" failed: ${messageWithCause(describeError(error))}`);
}
