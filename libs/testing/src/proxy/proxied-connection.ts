import { Socket } from 'node:net';
import { Answers, type Answer } from './answers.js';
import type { Strike } from './cuts.js';
import { Lane } from './lane.js';
import { resetSocket } from './reset-socket.js';
import type { Weather } from './weather.js';
import { MessageReader, StatementTracker, type Message } from './wire.js';

export interface Target {
  readonly host: string;
  readonly port: number;
}

interface Surroundings {
  readonly target: Target;
  readonly weather: Weather;
  /** Statements are about to be sent together; answers what is to be done there, if anything. */
  onStatements(statements: readonly string[]): Strike | undefined;
  onClose(connection: ProxiedConnection): void;
}

/** A statement is executed whose answer does not arrive: the answer from `first` to `last`. */
interface Losing {
  readonly strike: Strike;
  readonly first: Answer;
  readonly last: Answer;
  readonly lost: Buffer[];
}

/** A client that sends this much and asks for no answer has it passed on all the same. */
const HELD_BYTES = 256 * 1024;
/** A reset can overtake what was sent before it: half a message is given the time to be read. */
const HALF_IS_READ_MS = 20;
const NOTHING = Buffer.alloc(0);

/** One client's connection, passed on message by message. */
export class ProxiedConnection {
  readonly #client: Socket;
  readonly #server = new Socket({ allowHalfOpen: true });
  readonly #surroundings: Surroundings;
  readonly #toServer: Lane;
  readonly #toClient: Lane;
  readonly #fromClient = new MessageReader('client');
  readonly #fromServer = new MessageReader('server');
  readonly #statements = new StatementTracker();
  readonly #answers = new Answers();
  #opened = false;
  #closed = false;
  /** Messages of the extended protocol, held until the client asks for their answer. */
  #held: Message[] = [];
  #heldBytes = 0;
  /** The texts of the statements that are held, and which of the messages executes them. */
  #heldStatements: { text: string; at: number }[] = [];
  #losing: Losing | null = null;
  /** The cut is made as soon as what came before it has been passed on: nothing more is. */
  #ending = false;
  #cut: Strike | null = null;

  constructor(client: Socket, surroundings: Surroundings, silent: boolean) {
    const server = this.#server;
    const { weather } = surroundings;
    this.#client = client;
    this.#surroundings = surroundings;
    const toServer = (chunk: Buffer): void => this.#guarded(() => this.#onClientData(chunk));
    const toClient = (chunk: Buffer): void => this.#guarded(() => this.#onServerData(chunk));
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
    }
    this.#toServer = new Lane({ direction: 'to-server', source: client, target: server, weather, read: toServer });
    this.#toClient = new Lane({ direction: 'to-client', source: server, target: client, weather, read: toClient });
    // A client that leaves before there was a server: nobody is left to whom it matters.
    client.on('end', () => this.#opened || this.reset());
    for (const socket of [client, server]) socket.on('close', () => this.#onClosed());
    if (silent) this.silence();
    else this.#open();
  }

  /** Nothing passes any more, in either direction, and neither side learns that the other has left. */
  silence(): void {
    this.#toServer.silence();
    this.#toClient.silence();
  }

  /** What was kept meanwhile passes first, as after a network that was away and is back. */
  unsilence(): void {
    if (!this.#opened) this.#open();
    this.#toServer.unsilence();
    this.#toClient.unsilence();
  }

  /** What is late goes on at once. */
  hurry(): void {
    this.#toServer.hurry();
    this.#toClient.hurry();
  }

  /** Both sides see their connection reset. */
  reset(): void {
    this.#ending = true;
    this.#toServer.stop();
    this.#toClient.stop();
    resetSocket(this.#client);
    resetSocket(this.#server);
    this.#cut?.done?.();
    this.#cut = null;
  }

  #open(): void {
    this.#opened = true;
    this.#server.connect(this.#surroundings.target);
  }

  #onClientData(chunk: Buffer): void {
    for (const message of this.#fromClient.read(chunk)) {
      if (this.#ending) return;
      if (message.type === 'encryption') this.#toClient.send(Buffer.from('N'));
      else if (message.type.length > 1) this.#toServer.send(message.bytes);
      // COPY data belongs to the statement whose answer gets lost, and so does the Sync after it.
      else if (!this.#losing || 'dcfS'.includes(message.type)) this.#onClientMessage(message);
    }
  }

  #onClientMessage(message: Message): void {
    const text = this.#statements.read(message);
    if (text !== undefined) this.#heldStatements.push({ text, at: this.#held.length });
    this.#held.push(message);
    this.#heldBytes += message.bytes.length;
    if ('PBDEC'.includes(message.type) && this.#heldBytes < HELD_BYTES) return;
    const unit = this.#held;
    const statements = this.#heldStatements;
    this.#held = [];
    this.#heldBytes = 0;
    this.#heldStatements = [];
    const texts = statements.map((statement) => statement.text);
    const strike = texts.length > 0 ? this.#surroundings.onStatements(texts) : undefined;
    this.#passUnit(unit, strike, statements[strike?.index ?? 0]?.at ?? 0);
  }

  /** @param at which of the messages executes the statement that is struck */
  #passUnit(unit: Message[], strike: Strike | undefined, at: number): void {
    if (strike?.what === 'before') return this.#end(this.#toServer, NOTHING, strike);
    if (strike?.what === 'in-request') return this.#end(this.#toServer, firstHalf(unit.slice(0, at + 1)), strike);
    if (strike?.what === 'silence') this.silence();
    const answers = unit.flatMap(({ type }) => this.#answers.sent(type) ?? []);
    const [first, last] = [answers[0], answers.at(-1)];
    if (strike?.what === 'in-answer' || strike?.what === 'after') {
      this.#cut = strike;
      if (first && last) this.#losing = { strike, first, last, lost: [] };
    }
    for (const { bytes } of unit) this.#toServer.send(bytes, { delayMs: strike?.delayMs });
  }

  #onServerData(chunk: Buffer): void {
    for (const { type, bytes } of this.#fromServer.read(chunk)) {
      if (this.#ending) return;
      // The client sends its COPY data only when it hears that the server waits for it.
      const lost = this.#losing && this.#answers.isNext(this.#losing.first) && type !== 'G' ? this.#losing : null;
      if (!lost) this.#toClient.send(bytes);
      else if (lost.strike.what === 'in-answer') lost.lost.push(bytes);
      this.#answers.received(type);
      if (lost && !this.#answers.isOwed(lost.last)) this.#end(this.#toClient, half(lost.lost), lost.strike);
    }
  }

  /** Cuts the connection when `lane` has passed on what it has, and `bytes` as the last. */
  #end(lane: Lane, bytes: Buffer, strike: Strike): void {
    this.#ending = true;
    this.#cut = strike;
    const reset = (): void => this.reset();
    lane.send(bytes, { sent: () => (bytes.length > 0 ? setTimeout(reset, HALF_IS_READ_MS) : reset()) });
  }

  /** A stranger that does not speak the protocol is none of ours. */
  #guarded(pass: () => void): void {
    try {
      pass();
    } catch {
      this.reset();
    }
  }

  #onClosed(): void {
    if (this.#cut) return this.reset();
    if (this.#closed || !this.#client.destroyed || (this.#opened && !this.#server.destroyed)) return;
    this.#closed = true;
    this.#surroundings.onClose(this);
  }
}

function firstHalf(messages: Message[]): Buffer {
  return half(messages.map(({ bytes }) => bytes));
}

function half(parts: Buffer[]): Buffer {
  const whole = Buffer.concat(parts);
  return whole.subarray(0, whole.length / 2);
}
