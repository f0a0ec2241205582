import { InvalidJobError, type JobSettings } from '../engine/job-settings.js';
import { shown } from '../triggers/instant.js';

/** What `@ScheduledJob` was given. */
export interface JobDeclaration {
  scheduler?: string;
  id?: string;
  transactional?: unknown;
  /** Other options, unchecked. */
  [option: string]: unknown;
}
/** What `@JobHandler` was given. */
export interface HandlerDeclaration extends JobSettings {
  scheduler?: string;
  key?: string;
  transactional?: unknown;
}
/** What `@OnSchedulerEvent` was given. */
export interface ListenerDeclaration {
  scheduler?: string;
  event: string;
}
export interface DeclaredMethod {
  jobs: readonly JobDeclaration[];
  handlers: readonly HandlerDeclaration[];
  listeners: readonly ListenerDeclaration[];
}

const DECLARATIONS = Symbol.for('nestjs-vigil:declared-methods');
const NOTHING: DeclaredMethod = { jobs: [], handlers: [], listeners: [] };

type Declarations = Map<string | symbol, DeclaredMethod>;

/** What the class's own decorators say, by method. Inherited methods are the base class's own. */
export function declaredMethods(prototype: object): ReadonlyMap<string | symbol, DeclaredMethod> {
  return (Reflect.getOwnMetadata(DECLARATIONS, prototype) as Declarations | undefined) ?? new Map();
}

/** Kept by class and name, not on the function: other decorators may replace the function. */
export function declareMethod<K extends keyof DeclaredMethod>(
  decorator: string,
  prototype: object,
  method: string | symbol,
  kind: K,
  declaration: DeclaredMethod[K][number],
): void {
  refuseMisplaced(decorator, prototype, method);
  if (!isPlain(declaration)) {
    throw new InvalidJobError(
      `@${decorator} on ${nameOf(prototype)}.${String(method)}: expected an object with options, not ${shown(declaration)}.`,
    );
  }
  const declarations: Declarations = new Map(declaredMethods(prototype));
  const declared = declarations.get(method) ?? NOTHING;
  // decorators are applied from the bottom up
  declarations.set(method, { ...declared, [kind]: [declaration, ...declared[kind]] });
  Reflect.defineMetadata(DECLARATIONS, declarations, prototype);
}

/** Plain JavaScript, and other kinds of decorators, may have called it. */
function refuseMisplaced(decorator: string, prototype: object, method: string | symbol): void {
  if (typeof (method as unknown) === 'object') {
    throw new InvalidJobError(
      `@${decorator} was applied as a standard decorator. Set "experimentalDecorators": true in tsconfig.json, as NestJS needs it.`,
    );
  }
  if (typeof prototype === 'function') {
    throw new InvalidJobError(
      `@${decorator} on ${prototype.name}.${String(method)}: it is static, and runs are calls on the provider's instance. Remove "static".`,
    );
  }
  const descriptor = Object.getOwnPropertyDescriptor(prototype, method);
  if (typeof descriptor?.value === 'function') return;
  throw new InvalidJobError(
    `@${decorator} on ${nameOf(prototype)}.${String(method)}: it is not a method. Decorate a method.`,
  );
}

function isPlain(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
function nameOf(prototype: object): string {
  return prototype.constructor.name;
}
