import type { EntityManager } from 'typeorm';

import { InvalidJobError } from '../../engine/job-settings.js';
import { notJson } from '../../engine/json.js';
import { ACTIVE_STATUSES, ENDED_STATUSES } from '../../store/job-execution.entity.js';
import type { ExecutionFilter, JobFilter } from '../../store/job-store.js';
import { JOB_STATES } from '../../store/job.entity.js';
import { isUuid, storable } from '../../store/storable.js';
import { shown } from '../../triggers/instant.js';
import { strangerIn } from '../known-keys.js';

export interface Call {
  /**
   * Write inside this transaction: it must be in one, on the same database. Nothing else of it is used, so it needs
   * none of the scheduler's entities. The change is announced by no event on this node. Calls take their turn in it;
   * wait for one before you ask it for anything else: one that fails undoes all that was written since it began.
   * @default a transaction of its own
   */
  manager?: EntityManager;
}
export interface Note {
  /** Kept with the job or the execution, for people. */
  reason?: string;
  /** Who asked for it. */
  by?: string;
}
export type CallOptions = Call & Note;

const CALL_KEYS = ['manager', 'reason', 'by'];
const MOST_ITEMS = 1_000;
const PAGING = { limit: isCount, cursor: isText };
const STATUSES = [...ACTIVE_STATUSES, ...ENDED_STATUSES];

/** `where`: the method, for messages. Throws `InvalidJobError`, as do all below. */
export function checkId(where: string, id: unknown): asserts id is string {
  if (typeof id === 'string' && id !== '') return;
  throw new InvalidJobError(`${where}: the id is ${shown(id)}. Write a text.`);
}

export function checkUuid(where: string, name: string, value: unknown): asserts value is string {
  if (typeof value === 'string' && isUuid(value)) return;
  throw new InvalidJobError(`${where}: ${name} is ${shown(value)}. Give a UUID, e.g. of randomUUID().`);
}

export function checkTime(where: string, from: Date, to: Date): void {
  for (const [name, value] of Object.entries({ from, to })) {
    const complaint = isDate(value);
    if (complaint !== null) throw new InvalidJobError(`${where}: ${name} is ${shown(value)}. ${complaint}`);
  }
  if (from <= to) return;
  throw new InvalidJobError(
    `${where}: from is ${from.toISOString()} and lies after to, ${to.toISOString()}. Give the earlier one first.`,
  );
}

export function checkCallOptions(where: string, options: unknown, more: readonly string[] = []): void {
  refuse(where, strangerIn(options, [...CALL_KEYS, ...more]));
  const { manager, reason, by } = options as Record<string, unknown>;
  if (manager !== undefined && typeof (manager as { query?: unknown } | null)?.query !== 'function') {
    throw new InvalidJobError(`${where}: manager is ${shown(manager)}. Give the EntityManager of a transaction.`);
  }
  checkEach(where, { reason, by }, { reason: isText, by: isText });
}

/** As it can be stored: people cut texts, and pairs of surrogates with them. */
export function noteOf({ reason, by }: Note): { reason: string | null; by: string | null } {
  const text = (given: string | undefined): string | null => (given === undefined ? null : storable(given));
  return { reason: text(reason), by: text(by) };
}

export function checkJobFilter(filter: JobFilter): void {
  const checks = { state: isOneOf(JOB_STATES), orphaned: isBoolean, tag: isText, handler: isText, search: isText };
  checkEach('getJobs', filter, { ...PAGING, ...checks });
}

export function checkExecutionFilter(filter: ExecutionFilter): void {
  const checks = { jobId: isText, status: isOneOf(STATUSES), from: isDate, to: isDate };
  checkEach('getExecutions', filter, { ...PAGING, ...checks });
}

export function checkData(where: string, data: unknown): void {
  const problem = notJson(data);
  if (problem !== null) throw new InvalidJobError(`${where}: ${problem}. Write only what JSON gives back unchanged.`);
}

export function checkBoolean(where: string, name: string, value: unknown): void {
  checkEach(where, { [name]: value }, { [name]: isBoolean });
}

export function isOneOf(values: readonly string[]): (value: unknown) => string | null {
  return (value) => (values.includes(value as string) ? null : `Write one of ${values.join(', ')}.`);
}

export function checkEach(
  where: string,
  values: object,
  checks: Readonly<Record<string, (value: unknown) => string | null>>,
): void {
  refuse(where, strangerIn(values, Object.keys(checks)));
  for (const [key, value] of Object.entries(values)) {
    const complaint = value === undefined ? null : (checks[key]?.(value) ?? null);
    if (complaint !== null) throw new InvalidJobError(`${where}: ${key} is ${shown(value)}. ${complaint}`);
  }
}

function refuse(where: string, complaint: string | null): void {
  if (complaint !== null) throw new InvalidJobError(`${where}: ${complaint}`);
}
function isBoolean(value: unknown): string | null {
  return typeof value === 'boolean' ? null : 'Write true or false.';
}
function isText(value: unknown): string | null {
  return typeof value === 'string' ? null : 'Write a text.';
}
function isDate(value: unknown): string | null {
  return value instanceof Date && !Number.isNaN(value.getTime()) ? null : 'Give a valid Date.';
}
/** Of an argument that has to be there. */
export function checkCount(where: string, name: string, value: unknown): void {
  const complaint = isCount(value);
  refuse(where, complaint === null ? null : `${name} is ${shown(value)}. ${complaint}`);
}

/** How many of something one call may give. */
function isCount(value: unknown): string | null {
  const isIn = Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MOST_ITEMS;
  return isIn ? null : `Write a whole number from 1 to ${MOST_ITEMS}.`;
}
