import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

import type { JobStore } from '../store/job-store.js';
import { ZONE_DATA } from '../triggers/zone.js';
import type { DeclaredJobs } from './declared-jobs.js';

export interface NodeSessionOptions {
  schedulerName: string;
  nodeName: string;
  leaseMs: number;
  version: string;
  capabilities: readonly string[];
}

/** Who this process is to the cluster, and whether the store knows it yet. */
export class NodeSession {
  #incarnation: string = randomUUID();
  #ready: Promise<void> | null = null;
  /** The registration of the incarnation that follows a lost one. */
  #beginning: Promise<void> = Promise.resolve();
  #isRegistered = false;

  constructor(
    private readonly store: JobStore,
    readonly jobs: DeclaredJobs,
    readonly options: NodeSessionOptions,
    /** This incarnation was judged dead, or the database forgot it. */
    private readonly onLost: () => void,
  ) {}

  get incarnation(): string {
    return this.#incarnation;
  }

  /** Opens the store, announces this node, and brings its declared jobs in: once, and again after each failure. */
  ready(): Promise<void> {
    if (this.#ready !== null) return this.#ready;
    const ready = this.#open();
    this.#ready = ready;
    ready.catch(() => {
      if (this.#ready === ready) this.#ready = null;
    });
    return ready;
  }

  /** After a failure nothing is taken for granted: the database may be another one now. */
  distrust(): void {
    this.#ready = null;
  }

  /**
   * What was the incarnation's is nobody's or others' now; a new one begins.
   *
   * @param lost the incarnation that is not alive: whoever hears of it second waits for the new one, too
   */
  async startAnew(lost: string): Promise<void> {
    if (lost === this.#incarnation) {
      this.leave();
      this.onLost();
      this.#beginning = this.#register();
    }
    await this.#beginning;
  }

  /** The next start is another incarnation and inherits nothing. */
  leave(): void {
    this.#ready = null;
    this.#incarnation = randomUUID();
    this.#isRegistered = false;
  }

  /** A row that is gone is not made again: somebody may have taken over what it stood for. */
  async #announce(): Promise<void> {
    if (!this.#isRegistered) return this.#register();
    const incarnation = this.#incarnation;
    const { alive } = await this.store.beat(incarnation, this.options.leaseMs);
    if (!alive) await this.startAnew(incarnation);
  }

  async #open(): Promise<void> {
    await this.store.open(this.options.schedulerName);
    await this.#announce();
    await this.jobs.bringIn();
  }

  async #register(): Promise<void> {
    const { nodeName, leaseMs, version, capabilities } = this.options;
    await this.store.registerNode({
      incarnation: this.#incarnation,
      nodeName,
      host: hostname(),
      pid: process.pid,
      version,
      tzVersion: ZONE_DATA,
      leaseMs,
      capabilities,
      definitions: Object.fromEntries(this.jobs.all.map(({ id, hash }) => [id, hash])),
    });
    this.#isRegistered = true;
  }
}
