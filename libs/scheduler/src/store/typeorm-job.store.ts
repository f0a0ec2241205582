import { repair } from './audit.js';
import type { Finding } from './audit-finding.js';
import { inCallersTransaction } from './caller-transaction.js';
import * as pauses from './cluster-pause.js';
import { ConnectionKeeper } from './connection-keeper.js';
import { isUnwritable, noSchedulerIn } from './database-errors.js';
import { syncJobs, undeclaredJobs } from './declared-jobs.js';
import { decodeRow, selectList } from './entity-rows.js';
import { addBackfill, addManualExecution, cancelExecution, retryExecution } from './execution-writes.js';
import { readExecutionPage, readExecutionWithAttempts, readJobPage } from './history.js';
import { JobExecutionEntity } from './job-execution.entity.js';
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
  PauseNote,
  ProgressUpdate,
  StoreCall,
  TransactionHandle,
} from './job-store.js';
import { JobEntity } from './job.entity.js';
import { addJobs, changeJob, readJobs, removeJob } from './job-writes.js';
import type { Query } from './lease.js';
import * as nodes from './nodes.js';
import { NotificationConnection } from './notifications.js';
import { bare, OutcomeWrites } from './outcomes.js';
import { Pass } from './pass.js';
import { saveProgress } from './progress.js';
import { prune } from './retention.js';
import { runTimeJobs } from './run-time-jobs.js';
import { checkAndMigrate } from './schema-guard.js';
import { audit } from './statements/audit.js';
import { beat } from './statements/beat.js';
import { lockJobs } from './statements/lock-jobs.js';
import { peek } from './statements/peek.js';
import { readActiveExecutions } from './statements/read-active-executions.js';
import { checkSchemaName, type TypeOrmJobStoreOptions } from './store-options.js';
import { type Tables, tablesOf } from './tables.js';

/** A read writes nothing, whatever becomes of its answer. */
const READ = { unanswered: 'not-written' } as const;

/** Jobs in PostgreSQL. */
export class TypeOrmJobStore implements JobStore {
  readonly kind = 'postgres';
  readonly #keeper: ConnectionKeeper;
  readonly #tables: Tables;
  readonly #notifications: NotificationConnection;
  readonly #outcomes: OutcomeWrites;
  #uid: string | null = null;

  constructor(private readonly options: TypeOrmJobStoreOptions) {
    checkSchemaName(options.schema);
    this.#tables = tablesOf(options.schema);
    this.#keeper = new ConnectionKeeper(options);
    this.#outcomes = new OutcomeWrites(this.#keeper, this.#tables);
    this.#notifications = new NotificationConnection(this.#keeper, this.#tables);
  }

  async open(schedulerName: string): Promise<void> {
    await this.#keeper.open();
    try {
      const { uid } = await checkAndMigrate(this.#keeper, this.#tables, {
        mode: this.options.migrations,
        schedulerName,
        isKnown: this.#uid !== null,
      });
      this.#uid = uid;
    } catch (error) {
      throw this.#keeper.openingError(error);
    }
  }

  async reconnect() {
    await this.#keeper.reconnect();
  }

  async close() {
    this.#uid = null;
    await this.#keeper.close();
  }

  async listen(onWake: () => void, signal: AbortSignal) {
    await this.#notifications.listen(onWake, signal);
  }

  async peek(capabilities: readonly string[], blocked: readonly string[], incarnation?: string) {
    return await this.#read((query) => peek(query, this.#tables, capabilities, blocked, incarnation ?? null));
  }

  async pass(request: PassRequest, decide: ConstructorParameters<typeof Pass>[3]) {
    return await new Pass(this.#keeper, this.#tables, request, decide).run();
  }

  async resolve(incarnation: string, jobs: readonly string[]) {
    return await this.#keeper.transaction(async ({ query, nothingToCommit }) => {
      nothingToCommit();
      await lockJobs(query, this.#tables, jobs);
      return await this.#owned(query, incarnation);
    });
  }

  async complete(outcomes: readonly OutcomeRecord[]) {
    return await this.#outcomes.write(outcomes);
  }

  async completeIn(outcomes: readonly OutcomeRecord[], manager: TransactionHandle) {
    const write = (each: readonly OutcomeRecord[]) =>
      this.#write({ manager }, (query) => this.#outcomes.writeIn(query, each));
    return await write(outcomes).catch((error: unknown) => {
      if (!isUnwritable(error)) throw error;
      return write(outcomes.map((outcome) => bare(outcome, error)));
    });
  }

  async saveProgress(updates: readonly ProgressUpdate[]) {
    return await saveProgress(this.#keeper, this.#tables, updates);
  }

  async registerNode(node: NodeRegistration) {
    await this.#keeper.run((query) => nodes.registerNode(query, this.#tables, node));
  }

  async beat(incarnation: string, leaseMs: number) {
    return await this.#notifications.run((query) => beat(query, this.#tables, incarnation, leaseMs));
  }

  async retireNode(incarnation: string) {
    await this.#keeper.run((query) => nodes.retireNode(query, this.#tables, incarnation));
  }

  async rescue(incarnation: string, seenBeat: string) {
    return await nodes.rescue(this.#keeper, this.#tables, incarnation, seenBeat);
  }

  async clusterPause() {
    return await this.#read((query) => pauses.readPause(query, this.#tables));
  }

  async pauseCluster(note: PauseNote, call?: StoreCall) {
    return await this.#write(call, (query) => pauses.pauseCluster(query, this.#tables, note));
  }

  async resumeCluster(how: { catchUp: boolean }, call?: StoreCall) {
    return await this.#write(call, (query) => pauses.resumeCluster(query, this.#tables, how));
  }

  async syncJobs(declared: readonly DeclaredJob[], reconcile: Parameters<JobStore['syncJobs']>[1]) {
    return await syncJobs(this.#keeper, this.#tables, declared, reconcile);
  }

  async undeclaredJobs() {
    return await this.#read((query) => undeclaredJobs(query, this.#tables));
  }

  async addJobs(plan: PlanJobs, onConflict: ConflictRule, call?: StoreCall) {
    return await this.#write(call, (query) => addJobs(query, this.#tables, plan, onConflict));
  }

  async changeJob(id: string, change: ChangeJob, call?: StoreCall) {
    return await this.#write(call, (query) => changeJob(query, this.#tables, id, change));
  }

  async removeJob(id: string, call?: StoreCall) {
    return await this.#write(call, (query) => removeJob(query, this.#tables, id));
  }

  async addManualExecution(jobId: string, execution: NewManualExecution, call?: StoreCall) {
    return await this.#write(call, (query) => addManualExecution(query, this.#tables, jobId, execution));
  }

  async retryExecution(executionId: string, retry: NewRetry, call?: StoreCall) {
    return await this.#write(call, (query) => retryExecution(query, this.#tables, executionId, retry));
  }

  async addBackfill(jobId: string, backfill: NewBackfill, call?: StoreCall) {
    return await this.#write(call, (query) => addBackfill(query, this.#tables, jobId, backfill));
  }

  async cancelExecution(id: string, reason: string | null, call?: StoreCall) {
    return await this.#write(call, (query) => cancelExecution(query, this.#tables, id, reason));
  }

  async getJob(id: string) {
    return await this.#read(async (query) => (await readJobs(query, this.#tables, [id]))[0] ?? null);
  }

  async getJobs(filter: JobFilter) {
    return await this.#read((query) => readJobPage(query, this.#tables, filter));
  }

  async getExecution(id: string) {
    return await this.#read((query) => readExecutionWithAttempts(query, this.#tables, id));
  }

  async getExecutions(filter: ExecutionFilter) {
    return await this.#read((query) => readExecutionPage(query, this.#tables, filter));
  }

  async runTimeJobs(onPage: Parameters<JobStore['runTimeJobs']>[0]) {
    await runTimeJobs(this.#keeper, this.#tables, onPage);
  }

  async activeExecutions(jobUid: string) {
    return await this.#read((query) => readActiveExecutions(query, this.#tables, jobUid));
  }

  async liveNodes() {
    return await this.#read((query) => nodes.liveNodes(query, this.#tables));
  }

  async prune(retention: { succeededMs: number; otherMs: number }) {
    return await prune(this.#keeper, this.#tables, retention);
  }

  async audit(after: string | null, tzVersion: string | null) {
    return await this.#read((query) => audit(query, this.#tables, after, tzVersion));
  }

  async repair(finding: Finding) {
    return await repair(this.#keeper, this.#tables, finding);
  }

  async #read<T>(work: (query: Query) => Promise<T>): Promise<T> {
    return await this.#keeper.run(work, READ);
  }

  async #write<T>(call: StoreCall | undefined, work: (query: Query) => Promise<T>): Promise<T> {
    if (!call?.manager) return await this.#keeper.transaction(({ query }) => work(query));
    this.#uid ??= await this.#read((query) => this.#readUid(query));
    const { clock, callTimeoutMs } = this.options;
    const transaction = { manager: call.manager, tables: this.#tables, schedulerUid: this.#uid, clock, callTimeoutMs };
    return await inCallersTransaction(transaction, work);
  }

  async #readUid(query: Query): Promise<string> {
    const { rows } = await query(`SELECT uid FROM ${this.#tables.scheduler}`);
    if (!rows[0]) throw noSchedulerIn(this.#tables.schema);
    return String(rows[0].uid);
  }

  /** Two statements: a job may be gone whose execution still runs. */
  async #owned(query: Query, incarnation: string): Promise<{ execution: JobExecutionEntity; job: JobEntity | null }[]> {
    const { execution, job } = this.#tables;
    const owned = await query(
      `SELECT ${selectList(JobExecutionEntity, 'e')} FROM ${execution} e WHERE e.owner = $1 ORDER BY e.scheduled_at, e.id`,
      [incarnation],
    );
    const executions = owned.rows.map((row) => decodeRow(JobExecutionEntity, row));
    const found = await query(`SELECT ${selectList(JobEntity, 'j')} FROM ${job} j WHERE j.uid = ANY($1::uuid[])`, [
      executions.map(({ jobUid }) => jobUid),
    ]);
    const jobs = new Map(found.rows.map((row) => decodeRow(JobEntity, row)).map((each) => [each.uid, each]));
    return executions.map((each) => ({ execution: each, job: jobs.get(each.jobUid) ?? null }));
  }
}
