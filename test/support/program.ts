import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const WITHIN_MS = 120_000;

/** `npm start`, or another program of the repository, in a process of its own. Tests wait for its lines. */
export class Program implements AsyncDisposable {
  readonly lines: string[] = [];
  /** Resolves to the exit code, or to the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #waiting = new Set<() => void>();

  private constructor(args: readonly string[], environment: NodeJS.ProcessEnv) {
    this.#child = spawn(process.execPath, ['scripts/start.mjs', ...args], {
      cwd: REPOSITORY,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface(stream).on('line', (line) => this.#heard(line));
    }
    this.ended = new Promise((resolve) => this.#child.once('close', (code, signal) => resolve(code ?? signal)));
    void this.ended.then(() => this.#look());
  }

  static start(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Program {
    return new Program(args, environment);
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  linesLike(pattern: RegExp): string[] {
    return this.lines.filter((line) => pattern.test(line));
  }

  /** Resolves when `isSo` holds, looked at after each line. Rejects when the program ends before, or says nothing new. */
  until(isSo: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        act();
      };
      const fail = (why: string): void =>
        settle(() => reject(new Error(`${why} before ${what}. It said:\n${this.lines.join('\n')}`)));
      const look = (): void => {
        if (isSo()) settle(resolve);
        else if (this.hasEnded) fail('The program ended');
      };
      const timer = setTimeout(() => fail(`${WITHIN_MS / 1_000} s passed`), WITHIN_MS);
      this.#waiting.add(look);
      look();
    });
  }

  /** Until `count` lines match. */
  untilLines(pattern: RegExp, count = 1): Promise<void> {
    return this.until(() => this.linesLike(pattern).length >= count, `${count} of ${String(pattern)}`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasEnded) this.#child.kill('SIGKILL');
    await this.ended;
  }

  #heard(line: string): void {
    this.lines.push(line);
    this.#look();
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }
}
