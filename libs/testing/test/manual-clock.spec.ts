import { setTimeout as realSleep } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';
import { ManualClock } from '../src/index.js';

const MINUTE = 60_000;

describe('A manual clock', () => {
  it('wakes each sleeper at its moment, the earliest first, and ends exactly at the time asked for', async () => {
    const clock = new ManualClock('2026-03-01T00:00:00Z');
    const woken: string[] = [];
    const sleep = (name: string, ms: number) =>
      clock.sleep(ms).then(() => woken.push(`${name} ${clock.monotonicMs()}`));
    void sleep('late', 3 * MINUTE);
    void sleep('early', MINUTE);
    void sleep('early too', MINUTE);
    await clock.advance(2.5 * MINUTE);
    expect(woken).toEqual(['early 60000', 'early too 60000']);
    expect(clock.now()).toEqual(new Date('2026-03-01T00:02:30Z'));
    await clock.advance(0.5 * MINUTE);
    expect(woken).toEqual(['early 60000', 'early too 60000', 'late 180000']);
  });

  it('lets a loop that sleeps again and again turn at each of its moments', async () => {
    const clock = new ManualClock();
    const turns: number[] = [];
    const loop = async (): Promise<void> => {
      for (;;) {
        await clock.sleep(20_000);
        await new Promise((resolve) => setImmediate(resolve));
        turns.push(clock.monotonicMs());
      }
    };
    void loop();
    await clock.advance(MINUTE);
    expect(turns).toEqual([20_000, 40_000, 60_000]);
  });

  it('wakes a sleeper whose signal aborts at once, and one whose signal has aborted never sleeps', async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const sleeping = clock.sleep(MINUTE, controller.signal);
    expect(clock.sleepers).toBe(1);
    controller.abort();
    await sleeping;
    await clock.sleep(MINUTE, controller.signal);
    expect(clock.sleepers).toBe(0);
    expect(clock.monotonicMs()).toBe(0);
  });

  it('steps the wall clock without waking anybody or touching elapsed time', async () => {
    const clock = new ManualClock('2026-01-01T00:00:00Z');
    void clock.sleep(MINUTE);
    clock.step(-10 * MINUTE);
    expect(clock.now()).toEqual(new Date('2025-12-31T23:50:00Z'));
    expect(clock.monotonicMs()).toBe(0);
    clock.step(60 * MINUTE);
    await clock.advance(MINUTE - 1);
    expect(clock.sleepers).toBe(1);
    await clock.advance(1);
    expect(clock.sleepers).toBe(0);
  });

  it('does not let a sleep of nothing run ahead of the next advance', async () => {
    const clock = new ManualClock();
    let awake = false;
    void clock.sleep(0).then(() => (awake = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(awake).toBe(false);
    await clock.advance(0);
    expect(awake).toBe(true);
  });

  it('shows the exact time after sleeps of parts of a millisecond', async () => {
    const clock = new ManualClock('2026-01-01T00:00:00Z');
    const sleepers = Array.from({ length: 1_000 }, (_, index) => clock.sleep((index + 1) / 7));
    await clock.advance(60_000);
    await Promise.all(sleepers);
    expect(clock.now().toISOString()).toBe('2026-01-01T00:01:00.000Z');
  });

  it('takes durations as text', async () => {
    const clock = new ManualClock();
    await clock.advance('1d');
    await clock.advance('PT1H');
    expect(clock.now()).toEqual(new Date('2026-01-02T01:00:00Z'));
    await expect(clock.advance('1 day' as '1d')).rejects.toThrow('not a duration');
  });

  it('says when it is woken very often on its way', async () => {
    const clock = new ManualClock();
    void (async () => {
      for (;;) await clock.sleep(1);
    })();
    await expect(clock.advance('1h', { mostWakes: 50 })).rejects.toThrow(
      /has woken 50 sleepers.*2026-01-01T00:00:00.050Z/,
    );
  });

  it('refuses to go back, to go two ways at once, and to start at no date', async () => {
    const clock = new ManualClock();
    await expect(clock.advance(-1)).rejects.toThrow(RangeError);
    await expect(clock.advance(Number.NaN)).rejects.toThrow(RangeError);
    const advancing = clock.advance(1);
    await expect(clock.advance(1)).rejects.toThrow('being advanced already');
    await advancing;
    expect(() => new ManualClock('noon')).toThrow('"noon" is no date');
  });
});

describe('Work that a manual clock follows', () => {
  it('is waited for in real time, until it ends or sleeps on the clock', async () => {
    const clock = new ManualClock();
    const steps: string[] = [];
    const following = clock.follow({ what: 'it' }, async () => {
      await realSleep(20);
      steps.push(`worked at ${clock.monotonicMs()}`);
      await clock.sleep(MINUTE);
      await realSleep(20);
      steps.push(`worked at ${clock.monotonicMs()}`);
    });
    await clock.advance('30s');
    expect(steps).toEqual(['worked at 0']);
    await clock.advance('10m');
    expect(steps).toEqual(['worked at 0', 'worked at 60000']);
    await following;
  });

  it('stops time when it is stuck, and not when it may need time or nobody wants to wait', async () => {
    const clock = new ManualClock();
    const end = new AbortController();
    const stuck = () => new Promise<void>((resolve) => end.signal.addEventListener('abort', () => resolve()));
    const may = clock.follow({ what: 'this', mayNeedTime: () => true }, stuck);
    await clock.advance('1m', { patienceMs: 5 });
    expect(clock.monotonicMs()).toBe(MINUTE);
    const mayNot = clock.follow({ what: 'that' }, stuck);
    await expect(clock.advance('1m', { patienceMs: 5 })).rejects.toThrow(
      /Time stands at 2026-01-01T00:01.*: that, which began at .* within 5 ms/s,
    );
    expect(clock.monotonicMs()).toBe(MINUTE);
    await clock.advance('1m', { patienceMs: 0 });
    expect(clock.monotonicMs()).toBe(2 * MINUTE);
    end.abort();
    await Promise.all([may, mayNot]);
    await clock.advance('1m');
  });

  it('gives what it gives', async () => {
    const clock = new ManualClock();
    await expect(clock.follow({ what: 'it' }, () => Promise.resolve(7))).resolves.toBe(7);
    await expect(clock.follow({ what: 'it' }, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });
});
