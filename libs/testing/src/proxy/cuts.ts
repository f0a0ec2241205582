import { normalized, type Point } from './points.js';

/**
 * Where a connection is cut, seen from one statement. Always both sides see their connection reset.
 * - `before`: the statement never reaches the server.
 * - `in-request`: half of its bytes reach the server, which does not execute it.
 * - `in-answer`: it is executed, and half of its answer's bytes reach the client.
 * - `after`: it is executed, and its answer is lost.
 */
export type CutSide = 'before' | 'in-request' | 'in-answer' | 'after';

/** Where and when to cut a connection. */
export interface CutOptions {
  /** The statement: text it contains, or a pattern. */
  match: RegExp | string;
  side: CutSide;
  /** Which of the statements that match, counted over all connections from the call on. @default 1 */
  occurrence?: number;
}

/** What is to be done at one of some statements that are sent together. */
export interface Strike {
  readonly what: CutSide | 'delay' | 'silence';
  /** Which of the statements it is. */
  readonly index: number;
  readonly delayMs?: number;
  /** The connection is cut. */
  done?(): void;
}

interface Waiting {
  readonly side: CutSide;
  readonly description: string;
  matches(statement: string): boolean;
  left: number;
  resolve(statement: string): void;
  reject(error: Error): void;
}

/** The cuts that were asked for and have not met their statement. */
export class Cuts {
  #waiting: Waiting[] = [];

  /** Resolves to the statement's text when the connection has been cut. */
  add({ match, side, occurrence = 1 }: CutOptions): Promise<string> {
    if (!Number.isInteger(occurrence) || occurrence < 1) {
      throw new RangeError(`occurrence is ${occurrence}. Give a whole number, 1 for the first.`);
    }
    const matches = (text: string): boolean =>
      typeof match === 'string' ? text.includes(match) : text.search(match) >= 0;
    return this.#wait({ side, matches, left: occurrence, description: `matches ${String(match)}` });
  }

  /** As `add`, at exactly this statement. */
  addAt({ statement, occurrence }: Point, side: CutSide): Promise<string> {
    const matches = (text: string): boolean => normalized(text) === statement;
    return this.#wait({ side, matches, left: occurrence, description: `is number ${occurrence} of ${statement}` });
  }

  /** The cut that meets one of `statements`, which are sent together; it is not met again. */
  meet(statements: readonly string[]): Strike | undefined {
    let met: { cut: Waiting; index: number } | undefined;
    for (const cut of this.#waiting) {
      for (const [index, statement] of statements.entries()) {
        if (!cut.matches(statement) || --cut.left > 0) continue;
        met ??= { cut, index };
        // One connection is cut once: another cut that is due here takes the next statement.
        cut.left = 1;
        break;
      }
    }
    if (!met) return undefined;
    const { cut, index } = met;
    this.#waiting = this.#waiting.filter((other) => other !== cut);
    return { what: cut.side, index, done: () => cut.resolve(statements[index] ?? '') };
  }

  /** Rejects what was never met. */
  close(): void {
    for (const { description, reject } of this.#waiting) {
      reject(new Error(`The proxy was closed before a statement came that ${description}.`));
    }
    this.#waiting = [];
  }

  #wait(cut: Omit<Waiting, 'resolve' | 'reject'>): Promise<string> {
    const { promise, resolve, reject } = promiseWithResolvers<string>();
    this.#waiting.push({ ...cut, resolve, reject });
    promise.catch(() => {});
    return promise;
  }
}

function promiseWithResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}
