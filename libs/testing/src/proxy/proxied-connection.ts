import { connect, type Socket } from 'node:net';
import type { ArmedCut } from './cuts.js';
import { MessageReader, StatementTracker, type Message } from './wire.js';

export interface Target {
  readonly host: string;
  readonly port: number;
}

interface Watcher {
  /** Statements are about to be sent together; answers the cut to make there, if any. */
  onStatements(statements: readonly string[]): ArmedCut | undefined;
  onClose(connection: ProxiedConnection): void;
}

/** One client's connection, passed on message by message. */
export class ProxiedConnection {
  readonly #client: Socket;
  readonly #target: Target;
  readonly #watcher: Watcher;
  readonly #fromClient = new MessageReader('client');
  readonly #fromServer = new MessageReader('server');
  readonly #statements = new StatementTracker();
  #server: Socket | null = null;
  #silent = false;
  /** Messages of the extended protocol, held until the client asks for their answer. */
  #held: Buffer[] = [];
  #heldStatements: string[] = [];
  /** How many ReadyForQuery the server owes. The first one ends the startup. */
  #answersDue = 1;
  /** A statement is executed whose answer gets lost, after `answersBefore` that still go through. */
  #losing: { cut: ArmedCut; answersBefore: number } | null = null;

  constructor(client: Socket, target: Target, watcher: Watcher, silent: boolean) {
    this.#client = client;
    this.#target = target;
    this.#watcher = watcher;
    client.setNoDelay(true);
    client.on('error', () => {});
    client.on('close', () => this.#onClosed(this.#server));
    if (silent) this.silence();
    else this.#open();
  }

  /** Nothing passes any more, in either direction, and neither side learns that the other has left. */
  silence(): void {
    this.#silent = true;
    this.#client.pause();
    this.#server?.pause();
  }

  /** What the system kept meanwhile passes first, as after a network that was away and is back. */
  unsilence(): void {
    if (!this.#silent) return;
    this.#silent = false;
    if (this.#server) this.#server.resume();
    else this.#open();
    this.#client.resume();
  }

  /** Both sides see their connection reset. */
  reset(): void {
    this.#silent = false;
    this.#client.resetAndDestroy();
    this.#server?.resetAndDestroy();
    this.#losing?.cut.done();
    this.#losing = null;
  }

  #open(): void {
    const server = connect(this.#target);
    this.#server = server;
    server.setNoDelay(true);
    server.on('error', () => {});
    server.on('close', () => this.#onClosed(this.#client));
    server.on('end', () => this.#client.end());
    server.on('data', (chunk) => this.#guarded(() => this.#onServerData(chunk)));
    this.#client.on('end', () => server.end());
    this.#client.on('data', (chunk) => this.#guarded(() => this.#onClientData(chunk)));
  }

  #onClientData(chunk: Buffer): void {
    for (const message of this.#fromClient.read(chunk)) {
      if (this.#losing || this.#client.destroyed) return;
      if (message.type === 'encryption') this.#client.write('N');
      else if (message.type.length > 1) this.#server?.write(message.bytes);
      else this.#onClientMessage(message);
    }
  }

  #onClientMessage(message: Message): void {
    const statement = this.#statements.read(message);
    if (statement !== undefined) this.#heldStatements.push(statement);
    this.#held.push(message.bytes);
    if ('PBDEC'.includes(message.type)) return;
    // A query, or Sync: what is held now is one unit, with one ReadyForQuery as the end of its answer.
    const asksForAnswer = 'QSF'.includes(message.type);
    const cut = asksForAnswer ? this.#watcher.onStatements(this.#heldStatements) : undefined;
    if (asksForAnswer) this.#heldStatements = [];
    if (cut?.side === 'before') {
      this.reset();
      return cut.done();
    }
    if (cut) this.#losing = { cut, answersBefore: this.#answersDue };
    if (asksForAnswer) this.#answersDue++;
    for (const bytes of this.#held) this.#server?.write(bytes);
    this.#held = [];
  }

  #onServerData(chunk: Buffer): void {
    for (const { type, bytes } of this.#fromServer.read(chunk)) {
      const lost = this.#losing?.answersBefore === 0;
      if (!lost) this.#client.write(bytes);
      if (type !== 'Z') continue;
      this.#answersDue--;
      if (lost) return this.reset();
      if (this.#losing) this.#losing.answersBefore--;
    }
  }

  #guarded(pass: () => void): void {
    try {
      pass();
    } catch {
      this.reset();
    }
  }

  #onClosed(other: Socket | null): void {
    if (this.#silent) return;
    if (this.#losing) return this.reset();
    other?.destroySoon();
    if (this.#client.destroyed && (this.#server?.destroyed ?? true)) this.#watcher.onClose(this);
  }
}
