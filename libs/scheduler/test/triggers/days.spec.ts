import { describe, expect, it } from 'vitest';
import { days, type DaysOptions } from '../../src/triggers/days.trigger.js';
import { parseTrigger } from '../../src/triggers/trigger-spec.js';
import { InvalidTriggerError, type Trigger } from '../../src/triggers/trigger.js';
import { utc } from './support.js';

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

/** Where the first stretch after `after` begins and ends, found by its edges. */
function stretch(trigger: Trigger, after: string): [string | null, string | null] {
  const first = trigger.nextAfter(utc(after));
  if (first === null) return [null, null];
  let [low, high] = [first.getTime(), first.getTime() + 40 * 86_400_000];
  const isBroken = (ms: number): boolean => trigger.nextAfter(new Date(ms))?.getTime() !== ms + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isBroken(middle)) high = middle;
    else low = middle + 1;
  }
  return [iso(first), iso(new Date(low))];
}

describe('whole days', () => {
  it.each<[DaysOptions, string, string, string]>([
    [{ dates: ['2026-12-25'] }, '2026-01-01T00:00Z', '2026-12-25T00:00:00.000Z', '2026-12-25T23:59:59.999Z'],
    [
      { dates: ['2026-12-26', '2026-12-25'] },
      '2026-01-01T00:00Z',
      '2026-12-25T00:00:00.000Z',
      '2026-12-26T23:59:59.999Z',
    ],
    [{ weekdays: ['SUN', 'SAT'] }, '2026-11-25T00:00Z', '2026-11-28T00:00:00.000Z', '2026-11-29T23:59:59.999Z'],
    [
      { from: '2026-12-24', to: '2027-01-02' },
      '2026-11-25T00:00Z',
      '2026-12-24T00:00:00.000Z',
      '2027-01-02T23:59:59.999Z',
    ],
    [
      { dates: ['2026-12-25'], timeZone: 'Asia/Tokyo' },
      '2026-01-01T00:00Z',
      '2026-12-24T15:00:00.000Z',
      '2026-12-25T14:59:59.999Z',
    ],
    // 23 and 25 hours
    [
      { dates: ['2026-03-29'], timeZone: 'Europe/Paris' },
      '2026-01-01T00:00Z',
      '2026-03-28T23:00:00.000Z',
      '2026-03-29T21:59:59.999Z',
    ],
    [
      { dates: ['2026-10-25'], timeZone: 'Europe/Paris' },
      '2026-01-01T00:00Z',
      '2026-10-24T22:00:00.000Z',
      '2026-10-25T22:59:59.999Z',
    ],
    // begins at one o'clock: midnight is skipped
    [
      { dates: ['2026-03-08'], timeZone: 'America/Havana' },
      '2026-01-01T00:00Z',
      '2026-03-08T05:00:00.000Z',
      '2026-03-09T03:59:59.999Z',
    ],
    // the first midnight of two
    [
      { dates: ['2026-11-01'], timeZone: 'America/Havana' },
      '2026-01-01T00:00Z',
      '2026-11-01T04:00:00.000Z',
      '2026-11-02T04:59:59.999Z',
    ],
  ])('%j, after %s: from %s to %s', (options, after, first, last) => {
    expect(stretch(days(options), after)).toEqual([first, last]);
  });

  it('a day that a zone never had is empty', () => {
    expect(days({ dates: ['2011-12-30'], timeZone: 'Pacific/Apia' }).nextAfter(utc('2011-01-01T00:00Z'))).toBeNull();
  });

  it('are every millisecond, backward as well', () => {
    const weekend = days({ weekdays: ['SAT', 'SUN'] });
    const noon = utc('2026-11-28T12:00:00.123Z');
    expect(weekend.nextAfter(noon)).toEqual(new Date(noon.getTime() + 1));
    expect(weekend.lastAtOrBefore(noon, utc('2026-01-01T00:00Z'))).toEqual(noon);
    const monday = utc('2026-11-30T09:00Z');
    expect(iso(weekend.lastAtOrBefore(monday, utc('2026-01-01T00:00Z')))).toBe('2026-11-29T23:59:59.999Z');
    expect(weekend.lastAtOrBefore(monday, utc('2026-11-30T00:00Z'))).toBeNull();
    expect(iso(days({ dates: ['2026-12-25'] }).lastAtOrBefore(monday, utc('2026-01-01T00:00Z')))).toBeNull();
    expect(days({ from: '2026-12-25', to: '2026-12-25' }).nextAfter(utc('2026-12-26T00:00Z'))).toBeNull();
  });

  it.each<[DaysOptions, object, string]>([
    [
      { dates: ['2026-12-26', '2026-12-25', '2026-12-25'] },
      { kind: 'days', dates: ['2026-12-25', '2026-12-26'], timeZone: 'UTC' },
      'all day on 2026-12-25, 2026-12-26 (UTC)',
    ],
    [
      { weekdays: ['SAT', 'SUN'], timeZone: 'Europe/Paris' },
      { kind: 'days', weekdays: ['SUN', 'SAT'], timeZone: 'Europe/Paris' },
      'all day on SUN, SAT (Europe/Paris)',
    ],
    [
      { from: '2026-12-24', to: '2027-01-02' },
      { kind: 'days', from: '2026-12-24', to: '2027-01-02', timeZone: 'UTC' },
      'all day from 2026-12-24 to 2027-01-02 (UTC)',
    ],
    [
      { dates: ['2026-01-01', '2026-01-02', '2026-01-03', '2026-01-04', '2026-01-05', '2026-01-06'] },
      { kind: 'days', dates: expect.any(Array) as string[], timeZone: 'UTC' },
      'all day on 6 dates from 2026-01-01 to 2026-01-06 (UTC)',
    ],
  ])('%j as JSON and in words', (options, json, words) => {
    const trigger = days(options);
    expect(trigger.toJSON()).toEqual(json);
    expect(trigger.describe()).toBe(words);
    expect(parseTrigger(JSON.parse(JSON.stringify(trigger)) as object).toJSON()).toEqual(trigger.toJSON());
  });

  it.each<[unknown, RegExp]>([
    [{}, /days\(\) needs one choice of days\. Write one of/],
    [{ dates: ['2026-12-25'], weekdays: ['SAT'] }, /needs one choice/],
    [{ dates: [] }, /not a list of 1 to 2000 dates/],
    [{ dates: '2026-12-25' }, /dates is "2026-12-25", not a list/],
    [{ dates: ['2026-02-30'] }, /dates has "2026-02-30", which is not a date\. Write it as "2026-12-25"/],
    [{ dates: ['0000-12-25'] }, /dates has "0000-12-25"/],
    [{ dates: ['25.12.2026'] }, /dates has "25\.12\.2026"/],
    [{ dates: [new Date()] }, /dates has 20/],
    [{ dates: Array.from({ length: 2_001 }, () => '2026-12-25') }, /dates is an array, not a list of 1 to 2000/],
    [{ weekdays: ['sat'] }, /weekdays has "sat"\. Write a list of some of SUN, MON/],
    [{ weekdays: [] }, /weekdays has undefined/],
    [{ weekdays: 6 }, /weekdays has 6/],
    [{ weekdays: [undefined] }, /weekdays has undefined/],
    [{ weekdays: ['SAT', undefined] }, /weekdays has undefined/],
    // lists with a hole
    [{ weekdays: Object.assign([], { 0: 'SAT', length: 2 }) }, /weekdays has undefined/],
    [{ dates: Object.assign([], { 0: '2026-12-25', length: 2 }) }, /dates has undefined/],
    [{ dates: [{ toString: 1 }, { toString: 1 }] }, /dates has an object/],
    [{ from: '2026-12-25' }, /to has undefined/],
    [{ to: '2026-12-25' }, /from has undefined/],
    [{ from: '2026-12-25', to: '2026-12-24' }, /Write the earlier date first/],
    [{ weekdays: ['SAT'], timeZone: 'x' }, /"x" is not an IANA time zone/],
    [{ days: ['SAT'] }, /"days" is not known here/],
    [null, /expected an object, not null/],
  ])('%j is refused', (options, message) => {
    expect(() => days(options as DaysOptions)).toThrow(InvalidTriggerError);
    expect(() => days(options as DaysOptions)).toThrow(message);
  });
});
