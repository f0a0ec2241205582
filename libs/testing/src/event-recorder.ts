/** Whatever can be listened to by name: a `SchedulerService`, for one. */
export interface EventSource<Events extends object> {
  /** Returns what ends the listening. */
  on<Name extends keyof Events>(event: Name, listener: (payload: Events[Name]) => unknown): () => void;
}

/** One event that came. */
export type RecordedEvent<Events extends object> = {
  [Name in keyof Events]: { readonly name: Name; readonly payload: Events[Name] };
}[keyof Events];

export interface WaitOptions {
  /** In real time, whatever clock the application runs on. @default 30000 */
  timeoutMs?: number;
  /** Skips as many of the events recorded so far; `recorder.events.length` waits for one that has not come yet. @default 0 */
  from?: number;
}

/** Starts to record `names` of `source`. Tests wait for what it hears instead of sleeping. */
export function recordEvents<Events extends object = Record<string, unknown>>(
  source: EventSource<Events>,
  names: readonly (keyof Events)[],
): EventRecorder<Events> {
  return new EventRecorder(source, names);
}

/** The events of a source in the order they came. Made by `recordEvents`. */
export class EventRecorder<Events extends object> {
  readonly #events: RecordedEvent<Events>[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #unsubscribe: (() => void)[];

  constructor(source: EventSource<Events>, names: readonly (keyof Events)[]) {
    this.#unsubscribe = names.map((name) =>
      source.on(name, (payload) => {
        this.#events.push({ name, payload });
        for (const look of this.#waiting) look();
      }),
    );
  }

  get events(): readonly RecordedEvent<Events>[] {
    return this.#events;
  }

  get names(): (keyof Events)[] {
    return this.#events.map(({ name }) => name);
  }

  /**
   * The payload of the first event `name` that `predicate` accepts, whether it has come already or is still to come.
   * Rejects after `timeoutMs` with a list of what came instead.
   */
  waitFor<Name extends keyof Events>(
    name: Name,
    predicate: (payload: Events[Name]) => boolean = () => true,
    { timeoutMs = 30_000, from = 0 }: WaitOptions = {},
  ): Promise<Events[Name]> {
    const isIt = (event: RecordedEvent<Events>): event is RecordedEvent<Events> & { payload: Events[Name] } =>
      event.name === name && predicate(event.payload as Events[Name]);
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        this.#timers.delete(timer);
        this.#waiting.delete(look);
      };
      const timer = setTimeout(() => {
        stop();
        const seen = this.names.map(String).join(', ') || 'nothing';
        reject(new Error(`No event "${String(name)}" as expected came within ${timeoutMs} ms. Seen: ${seen}.`));
      }, timeoutMs);
      this.#timers.add(timer);
      let next = from;
      const look = (): void => {
        try {
          const found = this.#events.slice(next).find(isIt);
          next = this.#events.length;
          if (!found) return;
          stop();
          resolve(found.payload);
        } catch (error) {
          stop();
          reject(error as Error);
        }
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Stops listening; what was recorded stays. A wait that is not over keeps no process alive from then on. */
  stop(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    for (const timer of this.#timers) timer.unref();
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}
