import type { Socket } from 'node:net';
import type { Direction, Weather } from './weather.js';

interface Parcel {
  bytes: Buffer;
  dueAt: number;
  readonly sent?: () => void;
}

interface LaneParts {
  readonly direction: Direction;
  readonly source: Socket;
  readonly target: Socket;
  readonly weather: Weather;
  /** Takes what has come, and calls `send` for what goes on. */
  read(chunk: Buffer): void;
}

/** So much may wait here before the source is no longer read. One message may be larger. */
const WAITING_BYTES = 256 * 1024;
const PIECES_PER_SECOND = 50;

/** One direction of a connection: what comes from one socket goes to the other, in order, as late and slow as it is told. */
export class Lane {
  readonly #parts: LaneParts;
  /** What came in the silence, not yet read. */
  #arrived: Buffer[] = [];
  #parcels: Parcel[] = [];
  #waitingBytes = 0;
  #sourceGone = false;
  #silent = false;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  /** When the throttle lets the next piece through. */
  #freeAt = 0;

  constructor(parts: LaneParts) {
    this.#parts = parts;
    const { source, target } = parts;
    source.on('data', (chunk: Buffer) => this.#onData(chunk));
    for (const leaving of ['end', 'close']) source.on(leaving, () => this.#onSourceGone());
    target.on('drain', () => this.#pass());
  }

  /** Passes `bytes` on after what was sent before. `sent` is called when the system has taken them. */
  send(bytes: Buffer, { sent, delayMs = 0 }: { sent?: () => void; delayMs?: number } = {}): void {
    if (this.#stopped) return;
    const { weather, direction } = this.#parts;
    this.#parcels.push({ bytes, dueAt: performance.now() + weather.delayMs(direction) + delayMs, sent });
    this.#waitingBytes += bytes.length;
    this.#passDue();
  }

  silence(): void {
    this.#silent = true;
  }

  unsilence(): void {
    this.#silent = false;
    const arrived = Buffer.concat(this.#arrived);
    this.#arrived = [];
    this.#waitingBytes -= arrived.length;
    if (arrived.length > 0) this.#onData(arrived);
    this.#pass();
  }

  /** What waits goes on at once. */
  hurry(): void {
    this.#freeAt = 0;
    for (const parcel of this.#parcels) parcel.dueAt = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pass();
  }

  /** What waits is lost. */
  stop(): void {
    this.#stopped = true;
    this.#parcels = [];
    this.#arrived = [];
    clearTimeout(this.#timer);
  }

  #onData(chunk: Buffer): void {
    if (this.#stopped) return;
    if (this.#silent) {
      this.#arrived.push(chunk);
      this.#waitingBytes += chunk.length;
    } else {
      // Many messages come in one chunk: they leave in one write.
      this.#parts.target.cork();
      this.#parts.read(chunk);
      this.#parts.target.uncork();
    }
    this.#steerSource();
  }

  #onSourceGone(): void {
    this.#sourceGone = true;
    this.#pass();
  }

  #pass(): void {
    this.#passDue();
    if (!this.#sourceGone || this.#silent || this.#stopped || this.#parcels.length > 0) return;
    this.#stopped = true;
    this.#parts.target.destroySoon();
  }

  #passDue(): void {
    const { target } = this.#parts;
    while (!this.#silent && !this.#stopped && !this.#timer && !target.writableNeedDrain) {
      const parcel = this.#parcels[0];
      if (!parcel) break;
      const now = performance.now();
      const waitMs = Math.max(parcel.dueAt, this.#freeAt) - now;
      if (waitMs > 0) this.#passLater(waitMs);
      else this.#write(parcel, now);
    }
    this.#steerSource();
  }

  #passLater(waitMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#pass();
    }, Math.ceil(waitMs));
  }

  #write(parcel: Parcel, now: number): void {
    const { weather, direction, target } = this.#parts;
    const rate = weather.bytesPerSecond(direction);
    const piece = parcel.bytes.subarray(0, Math.max(1, Math.ceil(rate / PIECES_PER_SECOND)));
    parcel.bytes = parcel.bytes.subarray(piece.length);
    this.#waitingBytes -= piece.length;
    this.#freeAt = Math.max(this.#freeAt, now) + (piece.length / rate) * 1000;
    const whole = parcel.bytes.length === 0;
    if (whole) this.#parcels.shift();
    if (target.writable) target.write(piece, whole ? () => parcel.sent?.() : undefined);
    else if (whole) parcel.sent?.();
  }

  /** A source is not read while its target does not keep up. */
  #steerSource(): void {
    const { source, target } = this.#parts;
    const full = this.#waitingBytes > WAITING_BYTES || target.writableNeedDrain;
    if (full !== source.isPaused()) source[full ? 'pause' : 'resume']();
  }
}
