import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { recordEvents, type EventSource } from '../src/index.js';

interface Events {
  'run.started': { id: number };
  'run.failed': { id: number; reason: string };
}

class Source implements EventSource<Events> {
  readonly #emitter = new EventEmitter();

  on<Name extends keyof Events>(event: Name, listener: (payload: Events[Name]) => unknown): () => void {
    this.#emitter.on(event, listener);
    return () => void this.#emitter.off(event, listener);
  }

  emit<Name extends keyof Events>(event: Name, payload: Events[Name]): void {
    this.#emitter.emit(event, payload);
  }
}

describe('An event recorder', () => {
  it('keeps the events it is asked for in the order they come, until it stops', () => {
    const source = new Source();
    const recorder = recordEvents<Events>(source, ['run.started', 'run.failed']);
    source.emit('run.started', { id: 1 });
    source.emit('run.failed', { id: 1, reason: 'late' });
    recorder.stop();
    source.emit('run.started', { id: 2 });
    expect(recorder.events).toEqual([
      { name: 'run.started', payload: { id: 1 } },
      { name: 'run.failed', payload: { id: 1, reason: 'late' } },
    ]);
  });

  it('gives an event that has come and one that is still to come, the first that fits', async () => {
    const source = new Source();
    using recorder = recordEvents<Events>(source, ['run.started']);
    source.emit('run.started', { id: 1 });
    expect(await recorder.waitFor('run.started')).toEqual({ id: 1 });
    const second = recorder.waitFor('run.started', ({ id }) => id === 2);
    const next = recorder.waitFor('run.started', undefined, { from: recorder.events.length });
    source.emit('run.started', { id: 3 });
    source.emit('run.started', { id: 2 });
    expect(await second).toEqual({ id: 2 });
    expect(await next).toEqual({ id: 3 });
  });

  it('says what came instead when nothing fits in time', async () => {
    const source = new Source();
    using recorder = recordEvents<Events>(source, ['run.started', 'run.failed']);
    const waiting = recorder.waitFor('run.failed', undefined, { timeoutMs: 10 });
    source.emit('run.started', { id: 1 });
    await expect(waiting).rejects.toThrow('No event "run.failed" as expected came within 10 ms. Seen: run.started.');
  });

  it('keeps no process alive for a wait that is not over when it stops', () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const recorder = recordEvents<Events>(new Source(), ['run.started']);
    recorder.waitFor('run.started', undefined, { timeoutMs: 60_000 }).catch(() => {});
    expect(timers()).toBe(before + 1);
    recorder.stop();
    expect(timers()).toBe(before);
  });

  it('fails the wait when its predicate throws, and not the source', async () => {
    const source = new Source();
    using recorder = recordEvents<Events>(source, ['run.started']);
    const waiting = recorder.waitFor('run.started', () => {
      throw new Error('wrong question');
    });
    expect(() => source.emit('run.started', { id: 1 })).not.toThrow();
    await expect(waiting).rejects.toThrow('wrong question');
  });
});
