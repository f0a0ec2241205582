import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationMs } from '../../src/triggers/duration.js';
import { at } from '../../src/triggers/date.trigger.js';
import { anchored } from '../../src/triggers/built-in.js';
import { every, type IntervalOptions } from '../../src/triggers/interval.trigger.js';
import { InvalidTriggerError, type Duration } from '../../src/triggers/trigger.js';
import { within } from '../../src/triggers/within.trigger.js';
import { firesBackward, firesBetween, short, utc } from './support.js';

const SEED = 20_261_122;
const anchor = utc('2026-11-22T10:07:30Z');

describe('an interval', () => {
  it('first fires one interval after its anchor', () => {
    expect(short(every('15m', { anchor }).nextAfter(anchor))).toBe('2026-11-22T10:22:30Z');
  });

  it('never drifts: every fire is a whole number of intervals from the anchor', () => {
    const times = fc.date({ min: utc('1990-01-01T00:00Z'), max: utc('2100-01-01T00:00Z'), noInvalidDate: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000_000 }), times, times, (intervalMs, anchor, after) => {
        const trigger = every(`${intervalMs}ms`, { anchor });
        const next = trigger.nextAfter(after)!.getTime();
        expect(next - after.getTime()).toBeGreaterThan(0);
        expect(next - after.getTime()).toBeLessThanOrEqual(intervalMs);
        expect(Math.abs(next - anchor.getTime()) % intervalMs).toBe(0);
        expect(trigger.lastAtOrBefore(new Date(next), after)?.getTime()).toBe(next);
        expect(trigger.lastAtOrBefore(new Date(next - 1), after)).toBeNull();
      }),
      { seed: SEED, numRuns: 500, endOnFailure: true },
    );
  });

  it('is elapsed time, also while the clocks change', () => {
    const trigger = every('1h', { anchor: utc('2026-03-29T00:00Z') });
    const fires = firesBetween(trigger, utc('2026-03-29T00:00Z'), utc('2026-03-29T03:00Z'));
    expect(fires.map(short)).toEqual(['2026-03-29T01:00Z', '2026-03-29T02:00Z', '2026-03-29T03:00Z']);
  });

  it('with startAt and no anchor first fires at startAt', () => {
    const trigger = every('5m', { startAt: anchor, endAt: utc('2026-11-22T10:17:30Z') });
    const fires = ['2026-11-22T10:07:30Z', '2026-11-22T10:12:30Z', '2026-11-22T10:17:30Z'];
    expect(firesBetween(trigger, utc('2020-01-01T00:00Z'), utc('2030-01-01T00:00Z')).map(short)).toEqual(fires);
    expect(firesBackward(trigger, utc('2020-01-01T00:00Z'), utc('2030-01-01T00:00Z')).map(short)).toEqual(fires);
  });

  it('with neither is counted from the epoch until an anchor is bound, once', () => {
    const bare = every('15m');
    expect(short(bare.nextAfter(anchor))).toBe('2026-11-22T10:15Z');
    const bound = anchored(bare, anchor);
    expect(short(bound.nextAfter(anchor))).toBe('2026-11-22T10:22:30Z');
    expect(anchored(bound, utc('2030-01-01T00:00Z'))).toBe(bound);
    expect(short(anchored(within(bare, { endAt: utc('2027-01-01T00:00Z') }), anchor).nextAfter(anchor))).toBe(
      '2026-11-22T10:22:30Z',
    );
    const once = at(anchor);
    expect(anchored(once, utc('2030-01-01T00:00Z'))).toBe(once);
  });

  it.each<[Duration, string]>([
    ['3s', 'every 3 seconds'],
    ['PT15M', 'every 15 minutes'],
    ['1.5h', 'every 1 hour 30 minutes'],
    ['1w', 'every 7 days'],
    ['400d', 'every 400 days'],
    ['250ms', 'every 250 milliseconds'],
  ])('of %s is "%s" in words', (duration, words) => {
    expect(every(duration).describe()).toBe(words);
  });

  it.each<[unknown, RegExp]>([
    [{ anchor: new Date(Number.NaN) }, /anchor is an invalid Date/],
    [{ timeZone: 'UTC' }, /"timeZone" is not known here/],
    [{ startAt: utc('2027-01-01T00:00Z'), endAt: anchor }, /is after endAt/],
  ])('with options %j is refused', (options, message) => {
    expect(() => every('1m', options as IntervalOptions)).toThrow(message);
  });
});

describe('a duration', () => {
  it.each<[Duration, number]>([
    ['30s', 30_000],
    ['15 m', 900_000],
    ['1.5h', 5_400_000],
    ['1.001h', 3_603_600],
    ['250ms', 250],
    ['1d', 86_400_000],
    ['1w', 604_800_000],
    ['PT15M', 900_000],
    ['PT0.5S', 500],
    ['P1D', 86_400_000],
    ['P1W', 604_800_000],
    ['P1W2DT3H', 788_400_000],
  ])('%s is %d ms', (duration, milliseconds) => {
    expect(durationMs(duration)).toBe(milliseconds);
  });

  it.each<[unknown, RegExp]>([
    [900, /900 has no unit/],
    [Number.NaN, /NaN has no unit/],
    ['900', /"900" is not a duration\. Write a number and a unit/],
    ['0s', /not more than zero/],
    ['PT0S', /not more than zero/],
    ['-5m', /not a duration/],
    ['-PT5M', /not a duration/],
    ['P-1D', /not a/],
    ['1.5ms', /not a whole number of milliseconds/],
    ['PT0.0001S', /not a whole number/],
    ['999999999999999999d', /not a whole number/],
    ['P4294967295W100000000000D', /not a whole number/],
    ['1 month', /months or years, which have no fixed length\. Use cron/],
    ['1M', /no fixed length/],
    ['1y', /no fixed length/],
    ['P1M', /no fixed length/],
    ['P1Y', /no fixed length/],
    ['PT', /not an ISO 8601 duration/],
    ['5 minutes', /not a duration/],
    ['five m', /not a duration/],
    ['', /not a duration/],
    [null, /null is not a duration/],
    [{}, /an object is not a duration/],
    [`${'1'.repeat(200)}s`, /not a duration/],
  ])('%j is refused', (duration, message) => {
    expect(() => durationMs(duration as Duration)).toThrow(InvalidTriggerError);
    expect(() => durationMs(duration as Duration)).toThrow(message);
  });
});

describe('an instant', () => {
  it('fires once', () => {
    const once = at('2026-11-22T11:00:00+01:00');
    const instant = utc('2026-11-22T10:00:00Z');
    expect(once.nextAfter(utc('2026-11-22T09:59:59.999Z'))).toEqual(instant);
    expect(once.nextAfter(instant)).toBeNull();
    expect(once.lastAtOrBefore(instant, utc('2026-01-01T00:00Z'))).toEqual(instant);
    expect(once.lastAtOrBefore(instant, instant)).toBeNull();
    expect(once.lastAtOrBefore(utc('2026-11-22T09:59:59.999Z'), utc('2026-01-01T00:00Z'))).toBeNull();
    expect(once.describe()).toBe('once at 2026-11-22T10:00:00.000Z');
  });

  it('is copied from the Date it was made of', () => {
    const date = utc('2026-11-22T10:00:00Z');
    const once = at(date);
    date.setTime(0);
    expect(once.describe()).toBe('once at 2026-11-22T10:00:00.000Z');
  });

  it.each<[unknown, RegExp]>([
    ['2026-11-22T10:00:00', /says no offset.*Write it with Z or an offset/],
    ['2026-11-22', /says no offset/],
    ['tomorrow', /is not an ISO 8601 instant/],
    ['2026-02-30T10:00:00Z', /is not an ISO 8601 instant/],
    [new Date(Number.NaN), /an invalid Date/],
    [1_700_000_000_000, /Pass a valid Date/],
    [null, /is null/],
    [new Date(8.64e15), /years 1 to 9999/],
  ])('%s is refused', (instant, message) => {
    expect(() => at(instant as string)).toThrow(InvalidTriggerError);
    expect(() => at(instant as string)).toThrow(message);
  });
});
