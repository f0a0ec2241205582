import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export type Line = Record<string, unknown>;

export interface ReplicaOptions {
  /** What the process runs. @default replica.mjs */
  script?: URL;
  /** Told each line as it comes. */
  onLine?: (line: Line) => void;
}

/** A scheduler in a process of its own. */
export class Replica implements AsyncDisposable {
  readonly lines: Line[] = [];
  readonly noise: string[] = [];
  readonly exited: Promise<number | null>;
  readonly #waiting = new Set<() => void>();

  private constructor(
    readonly process: ChildProcess,
    private readonly onLine: (line: Line) => void,
  ) {
    this.exited = new Promise((resolve) => process.once('exit', resolve));
    createInterface({ input: process.stdout! }).on('line', (text) => this.#heard(text));
    createInterface({ input: process.stderr! }).on('line', (text) => this.noise.push(text));
    void this.exited.then(() => this.#look());
  }

  static start(
    environment: Record<string, string>,
    { script = new URL('replica.mjs', import.meta.url), onLine = () => {} }: ReplicaOptions = {},
  ): Replica {
    const env = { ...process.env, ...environment };
    const child = spawn(process.execPath, [fileURLToPath(script)], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    return new Replica(child, onLine);
  }

  /** Of its own accord or not. */
  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** The first line from `from` on that `isIt` accepts. Rejects when the process ends or 60 s of real time are over. */
  waitFor(isIt: (line: Line) => boolean, what: string, from = 0): Promise<Line> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      const fail = (why: string): void => {
        end();
        reject(
          new Error(`No "${what}": ${why}. Heard: ${JSON.stringify(this.lines.slice(-10))} ${this.noise.join('\n')}`),
        );
      };
      const timer = setTimeout(() => fail('60 s are over'), 60_000);
      const look = (): void => {
        const line = this.lines.slice(from).find(isIt);
        if (line !== undefined) {
          end();
          resolve(line);
        } else if (this.hasEnded) fail(`the process ended with ${this.process.exitCode ?? this.process.signalCode}`);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Drains and ends. Resolves with the exit code. */
  async stop(): Promise<number | null> {
    if (!this.hasEnded) this.process.stdin!.write('stop\n');
    return this.exited;
  }

  /** SIGKILL, if it is still there. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasEnded) this.process.kill('SIGKILL');
    await this.exited;
  }

  #heard(text: string): void {
    if (text.startsWith('{')) {
      const line = JSON.parse(text) as Line;
      this.lines.push(line);
      this.onLine(line);
    } else this.noise.push(text);
    this.#look();
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }
}
