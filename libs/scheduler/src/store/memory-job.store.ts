import { systemClock, type Clock } from '../clock/clock.js';
import type { Finding } from './audit-finding.js';
import { copyOf } from './copy.js';
import { JobStoreConfigurationError } from './errors.js';
import type {
  ChangeJob,
  ConflictRule,
  DeclaredJob,
  ExecutionFilter,
  JobFilter,
  JobStore,
  NewBackfill,
  NewManualExecution,
  NewRetry,
  NodeRegistration,
  OutcomeRecord,
  PassRequest,
  PlanJobs,
  ProgressUpdate,
  PassSnapshot,
  PauseNote,
  Decisions,
  StoreCall,
} from './job-store.js';
import * as audits from './memory-audit.js';
import { MemoryData } from './memory-data.js';
import * as jobs from './memory-jobs.js';
import * as nodes from './memory-nodes.js';
import * as outcomes from './memory-outcomes.js';
import * as passes from './memory-pass.js';
import * as pauses from './memory-pauses.js';
import * as queries from './memory-queries.js';

/** How many jobs are handed over at once. */
const PAGE = 500;

/** Jobs that live as long as the process: for tests, and to try things out. Several schedulers may share one. */
export class MemoryJobStore implements JobStore {
  readonly kind = 'memory';
  readonly #data = new MemoryData();
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #schedulerName: string | null = null;

  constructor(options: { clock?: Clock } = {}) {
    this.#clock = options.clock ?? systemClock;
  }

  async open(schedulerName: string): Promise<void> {
    this.#schedulerName ??= schedulerName;
    if (this.#schedulerName === schedulerName) return;
    throw new JobStoreConfigurationError(
      `This store holds the jobs of the scheduler "${this.#schedulerName}". Give "${schedulerName}" a store of its own.`,
    );
  }

  /** There is no connection: what the schedulers share goes on. */
  async reconnect(): Promise<void> {}

  /** The jobs stay: another scheduler may share them, and the store may be opened again. */
  async close(): Promise<void> {}

  listen(onWake: () => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return resolve();
      const end = (): void => {
        this.#listeners.delete(listener);
        signal.removeEventListener('abort', stop);
      };
      const stop = (): void => resolve(end());
      const listener = (): void => {
        try {
          onWake();
        } catch (error) {
          end();
          reject(error as Error);
        }
      };
      this.#listeners.add(listener);
      signal.addEventListener('abort', stop, { once: true });
      listener();
    });
  }

  async peek(capabilities: readonly string[], blocked: readonly string[], incarnation?: string) {
    return this.#read((data, now) => passes.peekAt(data, { capabilities, blocked, incarnation }, now));
  }

  async pass(request: PassRequest, decide: (snapshot: PassSnapshot) => Decisions) {
    const { isHeardElsewhere, ...result } = this.#write((data, now) => passes.runPass(data, request, decide, now));
    if (isHeardElsewhere) this.#tell();
    return result;
  }

  async resolve(incarnation: string, _jobs: readonly string[]) {
    return this.#read((data) =>
      data.ownedBy(incarnation).map((execution) => ({ execution, job: data.jobByUid(execution.jobUid) ?? null })),
    );
  }

  async complete(records: readonly OutcomeRecord[]) {
    return this.#write((data, now) => records.map((outcome) => outcomes.completeOne(data, outcome, now)));
  }

  async saveProgress(updates: readonly ProgressUpdate[]) {
    this.#write((data) => updates.forEach((update) => outcomes.saveProgress(data, update)));
    return [];
  }

  async registerNode(node: NodeRegistration) {
    this.#write((data, now) => nodes.registerNode(data, node, now));
  }

  async beat(incarnation: string, leaseMs: number) {
    return this.#write((data, now) => nodes.beat(data, incarnation, leaseMs, now));
  }

  async retireNode(incarnation: string) {
    this.#write((data, now) => nodes.retireNode(data, incarnation, now));
  }

  async rescue(incarnation: string, beat: string) {
    return this.#announce((data, now) => nodes.rescue(data, incarnation, beat, now));
  }

  async clusterPause() {
    return this.#read((data) => data.pauses.pause);
  }

  async pauseCluster(note: PauseNote, call?: StoreCall) {
    refuseManager(call);
    return this.#announce((data, now) => pauses.pauseCluster(data, note, now));
  }

  async resumeCluster(how: { catchUp: boolean }, call?: StoreCall) {
    refuseManager(call);
    return this.#announce((data, now) => pauses.resumeCluster(data, how, now));
  }

  async syncJobs(declared: readonly DeclaredJob[], reconcile: Parameters<JobStore['syncJobs']>[1]) {
    return this.#announce((data, now) => jobs.syncJobs(data, declared, reconcile, now));
  }

  async undeclaredJobs() {
    return this.#read((data, now) => jobs.undeclaredJobs(data, now));
  }

  async addJobs(plan: PlanJobs, onConflict: ConflictRule, call?: StoreCall) {
    refuseManager(call);
    const planned = await plan(this.#clock.now());
    return this.#announce((data) => planned.map((job) => jobs.addJob(data, job, onConflict)));
  }

  async changeJob(id: string, change: ChangeJob, call?: StoreCall) {
    refuseManager(call);
    return this.#announce((data, now) => jobs.changeJob(data, id, change, now));
  }

  async removeJob(id: string, call?: StoreCall) {
    refuseManager(call);
    return this.#write((data, now) => jobs.removeJob(data, id, now));
  }

  async addManualExecution(jobId: string, execution: NewManualExecution, call?: StoreCall) {
    refuseManager(call);
    return this.#announce((data, now) => jobs.addManualExecution(data, jobId, execution, now));
  }

  async retryExecution(executionId: string, retry: NewRetry, call?: StoreCall) {
    refuseManager(call);
    return this.#announce((data, now) => jobs.retryExecution(data, executionId, retry, now));
  }

  async addBackfill(jobId: string, backfill: NewBackfill, call?: StoreCall) {
    refuseManager(call);
    return this.#announce((data, now) => jobs.addBackfill(data, jobId, backfill, now));
  }

  async cancelExecution(id: string, reason: string | null, call?: StoreCall) {
    refuseManager(call);
    return this.#announce((data, now) => jobs.cancelExecution(data, id, reason, now));
  }

  async getJob(id: string) {
    return this.#read((data) => data.job(id) ?? null);
  }

  async getJobs(filter: JobFilter) {
    return this.#read((data) => queries.queryJobs(data, filter));
  }

  async getExecution(id: string) {
    return this.#read((data) => {
      const row = data.execution(id);
      return row ? queries.withAttempts(data, row) : null;
    });
  }

  async getExecutions(filter: ExecutionFilter) {
    return this.#read((data) => queries.queryExecutions(data, filter));
  }

  async runTimeJobs(onPage: Parameters<JobStore['runTimeJobs']>[0]) {
    // rows are replaced, never changed: these are as they are now
    const rows = this.#data.jobs().filter(({ source }) => source === 'dynamic');
    rows.sort((a, b) => (a.id < b.id ? -1 : 1));
    for (let from = 0; from < rows.length; from += PAGE) await onPage(copyOf(rows.slice(from, from + PAGE)));
  }

  async activeExecutions(jobUid: string) {
    return this.#read((data, now) => queries.activeExecutions(data, jobUid, now));
  }

  async liveNodes() {
    return this.#read((data, now) => queries.liveNodes(data, now));
  }

  async prune(retention: { succeededMs: number; otherMs: number }) {
    return this.#write((data, now) => queries.prune(data, retention, now));
  }

  async audit(_after: string | null, tzVersion: string | null) {
    return this.#read((data, now) => audits.audit(data, tzVersion, now));
  }

  async repair(finding: Finding) {
    return this.#announce((data, now) => audits.repair(data, finding, now));
  }

  /** What goes out is a copy: nobody changes the store through it. */
  #read<T>(work: (data: MemoryData, now: Date) => T): T {
    return copyOf(work(this.#data, this.#clock.now()));
  }

  #write<T>(work: (data: MemoryData, now: Date) => T): T {
    return this.#data.transaction(() => this.#read(work));
  }

  /** A write that may make something due sooner than the others expect. */
  #announce<T>(work: (data: MemoryData, now: Date) => T): T {
    let isChanged = false;
    const answer = this.#data.transaction(
      () => this.#read(work),
      () => (isChanged = true),
    );
    if (isChanged) this.#tell();
    return answer;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function refuseManager(call: StoreCall | undefined): void {
  if (!call?.manager) return;
  throw new JobStoreConfigurationError(
    'The memory store has no transaction to join. Leave the option manager out, or keep the jobs in PostgreSQL.',
  );
}
