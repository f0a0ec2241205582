import type { Random } from '../../clock/backoff.js';
import type { Clock } from '../../clock/clock.js';
import { JobNotFoundError, JobStoreUnavailableError } from '../../store/errors.js';
import type { Finding, JobStore, Repaired } from '../../store/job-store.js';
import type { EngineEvents } from '../engine-events.js';
import type { HandlerRegistry } from '../handler-registry.js';
import { jobInfo } from '../info.js';
import type { NodeSession } from '../node-session.js';
import type { Service } from '../service.js';
import { ZONE_DATA } from '../../triggers/zone.js';
import { jobRepair } from './job-repair.js';
import { Rounds } from './rounds.js';
import { withNewerZones } from './newer-zones.js';

const EVERY_MS = 600_000;
const FIRST_AFTER_MS = 180_000;
/** So that replicas which booted together do not look together. */
const JITTER = 0.2;
const ORPHANED_AFTER_MS = 24 * 3_600_000;

export interface AuditorParts {
  store: JobStore;
  session: NodeSession;
  registry: HandlerRegistry;
  clock: Clock;
  random: Random;
  events: EngineEvents;
  leaseMs: number;
  /** Something may be due that was not. */
  onRepaired(): void;
}

/**
 * Looks for states that must not exist and repairs them: whatever made them, nothing else would ever find them. A row is
 * repaired when it is seen twice in the same wrong state and epoch, a lease period of this process's own monotonic time
 * apart. Any number of nodes may do this; the store checks each state again under its lock.
 */
export class Auditor implements Service {
  readonly name = 'auditor';
  /** A finding → when it was first seen (monotonic). */
  readonly #seenMs = new Map<string, number>();
  /** Findings since the last full turn. */
  readonly #listed = new Set<string>();
  /** A capability that no live node announces → since when (monotonic). */
  readonly #absentMs = new Map<string, number>();
  #after: string | null = null;
  readonly #rounds: Rounds;

  constructor(private readonly parts: AuditorParts) {
    const { clock } = parts;
    this.#rounds = new Rounds(clock, this.#jittered(FIRST_AFTER_MS), () => this.#jittered(EVERY_MS));
  }

  async run(signal: AbortSignal, succeeded: () => void): Promise<void> {
    await this.#rounds.run(signal, async () => {
      await this.parts.session.ready();
      await this.#audit(signal);
      succeeded();
    });
  }

  async #audit(signal: AbortSignal): Promise<void> {
    const { findings, unannounced, outdated, next } = await this.parts.store.audit(this.#after, ZONE_DATA);
    const nowMs = this.parts.clock.monotonicMs();
    this.#after = next;
    this.#noteAbsent(new Set(unannounced), nowMs);
    const ripe = findings.filter((finding) => this.#isRipe(finding, nowMs));
    if (next === null) this.#forgetOthers();
    await this.#each(ripe, signal, (finding) => this.#repair(finding));
    await this.#each(outdated, signal, (id) => this.#computeAgain(id));
  }

  #noteAbsent(unannounced: ReadonlySet<string>, nowMs: number): void {
    for (const known of this.#absentMs.keys()) if (!unannounced.has(known)) this.#absentMs.delete(known);
    for (const each of unannounced) if (!this.#absentMs.has(each)) this.#absentMs.set(each, nowMs);
  }

  /** A label follows what the nodes announce; everything else has to be seen twice. */
  #isRipe(finding: Finding, nowMs: number): boolean {
    if (finding.what === 'job-announced') return true;
    if (finding.what === 'job-orphaned') {
      return nowMs - (this.#absentMs.get(finding.capability) ?? nowMs) >= ORPHANED_AFTER_MS;
    }
    const key = keyOf(finding);
    this.#listed.add(key);
    const seenMs = this.#seenMs.get(key) ?? nowMs;
    this.#seenMs.set(key, seenMs);
    return nowMs - seenMs >= this.parts.leaseMs;
  }

  /** What a full turn did not find is over. */
  #forgetOthers(): void {
    for (const key of this.#seenMs.keys()) if (!this.#listed.has(key)) this.#seenMs.delete(key);
    this.#listed.clear();
  }

  /** One that cannot be repaired keeps none of the others from it. */
  async #each<T>(all: readonly T[], signal: AbortSignal, repair: (one: T) => Promise<void>): Promise<void> {
    const failures: unknown[] = [];
    for (const one of all) {
      if (signal.aborted) return;
      try {
        await repair(one);
      } catch (error) {
        // somebody holds the row, or the database is away: the loop says so, and the next audit finds it again
        if (!(error instanceof JobStoreUnavailableError)) failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #repair(finding: Finding): Promise<void> {
    switch (finding.what) {
      case 'unknown-status':
        // told once, and left to a person
        this.#seenMs.set(keyOf(finding), Infinity);
        return this.#tell(finding, null);
      case 'job-of-unknown-state':
      case 'job-without-next-run':
      case 'job-asleep':
        return this.#repairJob(finding);
      case 'job-orphaned':
      case 'job-announced':
        return this.#label(finding);
      case 'running-unowned':
      case 'pending-expired':
      case 'pending-jobless':
      case 'pending-unreachable':
      case 'pending-elsewhere':
      case 'pending-owned':
      case 'ended-open': {
        const repaired = await this.parts.store.repair(finding);
        if (repaired !== null) this.#tell(finding, repaired);
      }
    }
  }

  async #repairJob(finding: Finding): Promise<void> {
    const { store, registry, events } = this.parts;
    let isRepaired = false;
    try {
      const job = await store.changeJob(finding.id, (found, now) => {
        const set = found.version === finding.epoch ? jobRepair(found, now, (each) => registry.triggerOf(each)) : null;
        isRepaired = set !== null;
        return set === null ? null : { set };
      });
      if (!isRepaired) return;
      this.#tell(finding, job.state);
      if (job.state === 'quarantined') events.emit('job.quarantined', { job: jobInfo(job) });
    } catch (error) {
      if (!(error instanceof JobNotFoundError)) throw error;
    }
  }

  /** Nobody did anything wrong: zone data came that are newer than those the next run was computed with. */
  async #computeAgain(id: string): Promise<void> {
    const { store, registry, events } = this.parts;
    let before: Date | null = null;
    try {
      const job = await store.changeJob(id, (found, now) => {
        before = found.nextRunAt;
        const trigger = registry.triggerOf(found);
        const set = trigger === null ? null : withNewerZones(found, trigger, now);
        return set === null ? null : { set };
      });
      if (before === null || job.nextRunAt?.getTime() === Number(before)) return;
      events.emit('job.rescheduled', { job: jobInfo(job), before, zoneData: ZONE_DATA });
    } catch (error) {
      if (!(error instanceof JobNotFoundError)) throw error;
    }
  }

  async #label(finding: Finding): Promise<void> {
    const { store, events } = this.parts;
    if ((await store.repair(finding)) === null || finding.what !== 'job-orphaned') return;
    const job = await store.getJob(finding.id);
    if (job !== null) events.emit('job.orphaned', { job: jobInfo(job) });
  }

  #tell({ what, id }: Finding, now: Repaired | null): void {
    this.parts.events.emit('audit.repaired', { what, id, now });
    if (now !== null) this.parts.onRepaired();
  }

  #jittered(ms: number): number {
    return ms * (1 - JITTER + 2 * JITTER * this.parts.random());
  }
}

const keyOf = ({ what, id, epoch }: Finding): string => `${what} ${id} ${epoch}`;
