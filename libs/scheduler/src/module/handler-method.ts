import type { JobContext } from '../engine/job-context.js';

export type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;

/** What `data` may be: what JSON gives back unchanged. A Date, Map, bigint or function becomes `never`. */
export type JsonSafe<T> = unknown extends T
  ? T
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends
          | bigint
          | symbol
          | ((...args: never[]) => unknown)
          | { toJSON(): unknown }
          | ReadonlyMap<unknown, unknown>
          | ReadonlySet<unknown>
      ? never
      : { [K in keyof T]: JsonSafe<T[K]> };

type ContextOf<M> = M extends (...args: infer A) => unknown
  ? A extends readonly []
    ? undefined
    : Required<A> extends readonly [infer C]
      ? C
      : never
  : never;

/** The data that a handler method's context gives it. */
export type DataOf<M> =
  ContextOf<M> extends infer C ? (C extends JobContext<infer D> ? D : C extends undefined ? undefined : never) : never;

/** Names of the methods of C that take nothing or one JobContext. */
export type HandlerMethod<C> = { [K in keyof C]: [DataOf<C[K]>] extends [never] ? never : K }[keyof C] & string;

/** `data` is required where the handler's context wants some, and refused where it wants none. */
export type DataField<D> = [D] extends [undefined]
  ? { data?: undefined }
  : undefined extends D
    ? { data?: JsonSafe<D> }
    : { data: JsonSafe<D> };
