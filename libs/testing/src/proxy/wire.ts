/** The framing of PostgreSQL's protocol, version 3: no more than a proxy needs to see statements and answers. */

/** One whole message, with its header. `type` is its letter, or `startup` for the few that have none. */
export interface Message {
  readonly type: string;
  readonly bytes: Buffer;
}

const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;
/** PostgreSQL's own limits. A stranger's first bytes do not make the proxy wait for gigabytes. */
const LONGEST_STARTUP = 10_000;
const LONGEST_MESSAGE = 0x3fff_ffff;

/** Cuts a stream of bytes, in whatever pieces they come, into messages. */
export class MessageReader {
  #rest: Buffer = Buffer.alloc(0);
  /** What came after `#rest`, put together once it is enough: a large message comes in thousands of pieces. */
  #pieces: Buffer[] = [];
  #bytes = 0;
  #needed = 0;
  #startingUp: boolean;

  /** @param side whose messages these are: a client's first ones have no type */
  constructor(side: 'client' | 'server') {
    this.#startingUp = side === 'client';
  }

  /** The messages that `chunk` completes. */
  *read(chunk: Buffer): Generator<Message> {
    this.#pieces.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return;
    this.#rest =
      this.#rest.length === 0 && this.#pieces.length === 1 ? chunk : Buffer.concat([this.#rest, ...this.#pieces]);
    this.#pieces = [];
    for (let bytes = this.#next(); bytes; bytes = this.#next()) {
      yield { type: this.#startingUp ? this.#firstType(bytes) : String.fromCharCode(bytes.readUInt8(0)), bytes };
    }
  }

  #next(): Buffer | undefined {
    const header = this.#startingUp ? 0 : 1;
    this.#needed = header + 4;
    if (this.#bytes < this.#needed) return undefined;
    const length = this.#rest.readInt32BE(header);
    const longest = this.#startingUp ? LONGEST_STARTUP : LONGEST_MESSAGE;
    if (length < 4 || length > longest) throw new Error('This is not the PostgreSQL protocol.');
    this.#needed = header + length;
    if (this.#bytes < this.#needed) return undefined;
    const bytes = this.#rest.subarray(0, this.#needed);
    this.#rest = this.#rest.subarray(this.#needed);
    this.#bytes = this.#rest.length;
    return bytes;
  }

  #firstType(bytes: Buffer): 'startup' | 'encryption' | 'cancel' {
    const code = bytes.length >= 8 ? bytes.readInt32BE(4) : 0;
    if (code === SSL_REQUEST || code === GSS_REQUEST) return 'encryption';
    this.#startingUp = false;
    return code === CANCEL_REQUEST ? 'cancel' : 'startup';
  }
}

/** Follows which statements a client runs: texts of simple queries, and of prepared ones each time they are executed. */
export class StatementTracker {
  readonly #prepared = new Map<string, string>();
  /** The texts of portals that are bound and were not executed yet: fetching more rows is no new statement. */
  readonly #portals = new Map<string, string>();

  /** The statement that `message` runs, if it is one that runs a statement. */
  read({ type, bytes }: Message): string | undefined {
    if (type === 'Q') return readText(bytes, 5).text;
    if (type === 'P') {
      const name = readText(bytes, 5);
      this.#prepared.set(name.text, readText(bytes, name.end).text);
    }
    if (type === 'B') {
      const portal = readText(bytes, 5);
      this.#portals.set(portal.text, this.#prepared.get(readText(bytes, portal.end).text) ?? '');
    }
    return type === 'E' ? this.#execute(readText(bytes, 5).text) : undefined;
  }

  #execute(portal: string): string | undefined {
    const statement = this.#portals.get(portal);
    this.#portals.delete(portal);
    return statement;
  }
}

/** Text ends with a zero byte. */
function readText(bytes: Buffer, start: number): { text: string; end: number } {
  const zero = bytes.indexOf(0, start);
  const end = zero < 0 ? bytes.length : zero;
  return { text: bytes.toString('utf8', start, end), end: end + 1 };
}
