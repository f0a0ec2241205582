import { describe, expect, it } from 'vitest';
import { cron } from '../../src/triggers/cron.trigger.js';
import { at } from '../../src/triggers/date.trigger.js';
import { every } from '../../src/triggers/interval.trigger.js';
import { jitterOf, wakeAfterJitter } from '../../src/triggers/jitter.js';
import { countBetween } from '../../src/triggers/misfire.js';
import { InvalidTriggerError } from '../../src/triggers/trigger.js';
import { utc } from './support.js';

const noon = utc('2026-11-22T12:00Z');

describe('missed fires are counted', () => {
  it.each([
    ['2026-11-22T12:00Z', '2026-11-22T15:00Z', 1000, { count: 4, exceeded: false }],
    ['2026-11-22T12:00:00.001Z', '2026-11-22T14:59:59.999Z', 1000, { count: 2, exceeded: false }],
    ['2026-11-22T12:00Z', '2026-11-22T11:00Z', 1000, { count: 0, exceeded: false }],
    ['2026-11-22T12:00Z', '2026-11-22T15:00Z', 4, { count: 4, exceeded: false }],
    ['2026-11-22T12:00Z', '2026-11-22T15:00Z', 3, { count: 3, exceeded: true }],
    ['2000-01-01T00:00Z', '2026-11-22T15:00Z', 1000, { count: 1000, exceeded: true }],
  ])('from %s to %s, both included, up to %s: %j', (from, to, limit, expected) => {
    expect(countBetween(cron('@hourly'), utc(from), utc(to), limit)).toEqual(expected);
  });

  it('an own trigger that does not move forward is refused rather than counted', () => {
    const stuck = {
      ...at(noon),
      nextAfter: () => noon,
      lastAtOrBefore: () => noon,
      describe: () => 'stuck',
      toJSON: () => ({}),
    };
    expect(() => countBetween(stuck, noon, utc('2027-01-01T00:00Z'), 1000)).toThrow(InvalidTriggerError);
  });
});

describe('jitter', () => {
  it('is the same for the same job and instant, and spreads jobs and instants evenly', () => {
    expect(jitterOf('report', noon, 60_000)).toBe(jitterOf('report', noon, 60_000));
    const byJob = Array.from({ length: 1000 }, (_, index) => jitterOf(`job-${index}`, noon, 10));
    const byInstant = Array.from({ length: 1000 }, (_, index) => jitterOf('job', new Date(index * 1000), 10));
    for (const delays of [byJob, byInstant]) {
      for (let delay = 0; delay < 10; delay += 1) {
        const share = delays.filter((each) => each === delay).length;
        expect(share).toBeGreaterThan(60);
        expect(share).toBeLessThan(140);
      }
    }
  });

  it('delays a wake-up by less than jitterMs, and never to the next fire', () => {
    const minutely = every('1m', { anchor: noon });
    for (let index = 0; index < 200; index += 1) {
      const short = wakeAfterJitter(minutely, `job-${index}`, noon, 5_000)!.getTime() - noon.getTime();
      expect(short).toBeGreaterThanOrEqual(0);
      expect(short).toBeLessThan(5_000);
      const long = wakeAfterJitter(minutely, `job-${index}`, noon, 3_600_000)!.getTime() - noon.getTime();
      expect(long).toBeLessThan(60_000);
    }
  });

  it('is nothing when there is no fire or no jitter', () => {
    expect(wakeAfterJitter(at(noon), 'job', null, 5_000)).toBeNull();
    expect(wakeAfterJitter(at(noon), 'job', noon, 0)).toEqual(noon);
    expect(() => jitterOf('job', noon, -1)).toThrow(InvalidTriggerError);
  });
});
