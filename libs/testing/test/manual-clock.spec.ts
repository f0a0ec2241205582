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
