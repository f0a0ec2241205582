/** Where and when to cut a connection. */
export interface CutOptions {
  /** The statement: text it contains, or a pattern. */
  match: RegExp | string;
  /** `before`: it never reaches the server. `after`: it is executed, and its answer is lost. */
  side: 'before' | 'after';
  /** Which of the statements that match, counted over all connections from the call on. @default 1 */
  occurrence?: number;
}

export interface ArmedCut {
  readonly side: 'before' | 'after';
  readonly statement: string;
  /** The connection is cut. */
  done(): void;
}

interface Waiting extends CutOptions {
  left: number;
  resolve(statement: string): void;
  reject(error: Error): void;
}

/** The cuts that were asked for and have not met their statement. */
export class Cuts {
  #waiting: Waiting[] = [];

  /** Resolves to the statement's text when the connection has been cut. */
  add(options: CutOptions): Promise<string> {
    const { promise, resolve, reject } = promiseWithResolvers<string>();
    this.#waiting.push({ ...options, left: options.occurrence ?? 1, resolve, reject });
    promise.catch(() => {});
    return promise;
  }

  /** The cut that meets one of `statements`, which are sent together; it is not met again. */
  meet(statements: readonly string[]): ArmedCut | undefined {
    for (const cut of this.#waiting) {
      const statement = statements.find((text) => matches(text, cut.match));
      if (statement === undefined || --cut.left > 0) continue;
      this.#waiting = this.#waiting.filter((other) => other !== cut);
      return { side: cut.side, statement, done: () => cut.resolve(statement) };
    }
    return undefined;
  }

  /** Rejects what was never met. */
  close(): void {
    for (const { match, reject } of this.#waiting) {
      reject(new Error(`The proxy was closed before a statement came that matches ${String(match)}.`));
    }
    this.#waiting = [];
  }
}

function matches(text: string, match: RegExp | string): boolean {
  return typeof match === 'string' ? text.includes(match) : text.search(match) >= 0;
}

function promiseWithResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}
