import { Inject, Injectable, type Type } from '@nestjs/common';
import { ContextIdFactory, DiscoveryService, ModuleRef, type ContextId } from '@nestjs/core';

import { JobContext } from '../engine/job-context.js';
import { describeError } from '../engine/json.js';
import { declaredMethods, type DeclaredMethod } from './declared-methods.js';
import { QuietLogger } from './quiet-logger.js';

/** A decorated method of one provider or controller. */
export interface FoundMethod {
  target: Type;
  method: string | symbol;
  /** 'Class.method' */
  source: string;
  /** Of the provider, for messages. */
  module: string;
  declared: DeclaredMethod;
  /** false: a new instance for each call, with the argument as its REQUEST. */
  isStatic: boolean;
  call(argument: unknown): unknown;
}

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];
type Methods = Record<string | symbol, (argument: unknown) => unknown>;

/** Finds every method that a decorator of ours is on, in all modules. */
@Injectable()
export class SchedulerExplorer {
  readonly #logger = new QuietLogger('Scheduler');

  constructor(@Inject(DiscoveryService) private readonly discovery: DiscoveryService) {}

  explore(): FoundMethod[] {
    const known = new Map<object, Wrapper>();
    return [...this.discovery.getProviders(), ...this.discovery.getControllers()].flatMap((wrapper) => {
      // an alias stands for a provider that is found itself
      const prototype = wrapper.isAlias ? null : prototypeOf(wrapper);
      if (prototype === null) return [];
      const methods = this.#methodsOf(prototype);
      if (methods.size === 0) return [];
      const other = known.get(prototype);
      if (other !== undefined) return this.#repeated(prototype, other, wrapper);
      known.set(prototype, wrapper);
      return [...methods].map(([method, declared]) => found(wrapper, prototype, method, declared));
    });
  }

  /** Decorated methods, its own and inherited ones; an override counts only if it is decorated itself. */
  #methodsOf(prototype: object): Map<string | symbol, DeclaredMethod> {
    const methods = new Map<string | symbol, DeclaredMethod>();
    const chain = chainOf(prototype);
    for (const owner of chain) {
      for (const [method, declared] of declaredMethods(owner)) {
        if (methods.has(method)) continue;
        const overriding = chain.find((each) => Object.hasOwn(each, method));
        if (overriding === owner) methods.set(method, declared);
        else if (overriding !== undefined) this.#warnOfOverride(overriding, owner, method);
      }
    }
    return methods;
  }

  #warnOfOverride(overriding: object, owner: object, method: string | symbol): void {
    const source = sourceOf(owner, method);
    this.#logger.warn(
      `${sourceOf(overriding, method)} overrides ${source}, which is decorated, without a decorator of its own, ` +
        `so what ${source} declares is not declared for it. Decorate the override too.`,
    );
  }

  #repeated(prototype: object, first: Wrapper, second: Wrapper): never[] {
    if (first.instance !== second.instance || !isStatic(first)) {
      this.#logger.warn(
        `There are two instances of ${nameOf(prototype)}: in ${moduleOf(first)} and in ${moduleOf(second)}. ` +
          `Its jobs run on the one in ${moduleOf(first)}. Provide it in one module, and export it from there.`,
      );
    }
    return [];
  }
}

function found(wrapper: Wrapper, prototype: object, method: string | symbol, declared: DeclaredMethod): FoundMethod {
  const isStaticProvider = isStatic(wrapper);
  return {
    target: prototype.constructor as Type,
    method,
    source: sourceOf(prototype, method),
    module: moduleOf(wrapper),
    declared,
    isStatic: isStaticProvider,
    call: isStaticProvider
      ? (argument) => (wrapper.instance as Methods)[method]!(argument)
      : async (argument) => {
          const instance = await instanceFor(wrapper, argument);
          // it may have taken long
          if (argument instanceof JobContext) argument.signal.throwIfAborted();
          return await instance[method]!(argument);
        },
  };
}

async function instanceFor(wrapper: Wrapper, request: unknown): Promise<Methods> {
  // the reference of the provider's own module: another module may know the token for something else
  const moduleRef = wrapper.host!.providers.get(ModuleRef)!.instance as ModuleRef;
  const contextId = contextFor(request);
  // what is durable may outlive the run: as for a request over HTTP, the strategy says what it may know
  const isKept = contextId.getParent !== undefined && wrapper.isDependencyTreeDurable();
  moduleRef.registerRequestByContextId(isKept ? contextId.payload : request, contextId);
  return await moduleRef.resolve<Methods>(wrapper.token as string, contextId, { strict: true });
}

/** An application's strategy for durable providers may have been written with nothing but HTTP in mind. */
function contextFor(request: unknown): ContextId {
  try {
    return ContextIdFactory.getByRequest(request as Record<string, unknown>);
  } catch (error) {
    throw new Error(
      `The application's ContextIdStrategy failed for a job: ${describeError(error).message}. It gets the JobContext ` +
        `in place of a request. Let it tell them apart: request instanceof JobContext ? … : ….`,
      { cause: error },
    );
  }
}

function isStatic(wrapper: Wrapper): boolean {
  return wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
}

/** null: nobody can tell what it will be, or it is no instance of a class. */
function prototypeOf(wrapper: Wrapper): object | null {
  if (!wrapper.isNotMetatype) return ((wrapper.metatype as Type).prototype as object | undefined) ?? null;
  const instance: unknown = isStatic(wrapper) ? wrapper.instance : null;
  return typeof instance === 'object' && instance !== null ? (Object.getPrototypeOf(instance) as object | null) : null;
}

function chainOf(prototype: object): object[] {
  const chain: object[] = [];
  for (let each: object | null = prototype; each !== null && each !== Object.prototype;) {
    chain.push(each);
    each = Object.getPrototypeOf(each) as object | null;
  }
  return chain;
}

function nameOf(prototype: object): string {
  return prototype.constructor.name;
}
function sourceOf(prototype: object, method: string | symbol): string {
  return `${nameOf(prototype)}.${typeof method === 'symbol' ? (method.description ?? 'symbol') : method}`;
}
function moduleOf(wrapper: Wrapper): string {
  return wrapper.host?.metatype?.name ?? 'an unknown module';
}
