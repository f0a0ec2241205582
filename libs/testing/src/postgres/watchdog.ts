import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';

/**
 * Reads what it guards from its standard input, and acts when that ends, however the process at the other end died:
 * a fast shutdown, after five seconds a kill, then the temporary directory goes. `$1` is that directory, or empty.
 */
export const WATCHDOG_SCRIPT = `
pid= frozen=
while read -r word rest; do
  case $word in
    pid) pid=$rest ;;
    frozen) frozen=$rest ;;
    released) exit 0 ;;
  esac
done
if [ -n "$pid" ]; then
  [ -n "$frozen" ] && kill -CONT $frozen
  kill -INT "$pid"
  turns=0
  while kill -0 "$pid" && [ $turns -lt 50 ]; do turns=$((turns + 1)); sleep 0.1; done
  kill -KILL "$pid"
fi 2>/dev/null
[ -n "$1" ] && rm -rf "$1" "$1.unfinished"
exit 0
`;

/** Takes the server down when this process ends in any way, SIGKILL included, and never outlives it for long. */
export class Watchdog {
  readonly #child: ChildProcess;

  /** @param temporaryDirectory removed after the server's end; null keeps the data */
  constructor(temporaryDirectory: string | null) {
    this.#child = spawn('/bin/sh', ['-c', WATCHDOG_SCRIPT, 'vigil-watchdog', temporaryDirectory ?? ''], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#child.on('error', () => {});
    this.#child.stdin?.on('error', () => {});
    this.#child.unref();
    if (this.#child.stdin instanceof Socket) this.#child.stdin.unref();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** @param pid of the server; null when it is down */
  guard(pid: number | null): void {
    this.#say(`pid ${pid ?? ''}`);
  }

  /** @param pids stopped processes, which must be woken to be able to end */
  frozen(pids: readonly number[]): void {
    this.#say(`frozen ${pids.join(' ')}`);
  }

  /** Ends the watchdog and leaves the server and its directory alone. */
  release(): void {
    this.#say('released');
    this.#child.stdin?.end();
  }

  #say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }
}
