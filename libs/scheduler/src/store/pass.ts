import type { ConnectionKeeper, Transaction } from './connection-keeper.js';
import { isUnwritable, Outage } from './database-errors.js';
import { JobStoreUnavailableError, PassUnresolvedError } from './errors.js';
import { newExecutionRow } from './execution-row.js';
import { messageOf } from './is-error.js';
import type {
  Decisions,
  JobCancel,
  JobQuarantine,
  JobSnapshot,
  PassRequest,
  PassResult,
  PassSnapshot,
} from './job-store.js';
import type { JobEntity } from './job.entity.js';
import { notify } from './notifications.js';
import { quarantinedBecause } from './quarantine.js';
import { countFailures } from './statements/count-failures.js';
import { lockDueJobs, lockJobsOfWaiting } from './statements/lock-jobs.js';
import { readActive } from './statements/read-active.js';
import { recordAndClaim } from './statements/record-and-claim.js';
import { requestCancels, type Cancels } from './statements/request-cancels.js';
import type { Tables } from './tables.js';

type Decide = (snapshot: PassSnapshot) => Decisions;
type Written = Omit<PassResult, 'now' | 'paused'>;
interface Looked {
  snapshot: PassSnapshot;
  paused: JobEntity[];
  /** Something was written while it looked. */
  hasCounted: boolean;
}
type Write = (given: PassSnapshot, decisions: Decisions) => Promise<Written>;

/** One turn of the scheduler: lock, look, decide, write. */
export class Pass {
  constructor(
    private readonly keeper: ConnectionKeeper,
    private readonly tables: Tables,
    private readonly request: PassRequest,
    private readonly decide: Decide,
  ) {}

  async run(): Promise<PassResult> {
    try {
      return await this.#attempt((transaction) => (given, decisions) => this.#write(transaction, given, decisions));
    } catch (error) {
      // One value that cannot be stored must not hold up every other job for ever.
      if (!isUnwritable(error)) throw error;
      return await this.#attempt(
        (transaction) => (given, decisions) => this.#writeSingly(transaction, given, decisions),
      );
    }
  }

  async #attempt(writeIn: (transaction: Transaction) => Write): Promise<PassResult> {
    let locked: readonly string[] = [];
    try {
      const share = this.tables.pauseLock;
      const inTransaction = async (transaction: Transaction): Promise<PassResult> => {
        const { snapshot, paused, hasCounted } = await this.#look(transaction);
        locked = [...snapshot.jobs.map(({ job }) => job), ...paused].map(({ uid }) => uid);
        const decisions = this.decide(snapshot);
        if (isEmpty(decisions)) {
          if (!hasCounted) transaction.nothingToCommit();
          return { now: transaction.now, paused, ...nothingWritten() };
        }
        const written = await writeIn(transaction)(snapshot, decisions);
        return { now: transaction.now, paused, ...written };
      };
      return await this.keeper.transaction(inTransaction, { share });
    } catch (error) {
      if (!(error instanceof JobStoreUnavailableError) || error.outcome === 'not-written') throw error;
      throw new PassUnresolvedError(error.message, locked, { cause: error.cause });
    }
  }

  /** Somebody who has the lock alone is about to pause the cluster: until that is decided, nothing is claimed. */
  async #look({ query, now, isShared }: Transaction): Promise<Looked> {
    const nothing = { paused: [], hasCounted: false };
    if (!isShared) return { snapshot: { now, missedUntil: null, jobs: [] }, ...nothing };
    const { jobs: due, missedUntil } = await lockDueJobs(query, this.tables, this.request);
    const isDue = new Set(due.map(({ uid }) => uid));
    const others = await lockJobsOfWaiting(query, this.tables, this.request, [...isDue]);
    const jobs = [...due, ...others];
    if (jobs.length === 0) return { snapshot: { now, missedUntil, jobs: [] }, ...nothing };
    const uids = jobs.map(({ uid }) => uid);
    const { jobs: active, uncounted } = await readActive(query, this.tables, uids, this.request.limit);
    const hasCounted = uncounted.length > 0;
    // what ended while somebody had its job counts before anything more of it is decided
    const paused = hasCounted ? await countFailures(query, this.tables, uncounted) : [];
    const gone = new Set(paused.map(({ uid }) => uid));
    const none = { active: 0, stopping: 0, queued: 0, queuedFires: 0, pending: [] };
    const seen = jobs
      .filter(({ uid }) => !gone.has(uid))
      .map((job) => ({ job, isDue: isDue.has(job.uid), ...(active.get(job.uid) ?? none) }));
    return { snapshot: { now, missedUntil, jobs: seen }, paused, hasCounted };
  }

  async #write({ query, now }: Transaction, given: PassSnapshot, decisions: Decisions): Promise<Written> {
    const jobs = new Map(given.jobs.map(({ job }) => [job.uid, job]));
    const { records, advances, quarantines, claims } = decisions;
    // Before anything is claimed: what starts now is not what shall stop.
    const { cancelled, asked } = await this.#cancel({ query, now }, decisions.cancels);
    const counts = countsOf([...cancelled, ...asked]);
    const counted = advances.map((advance) => ({ ...advance, cancelled: counts.get(advance.uid) ?? 0 }));
    const rows = records.map((record) => newExecutionRow(jobOf(jobs, record.jobUid), record, this.request, now));
    const writes = { rows, advances: counted, quarantines, claims, claim: this.request, now };
    const quarantined = quarantines.filter(({ uid }) => jobOf(jobs, uid).state === 'active');
    const written = await recordAndClaim(query, this.tables, writes);
    return { ...written, cancelled, quarantined };
  }

  /** Others that run what was asked to stop look now; this node does anyway. */
  async #cancel({ query, now }: Pick<Transaction, 'query' | 'now'>, cancels: readonly JobCancel[]): Promise<Cancels> {
    if (cancels.length === 0) return { cancelled: [], asked: [] };
    const done = await requestCancels(query, this.tables, cancels, now);
    if (done.asked.some(({ owner }) => owner !== this.request.incarnation)) await notify(query, this.tables);
    return done;
  }

  /** Job by job, each behind a savepoint; the one that cannot be written is quarantined. */
  async #writeSingly(transaction: Transaction, given: PassSnapshot, decisions: Decisions): Promise<Written> {
    const { query } = transaction;
    const all: Written = nothingWritten();
    for (const each of given.jobs) {
      await query('SAVEPOINT vigil_job');
      try {
        const written = await this.#write(transaction, given, decisionsOf(each, decisions));
        all.recorded.push(...written.recorded);
        all.claimed.push(...written.claimed);
        all.cancelled.push(...written.cancelled);
        all.quarantined.push(...written.quarantined);
      } catch (error) {
        if (error instanceof Outage || !isUnwritable(error)) throw error;
        await query('ROLLBACK TO SAVEPOINT vigil_job');
        const quarantines = [quarantine(each.job, error)];
        const { quarantined } = await this.#write(transaction, given, { ...NOTHING, quarantines });
        all.quarantined.push(...quarantined);
      }
      await query('RELEASE SAVEPOINT vigil_job');
    }
    return all;
  }
}

const NOTHING: Decisions = { records: [], advances: [], quarantines: [], claims: [], cancels: [] };

function nothingWritten(): Written {
  return { recorded: [], claimed: [], cancelled: [], quarantined: [] };
}

function isEmpty(decisions: Decisions): boolean {
  return Object.values(decisions).every((list: readonly unknown[]) => list.length === 0);
}

function countsOf(rows: readonly { jobUid: string }[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { jobUid } of rows) counts.set(jobUid, (counts.get(jobUid) ?? 0) + 1);
  return counts;
}

function jobOf(jobs: ReadonlyMap<string, JobEntity>, uid: string): JobEntity {
  const job = jobs.get(uid);
  if (job) return job;
  throw new Error(`There is no job with the uid "${uid}" in the snapshot. Record only jobs that this pass has locked.`);
}

function decisionsOf({ job, pending }: JobSnapshot, decisions: Decisions): Decisions {
  const waiting = new Set(pending.map(({ id }) => id));
  return {
    records: decisions.records.filter(({ jobUid }) => jobUid === job.uid),
    advances: decisions.advances.filter(({ uid }) => uid === job.uid),
    quarantines: decisions.quarantines.filter(({ uid }) => uid === job.uid),
    claims: decisions.claims.filter((id) => waiting.has(id)),
    cancels: decisions.cancels.filter(({ uid }) => uid === job.uid),
  };
}

function quarantine({ uid, id }: JobEntity, error: unknown): JobQuarantine {
  const message = messageOf(error);
  return { uid, reason: quarantinedBecause(id, `What was decided for it cannot be stored: ${message}`) };
}
