import type { InjectionToken } from '@nestjs/common';

import { draftJob, type JobDraft } from '../engine/job-draft.js';
import {
  InvalidJobError,
  TRANSACTIONAL_SETTINGS,
  type JobPolicies,
  type JobSettings,
  type ResolvedSettings,
} from '../engine/job-settings.js';
import { shown } from '../triggers/instant.js';
import { InvalidTriggerError } from '../triggers/trigger.js';
import { triggerOf, type Schedule as Timing } from '../triggers/trigger-spec.js';
import { RECURRENCE_KEYS, SETTING_KEYS, strangerIn } from './known-keys.js';
import type { CatalogJob } from './scheduler.catalog.js';

/** What a job gets from its scheduler. */
export interface JobSurroundings {
  timeZone: string;
  defaults: JobPolicies;
  /** Beside the one that is always there. */
  executors: Readonly<Record<string, { concurrency: number }>>;
}
export type Resolve = (token: InjectionToken) => unknown;

type Definition = Timing & JobSettings & { maxRuns?: number; jitterMs?: number; data?: unknown; disabled?: unknown };

const DECLARED_KEYS = ['id', 'scheduler', 'transactional'];
const DEFINITION_KEYS = [...RECURRENCE_KEYS, ...SETTING_KEYS, 'data', 'disabled'];

/** The job that a decorator declares; null when this process does not declare it. Throws what says where and why. */
export async function draftDeclared(
  job: CatalogJob,
  surroundings: JobSurroundings,
  resolve: Resolve,
): Promise<JobDraft | null> {
  const where = `@ScheduledJob on ${job.handler.source}`;
  try {
    const definition = await definitionOf(job, resolve);
    checkFlag('disabled', definition.disabled);
    return definition.disabled === true ? null : draftOf(job, definition, surroundings);
  } catch (error) {
    throw wrongAt(where, error);
  }
}

/** `check`, and what it throws with where that is. */
export function checkedAt<T>(where: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw wrongAt(where, error);
  }
}

function wrongAt(where: string, error: unknown): InvalidJobError | InvalidTriggerError {
  const { message } = error as Error;
  const Known = error instanceof InvalidTriggerError ? InvalidTriggerError : InvalidJobError;
  return new Known(`${where}: ${message}`, { cause: error });
}

async function definitionOf({ declaration }: CatalogJob, resolve: Resolve): Promise<Definition> {
  if (!('useFactory' in declaration)) {
    refuseStrangers(declaration, [...DECLARED_KEYS, ...DEFINITION_KEYS]);
    return declaration as Definition;
  }
  refuseStrangers(declaration, [...DECLARED_KEYS, 'inject', 'useFactory']);
  const { inject = [], useFactory } = declaration as { inject?: InjectionToken[]; useFactory: unknown };
  if (typeof useFactory !== 'function' || !Array.isArray(inject)) {
    throw new InvalidJobError('Write { inject: [ConfigService], useFactory: (config) => ({ cron: … }) }.');
  }
  const definition: unknown = await useFactory(...inject.map(resolve));
  refuseStrangers(definition, DEFINITION_KEYS);
  return definition as Definition;
}

function draftOf(job: CatalogJob, definition: Definition, surroundings: JobSurroundings): JobDraft {
  const trigger = triggerOf(definition, { timeZone: surroundings.timeZone, hashSeed: job.id });
  if (trigger === null) throw new InvalidJobError('it has no schedule. Give it one of cron, every and trigger.');
  const { maxRuns = null, jitterMs = 0, data } = definition;
  const draft = draftJob({
    id: job.id,
    handler: job.handler.key,
    schedule: { kind: 'trigger', trigger, maxRuns, jitterMs },
    data,
    source: 'code',
    settings: [builtIn(job.handler), surroundings.defaults, job.handler.settings, definition],
  });
  checkExecutor(draft.settings, surroundings);
  return draft;
}

/** What jobs of a handler have that nobody says anything about. */
export function builtIn({ isTransactional }: { isTransactional?: boolean }): JobSettings {
  return isTransactional === true ? TRANSACTIONAL_SETTINGS : {};
}

/** Of an option that may be left out. Throws `InvalidJobError`. */
export function checkFlag(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw new InvalidJobError(`${name} is ${shown(value)}. Write true or false.`);
}

/** A job in a pool that nobody has would wait for ever. */
export function checkExecutor({ executor }: ResolvedSettings, { executors }: JobSurroundings): void {
  const known = ['default', ...Object.keys(executors)];
  if (known.includes(executor)) return;
  throw new InvalidJobError(
    `There is no executor ${shown(executor)}. Executors: ${known.join(', ')}; add it to the module's option executors.`,
  );
}

function refuseStrangers(value: unknown, known: readonly string[]): void {
  const stranger = strangerIn(value, known);
  if (stranger !== null) throw new InvalidJobError(stranger);
}
