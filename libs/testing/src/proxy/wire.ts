/** The framing of PostgreSQL's protocol, version 3: no more than a proxy needs to see statements and answers. */

/** One whole message, with its header. `type` is its letter, or `startup` for the few that have none. */
export interface Message {
  readonly type: string;
  readonly bytes: Buffer;
}

const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;

/** Cuts a stream of bytes, in whatever pieces they come, into messages. */
export class MessageReader {
  #rest: Buffer = Buffer.alloc(0);
  #startingUp: boolean;

  /** @param side whose messages these are: a client's first ones have no type */
  constructor(side: 'client' | 'server') {
    this.#startingUp = side === 'client';
  }

  /** The messages that `chunk` completes. */
  *read(chunk: Buffer): Generator<Message> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const header = this.#startingUp ? 0 : 1;
      if (this.#rest.length < header + 4) return;
      const length = header + this.#rest.readInt32BE(header);
      if (length < header + 4) throw new Error('This is not the PostgreSQL protocol.');
      if (this.#rest.length < length) return;
      const bytes = this.#rest.subarray(0, length);
      this.#rest = this.#rest.subarray(length);
      yield { type: this.#startingUp ? this.#firstType(bytes) : String.fromCharCode(bytes.readUInt8(0)), bytes };
    }
  }

  #firstType(bytes: Buffer): 'startup' | 'encryption' | 'cancel' {
    const code = bytes.length >= 8 ? bytes.readInt32BE(4) : 0;
    if (code === SSL_REQUEST || code === GSS_REQUEST) return 'encryption';
    this.#startingUp = false;
    return code === CANCEL_REQUEST ? 'cancel' : 'startup';
  }
}

/** Follows which statements a client runs: texts of simple queries, and of prepared statements each time they are bound. */
export class StatementTracker {
  readonly #prepared = new Map<string, string>();

  /** The statement that `message` runs, if it is one that runs a statement. */
  read({ type, bytes }: Message): string | undefined {
    if (type === 'Q') return readText(bytes, 5).text;
    if (type === 'P') {
      const name = readText(bytes, 5);
      this.#prepared.set(name.text, readText(bytes, name.end).text);
    }
    if (type === 'B') return this.#prepared.get(readText(bytes, readText(bytes, 5).end).text);
    return undefined;
  }
}

/** Text ends with a zero byte. */
function readText(bytes: Buffer, start: number): { text: string; end: number } {
  const zero = bytes.indexOf(0, start);
  const end = zero < 0 ? bytes.length : zero;
  return { text: bytes.toString('utf8', start, end), end: end + 1 };
}
