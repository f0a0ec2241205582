import type { DeclaredJob } from '../store/job-store.js';
import { anchored } from '../triggers/built-in.js';
import { parseTrigger } from '../triggers/trigger-spec.js';
import type { Trigger } from '../triggers/trigger.js';
import type { JobEntity } from '../store/job.entity.js';
import type { JobContext } from './job-context.js';
import { hashOf, type JobDraft } from './job-draft.js';
import { definitionOf, SCHEDULE } from './job-options.js';
import { capabilityOf, InvalidJobError, type JobSettings } from './job-settings.js';

/** What runs when a job fires. */
export interface JobHandler {
  /** What rows store. */
  key: string;
  /** Where it stands in the code, for messages. */
  source: string;
  /** Settings that every job of this handler starts from. */
  settings: JobSettings;
  /** It works in a transaction of the application, whose commit completes its run. @default false */
  isTransactional?: boolean;
  run(context: JobContext<unknown>): unknown;
}

/** What this process can run, and the jobs its code declares. */
export class HandlerRegistry {
  readonly #handlers = new Map<string, JobHandler>();
  readonly #declared = new Map<string, { draft: JobDraft; hash: string; source: string }>();

  addHandler(handler: JobHandler): void {
    const other = this.#handlers.get(handler.key);
    if (other !== undefined && other.source !== handler.source) {
      throw new InvalidJobError(
        `Two handlers have the key "${handler.key}": ${other.source} and ${handler.source}. Give one of them another key: @JobHandler('…').`,
      );
    }
    this.#handlers.set(handler.key, handler);
  }

  declare(draft: JobDraft, source: string): void {
    const other = this.#declared.get(draft.id);
    if (other !== undefined) {
      throw new InvalidJobError(
        `Job "${draft.id}" is declared twice: by ${other.source} and by ${source}. Give one of them another id: @ScheduledJob({ id: '…', … }).`,
      );
    }
    this.#declared.set(draft.id, { draft, hash: hashOf(draft), source });
  }

  handler(key: string): JobHandler | undefined {
    return this.#handlers.get(key);
  }

  get declaredJobs(): readonly DeclaredJob[] {
    return [...this.#declared].map(([id, { draft, hash }]) => ({ id, hash, definition: definitionOf(draft) }));
  }

  draftOf(jobId: string): JobDraft | undefined {
    return this.#declared.get(jobId)?.draft;
  }

  /** What this node can run in the given executors. */
  capabilities(executors: readonly string[]): string[] {
    return executors.flatMap((executor) => [...this.#handlers.keys()].map((key) => capabilityOf(key, executor)));
  }

  /**
   * The trigger a row means: the object in the code where this node declares the version in force, or the row has none
   * because its trigger threw; else what the row says, as where somebody gave the job another schedule. Null: the row
   * follows a trigger of another version's own making, which this node cannot compute. Throws when nobody could read the
   * row.
   */
  triggerOf(job: JobEntity): Trigger | null {
    const declared = this.#declared.get(job.id);
    const schedule = declared?.draft.schedule;
    const isOfCode = job.source === 'code' && !job.overridden.includes(SCHEDULE);
    const isOurs = isOfCode && (job.codeHash === null || job.codeHash === declared?.hash);
    if (isOurs && schedule?.kind === 'trigger') return anchored(schedule.trigger, job.anchor);
    const isForeign = isOfCode && job.codeHash !== declared?.hash;
    try {
      return anchored(parseTrigger(job.trigger as object), job.anchor);
    } catch (error) {
      if (isForeign) return null;
      throw error;
    }
  }
}
