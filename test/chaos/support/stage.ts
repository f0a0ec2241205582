import { setTimeout as delay } from 'node:timers/promises';
import {
  createDatabase,
  FlakyProxy,
  recordTransitions,
  startPostgres,
  type PostgresServerOptions,
} from 'nestjs-vigil-testing';

import { query } from '../../support/ledger.js';
import { Replica, type Line } from '../../support/replicas.js';
import { Diary, type DiaryRun } from './diary.js';

const NODE = new URL('node.mjs', import.meta.url);
/** A run that was claimed a moment before an outage may still start in it. */
const IN_FLIGHT_MS = 300;
/** A fire this shortly before the end may be due still. */
const LAST_MOMENTS_MS = 2_000;
/** A recovery that takes longer is none. */
const GIVE_UP_MS = 60_000;

type Settings = Record<string, unknown>;
export interface NodeOptions {
  name?: string;
  /** Where the scheduler finds its database. @default through the proxy */
  url?: string;
  /** Of `SchedulerModule.forRoot`. @default {} */
  options?: Settings;
  environment?: Record<string, string>;
}
export interface Place {
  /** Of the database. */
  url: string;
  /** The server, if it is the scenario's own. */
  server: Awaited<ReturnType<typeof startPostgres>> | null;
}

/** A database, a network in front of it, and the nodes that work on it. */
export class Stage implements AsyncDisposable {
  readonly diary = new Diary();
  readonly nodes: Replica[] = [];
  readonly #names = new Map<Replica, string>();
  /** Seconds from when the database answered again to the next run, one for each outage. */
  readonly recoveries: number[] = [];
  /** What was due by then had to be decided. By the database's clock. */
  endedAt = new Date(0);
  /** Nodes that were ended on purpose. */
  readonly killed = new Set<Replica>();

  private constructor(
    public place: Place,
    readonly proxy: FlakyProxy,
    private readonly owned: AsyncDisposable[],
  ) {}

  /** On a database of its own on a server that others use too. */
  static async onSharedServer(serverUrl: string): Promise<Stage> {
    const database = await createDatabase(serverUrl);
    return await Stage.#open({ url: database.url, server: null }, [database]);
  }

  /** On a server of its own, which may be killed. */
  static async onOwnServer(options: PostgresServerOptions = {}, below: AsyncDisposable[] = []): Promise<Stage> {
    const server = await startPostgres({ ...options, settings: { fsync: 'off', ...options.settings } });
    return await Stage.#open({ url: server.url, server }, [...below, server]);
  }

  static async #open(place: Place, below: AsyncDisposable[]): Promise<Stage> {
    await query(place.url, 'CREATE TABLE customer (id text PRIMARY KEY)');
    const proxy = await FlakyProxy.start({ target: place.url });
    return new Stage(place, proxy, [...below, proxy]);
  }

  /** Another server has the data now, and the network leads there. */
  moveTo(place: Place): void {
    this.place = place;
    this.proxy.retarget(place.url);
  }

  /** Goes with the stage. */
  own<Resource extends AsyncDisposable>(resource: Resource): Resource {
    this.owned.push(resource);
    return resource;
  }

  get server(): NonNullable<Place['server']> {
    if (this.place.server === null) throw new Error('This server belongs to others too. Open a stage with its own.');
    return this.place.server;
  }

  /** Starts a node; resolves when it has booted, whether or not there is a database. */
  async boot(node: NodeOptions = {}): Promise<Replica> {
    const replica = this.start(node);
    await replica.waitFor(({ booted }) => booted === true, 'booted');
    return replica;
  }

  /** Starts a node's process. */
  start({ name = `node-${this.nodes.length}`, url, options = {}, environment = {} }: NodeOptions = {}): Replica {
    const settings = JSON.stringify({ nodeName: name, ...options });
    const replica = Replica.start(
      { SHOP_URL: this.place.url, ...environment, DATABASE_URL: url ?? this.proxy.url, OPTIONS: settings },
      { script: NODE, onLine: (line: Line) => this.diary.hear(name, line) },
    );
    this.nodes.push(replica);
    this.#names.set(replica, name);
    return replica;
  }

  /** Until each node is running and every job has run; from its beginning on every write of the ledger is judged. */
  async warmUp(): Promise<void> {
    await recordTransitions(this.place.url);
    await Promise.all(this.nodes.map((node) => node.waitFor(({ state }) => state === 'running', 'running')));
    await this.goOn(2);
    for (const job of ['every-fire', 'slow', 'careful', 'shaky']) await this.diary.runAfter(0, job, GIVE_UP_MS);
  }

  /** Until `count` more fires of the job that fires each second have run. */
  async goOn(count = 3, node?: string): Promise<void> {
    let lastMs = performance.now();
    for (let more = 0; more < count; more += 1) {
      lastMs = (await this.diary.runAfter(lastMs, 'tick', GIVE_UP_MS, node)).heardMs;
    }
  }

  /**
   * Until it goes on: the first run since the database answered again, and three fires more. While it was away nothing
   * could be claimed; a run before the outage was noticed is none.
   *
   * @param answersMs since when the database answers (`performance.now()`)
   */
  async recovery(
    answersMs: number,
    { inFlightMs = 0, node }: { inFlightMs?: number; node?: string } = {},
  ): Promise<void> {
    const run = await this.diary.runAfter(answersMs + inFlightMs, null, GIVE_UP_MS, node);
    this.recoveries.push(Math.max(0, run.heardMs - answersMs) / 1_000);
    await this.goOn(3);
  }

  /** As `recovery`, where the database was never away: what had started already when it began does not count. */
  async recoveryFrom(beganMs: number): Promise<void> {
    await this.recovery(beganMs, { inFlightMs: IN_FLIGHT_MS });
  }

  /** Until a run that was cut short has started again elsewhere. */
  async rerun(run: DiaryRun): Promise<void> {
    const cutMs = performance.now();
    const again = await this.diary.rerunOf(run, 200_000);
    this.recoveries.push((again.heardMs - cutMs) / 1_000);
    await this.goOn();
  }

  /** The outage lasts, in real time: other processes wait on real clocks. */
  async lasts(ms: number): Promise<void> {
    await delay(ms);
  }

  /** A node is ended on purpose, as the machine's failure would. */
  kill(node: Replica): void {
    this.killed.add(node);
    node.process.kill('SIGKILL');
  }

  /** Until the run that `node` is at, of `jobId`, has started there just now. */
  async untilAtWork(node: string, jobId: string): Promise<DiaryRun> {
    return await this.diary.runAfter(performance.now(), jobId, GIVE_UP_MS, node);
  }

  /** Of the nodes that left, or will leave, in good order. */
  get namesInOrder(): string[] {
    return this.nodes.filter((node) => !this.killed.has(node)).map((node) => this.#names.get(node) ?? '');
  }

  /** What the nodes said last. */
  lastWords(): string {
    return this.nodes.map(({ noise }) => noise.slice(-10).join('\n')).join('\n--\n');
  }

  /** Lets every node finish and leave. Returns how many had died by themselves. */
  async end(): Promise<number> {
    const [clock] = await query<{ now: Date }>(this.place.url, 'SELECT now()');
    this.endedAt = new Date(Number(clock?.now) - LAST_MOMENTS_MS);
    const left = this.nodes.filter((node) => !this.killed.has(node));
    const codes = await Promise.all(left.map((node) => node.stop()));
    return codes.filter((code) => code !== 0).length;
  }

  /** The last that came goes first. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
    for (const resource of this.owned.reverse()) await resource[Symbol.asyncDispose]();
  }
}
