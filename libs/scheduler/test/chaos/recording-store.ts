import type { Transition, TransitionState } from 'nestjs-vigil-testing';

import type { Clock } from '../../src/clock/clock.js';
import type { JobExecutionEntity } from '../../src/store/job-execution.entity.js';
import type { Decisions, JobStore, PassResult, PassSnapshot, Rescued } from '../../src/store/job-store.js';

interface Write {
  at: Date;
  applicationName: string;
  holderLeaseUntil: Date | null;
  /** The rows as they were just after the write. */
  rows: Promise<readonly (JobExecutionEntity | null)[]>;
  /** Which they are is known with the answer, when somebody may have claimed them already. */
  rescued: Promise<readonly Rescued[]>;
  /** As a pass left them: nobody touches them any more. */
  cancelled: Promise<readonly JobExecutionEntity[]>;
}
type Recorded = Pick<JobExecutionEntity, 'id' | 'jobId' | 'jobUid' | 'nodeName'> & TransitionState;

/**
 * Writes down what a memory store does to its executions, as `recordTransitions` does in a database. It relies on that
 * store doing its work within the call: what it is asked next sees exactly what the call left.
 */
export class TransitionRecorder {
  readonly #writes: Write[] = [];
  readonly #leases = new Map<string, Date>();

  constructor(
    private readonly inner: JobStore,
    private readonly clock: Clock,
  ) {}

  /** The store, for one node. */
  storeOf(nodeName: string): JobStore {
    return new Proxy(this.inner, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => this.#call(nodeName, key as keyof JobStore, args);
      },
    });
  }

  async transitions(): Promise<Transition[]> {
    const found: Transition[] = [];
    const rows = new Map<string, Recorded>();
    for (const { rows: written, rescued, cancelled, ...write } of this.#writes) {
      const changed = [
        ...(await cancelled),
        ...(await written).filter((row) => row !== null),
        ...takenOver(await rescued, rows, write.at),
      ];
      for (const row of changed) {
        const before = rows.get(row.id);
        const [from, to] = [before ? stateOf(before) : null, stateOf(row)];
        if (JSON.stringify(from) === JSON.stringify(to)) continue;
        const { id: executionId, jobId, jobUid, nodeName } = row;
        rows.set(row.id, row);
        found.push({ ...write, sequence: found.length, executionId, jobId, jobUid, nodeName, from, to, backendPid: 0 });
      }
    }
    return found;
  }

  #call(nodeName: string, verb: keyof JobStore, args: unknown[]): unknown {
    const touched: string[] = [];
    if (verb === 'pass') {
      const decide = args[1] as (snapshot: PassSnapshot) => Decisions;
      args = [args[0], (snapshot: PassSnapshot) => note(decide(snapshot), touched)];
    }
    const answer = (Reflect.get(this.inner, verb) as (...args: unknown[]) => unknown).apply(this.inner, args);
    if (verb === 'complete') touched.push(...(args[0] as { executionId: string }[]).map((each) => each.executionId));
    if (verb === 'cancelExecution') touched.push(args[0] as string);
    if (verb === 'addManualExecution') touched.push((args[1] as { id: string }).id);
    const cancelled =
      verb === 'pass'
        ? (answer as Promise<PassResult>).then(
            (result) => result.cancelled,
            () => [],
          )
        : Promise.resolve([]);
    const rescued = verb === 'rescue' ? (answer as Promise<Rescued[]>).catch(() => []) : Promise.resolve([]);
    const holderLeaseUntil = verb === 'rescue' ? (this.#leases.get(args[0] as string) ?? null) : null;
    const submitted = verb === 'addBackfill' ? this.#batch(args as Parameters<JobStore['addBackfill']>) : null;
    if (verb === 'rescue' || verb === 'addBackfill' || touched.length > 0)
      this.#writes.push({
        at: this.clock.now(),
        applicationName: nodeName,
        holderLeaseUntil,
        rows: submitted ?? this.#rows(touched),
        rescued,
        cancelled,
      });
    if (verb === 'beat') this.#leases.set(args[0] as string, this.#after(args[1] as number));
    if (verb === 'retireNode') this.#leases.set(args[0] as string, this.clock.now());
    return answer;
  }

  async #rows(ids: readonly string[]): Promise<(JobExecutionEntity | null)[]> {
    const found = await Promise.all(ids.map((id) => this.inner.getExecution(id)));
    return found.map((each) => each?.execution ?? null);
  }

  async #batch([jobId, { batchId }]: Parameters<JobStore['addBackfill']>): Promise<JobExecutionEntity[]> {
    const { items } = await this.inner.getExecutions({ jobId, status: 'pending', limit: 1_000 });
    return items.map(({ execution }) => execution).filter((row) => row.batchId === batchId);
  }

  #after(ms: number): Date {
    return new Date(this.clock.now().getTime() + ms);
  }
}

function note(decisions: Decisions, touched: string[]): Decisions {
  touched.push(...decisions.records.map(({ id }) => id), ...decisions.claims);
  return decisions;
}

/** As the rescue left them. */
function takenOver(rescued: readonly Rescued[], rows: ReadonlyMap<string, Recorded>, at: Date): Recorded[] {
  return rescued.flatMap(({ executionId, status }) => {
    const row = rows.get(executionId);
    if (row === undefined) return [];
    const attempt = status === 'pending' ? row.attempt - 1 : row.attempt;
    return { ...row, status, attempt, owner: null, leaseEpoch: row.leaseEpoch + 1, availableAt: at };
  });
}

function stateOf({ status, leaseEpoch, owner, attempt, availableAt }: TransitionState): TransitionState {
  return { status, leaseEpoch, owner, attempt, availableAt };
}
