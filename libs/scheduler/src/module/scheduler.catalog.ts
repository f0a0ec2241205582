import type { Type } from '@nestjs/common';

import type { SchedulerEvents } from '../engine/engine-events.js';
import type { JobHandler } from '../engine/handler-registry.js';
import { InvalidJobError } from '../engine/job-settings.js';
import { declaredKey } from '../store/declared-job.js';
import { shown } from '../triggers/instant.js';
import type { HandlerDeclaration, JobDeclaration } from './declared-methods.js';
import { checkEvent } from './event-names.js';
import { SETTING_KEYS, strangerIn } from './known-keys.js';
import type { FoundMethod } from './scheduler.explorer.js';
import { DEFAULT_SCHEDULER } from './scheduler.options.js';

/** A method that can run jobs of one scheduler. */
export interface CatalogHandler extends JobHandler {
  target: Type;
  method: string | symbol;
}
/** A declared job whose options are not resolved yet. */
export interface CatalogJob {
  id: string;
  handler: CatalogHandler;
  declaration: JobDeclaration;
}
export interface CatalogListener {
  event: keyof SchedulerEvents;
  call(event: unknown): unknown;
}

/** A class name this short is what a minifier leaves; another build gives another one. */
const MINIFIED_LENGTH = 2;

/** What the decorators of an application say, for one scheduler. Throws `InvalidJobError`. */
export class SchedulerCatalog {
  /** What jobs added at run time can name: methods, each under a key of its own. */
  readonly handlers: readonly CatalogHandler[];
  readonly jobs: readonly CatalogJob[];
  readonly listeners: readonly CatalogListener[];

  /** 'Class.method' of one that needs the application's data source; null: none does. */
  get transactionalSource(): string | null {
    const all = [...this.handlers, ...this.jobs.map(({ handler }) => handler)];
    return all.find(({ isTransactional }) => isTransactional === true)?.source ?? null;
  }

  constructor(scheduler: string, methods: readonly FoundMethod[]) {
    const own = methods.map((found) => onlyOf(scheduler, found));
    const given = own.flatMap((found) => found.declared.handlers.map((each) => handlerOf(found, each)));
    refuseTwins(given);
    this.handlers = [...given, ...unambiguous(own.flatMap(scheduledMethodOf), given)];
    this.jobs = own.flatMap((found) => jobsOf(found));
    this.listeners = own.flatMap((found) => listenersOf(found));
  }

  /** The handler of a method of a class, or of the one provider that extends it. Throws `InvalidJobError`. */
  handlerOf(target: unknown, method: unknown): CatalogHandler {
    const ofMethod = this.handlers.filter((handler) => handler.method === method);
    const exact = ofMethod.find((handler) => handler.target === target);
    const extending = ofMethod.filter((handler) => isSubclass(handler.target, target));
    const handler = exact ?? (extending.length === 1 ? extending[0] : undefined);
    if (handler !== undefined) return handler;
    const wanted = `${typeof target === 'function' ? target.name : shown(target)}.${String(method)}`;
    const known = this.handlers.map(({ source }) => source).join(', ') || 'none';
    throw new InvalidJobError(
      `${wanted} ${this.#whyNot(target, method, extending)}. Decorate it with @JobHandler('…') and add its class to a module's providers. Handlers: ${known}.`,
    );
  }

  #whyNot(target: unknown, method: unknown, extending: readonly CatalogHandler[]): string {
    if (extending.length > 1) return 'has several providers';
    const isScheduled = this.jobs.some(({ handler }) => handler.target === target && handler.method === method);
    return isScheduled
      ? 'has no name of its own that rows could keep: its class is minified, or another one has its name'
      : 'is not a handler of a provider that was there at the boot';
  }
}

/** The names of the schedulers that decorators refer to, with where. */
export function schedulersNamedIn(methods: readonly FoundMethod[]): { name: string; source: string }[] {
  return methods.flatMap(({ declared, source }) =>
    [...declared.jobs, ...declared.handlers, ...declared.listeners].map(({ scheduler }) => ({
      name: scheduler ?? DEFAULT_SCHEDULER,
      source,
    })),
  );
}

function onlyOf(name: string, found: FoundMethod): FoundMethod {
  const isOwn = ({ scheduler }: { scheduler?: string }): boolean => (scheduler ?? DEFAULT_SCHEDULER) === name;
  const { jobs, handlers, listeners } = found.declared;
  const declared = {
    jobs: jobs.filter(isOwn),
    handlers: handlers.filter(isOwn),
    listeners: listeners.filter(isOwn),
  };
  return { ...found, declared };
}

function handlerOf(found: FoundMethod, declaration: HandlerDeclaration): CatalogHandler {
  const { source, declared } = found;
  const stranger = strangerIn(declaration, ['key', 'scheduler', 'transactional', ...SETTING_KEYS]);
  if (stranger !== null) throw new InvalidJobError(`@JobHandler on ${source}: ${stranger}`);
  if (declared.handlers.length > 1) {
    throw new InvalidJobError(`@JobHandler stands twice on ${source}. Remove one of them: a method has one key.`);
  }
  const { key, scheduler: _, transactional, ...settings } = declaration;
  if (key !== undefined && (typeof key !== 'string' || key === '')) {
    throw new InvalidJobError(`@JobHandler on ${source}: the key is ${shown(key)}. Write a text, e.g. 'send-report'.`);
  }
  if (key === undefined) refuseMinified(found, `@JobHandler('…')`);
  const isTransactional = checkedTransactional(`@JobHandler on ${source}`, transactional) ?? false;
  return { ...methodOf(found), key: key ?? source, settings, isTransactional };
}

function jobsOf(found: FoundMethod): CatalogJob[] {
  const { source, declared } = found;
  const unnamed = declared.jobs.filter(({ id }) => id === undefined);
  if (unnamed.length > 1) {
    throw new InvalidJobError(
      `${source} has ${declared.jobs.length} @ScheduledJob, and ${unnamed.length} of them without an id. Give all but one an id: @ScheduledJob({ id: '…', … }).`,
    );
  }
  if (unnamed.length > 0) refuseMinified(found, `@ScheduledJob({ id: '…', … })`);
  const handler = declared.handlers[0] === undefined ? null : handlerOf(found, declared.handlers[0]);
  return declared.jobs.map((declaration) => {
    const { id = source } = declaration;
    const own = checkedTransactional(`@ScheduledJob on ${source}`, declaration.transactional);
    const isTransactional = own ?? handler?.isTransactional ?? false;
    const settings = handler?.settings ?? {};
    return { id, declaration, handler: { ...methodOf(found), key: declaredKey(id), settings, isTransactional } };
  });
}

/** A method that only has jobs can be named by jobs added at run time, too. */
function scheduledMethodOf(found: FoundMethod): CatalogHandler[] {
  const { jobs, handlers } = found.declared;
  if (jobs.length === 0 || handlers.length > 0 || isMinified(found)) return [];
  const isTransactional = jobs.every(({ transactional }) => transactional === true);
  return [{ ...methodOf(found), key: found.source, settings: {}, isTransactional }];
}

function checkedTransactional(where: string, value: unknown): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw new InvalidJobError(`${where}: transactional is ${shown(value)}. Write true or false.`);
}

/** Without those whose name is another's as well. */
function unambiguous(handlers: readonly CatalogHandler[], given: readonly CatalogHandler[]): CatalogHandler[] {
  const all = [...given, ...handlers];
  return handlers.filter(({ key }) => all.filter((other) => other.key === key).length === 1);
}

function listenersOf(found: FoundMethod): CatalogListener[] {
  return found.declared.listeners.map(({ event }) => {
    const where = `@OnSchedulerEvent on ${found.source}`;
    checkEvent(where, event);
    if (found.isStatic) return { event, call: (payload) => found.call(payload) };
    throw new InvalidJobError(
      `${where}: its provider is request-scoped or transient, so there is no instance that could listen. Move the method to a provider with the default scope.`,
    );
  });
}

function methodOf({ source, target, method, call }: FoundMethod) {
  return { source, target, method, run: call };
}

function isMinified({ target }: FoundMethod): boolean {
  return target.name.length <= MINIFIED_LENGTH;
}

function refuseMinified(found: FoundMethod, what: string): void {
  if (!isMinified(found)) return;
  throw new InvalidJobError(
    `${found.source}: the class name "${found.target.name}" looks minified, and would be another one after the next build. Write ${what}.`,
  );
}

function isSubclass(target: Type, base: unknown): boolean {
  const prototype: unknown = typeof base === 'function' ? base.prototype : undefined;
  return (
    typeof prototype === 'object' &&
    prototype !== null &&
    Object.prototype.isPrototypeOf.call(prototype, target.prototype as object)
  );
}

/** Two classes of one name: the rows could not tell them apart. */
function refuseTwins(handlers: readonly CatalogHandler[]): void {
  const byKey = new Map<string, CatalogHandler>();
  for (const handler of handlers) {
    const other = byKey.get(handler.key);
    byKey.set(handler.key, handler);
    if (other === undefined) continue;
    throw new InvalidJobError(
      `Two handlers have the key "${handler.key}": ${other.source} and ${handler.source}. Give one of them another key: @JobHandler('…').`,
    );
  }
}
