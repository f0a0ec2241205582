import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import { calendar, type CalendarInterval, type CalendarOptions } from '../../src/triggers/calendar.trigger.js';
import { parseTrigger } from '../../src/triggers/trigger-spec.js';
import { InvalidTriggerError, type DstRule } from '../../src/triggers/trigger.js';
import { firesBackward, firesBetween, short, utc } from './support.js';

const SEED = 20_261_125;
const from = utc('2026-01-31T10:00Z');
const fires = (every: CalendarInterval, options: Partial<CalendarOptions>, after: string, count: number) => {
  const trigger = calendar(every, { at: '07:30', from, ...options });
  const found: (string | null)[] = [];
  for (
    let fire = trigger.nextAfter(utc(after));
    found.length < count && fire !== null;
    fire = trigger.nextAfter(fire)
  ) {
    found.push(short(fire));
  }
  return found;
};

describe('a calendar schedule', () => {
  it.each<[CalendarInterval, Partial<CalendarOptions>, string, string[]]>([
    [{ days: 1 }, {}, '2026-01-01T00:00Z', ['2026-02-01T07:30Z', '2026-02-02T07:30Z']],
    [{ days: 1 }, { at: '10:00' }, '2026-01-01T00:00Z', ['2026-01-31T10:00Z', '2026-02-01T10:00Z']],
    [{ days: 10 }, {}, '2026-02-10T07:30Z', ['2026-02-20T07:30Z', '2026-03-02T07:30Z']],
    [{ weeks: 2 }, {}, '2026-02-01T00:00Z', ['2026-02-14T07:30Z', '2026-02-28T07:30Z']],
    [{ weeks: 1, days: 3 }, {}, '2026-02-01T00:00Z', ['2026-02-10T07:30Z', '2026-02-20T07:30Z']],
    [{ months: 1 }, {}, '2026-02-01T00:00Z', ['2026-02-28T07:30Z', '2026-03-31T07:30Z', '2026-04-30T07:30Z']],
    [{ years: 1, months: 6 }, {}, '2026-02-01T00:00Z', ['2027-07-31T07:30Z', '2029-01-31T07:30Z']],
    [
      { years: 1 },
      { from: utc('2024-02-29T00:00Z') },
      '2024-03-01T00:00Z',
      ['2025-02-28T07:30Z', '2026-02-28T07:30Z', '2027-02-28T07:30Z', '2028-02-29T07:30Z'],
    ],
    [{ days: 1 }, { at: '00:00:15' }, '2026-02-01T00:00Z', ['2026-02-01T00:00:15Z']],
    // the date is that of the zone: there it is the 1st already
    [
      { months: 1 },
      { from: utc('2026-01-31T23:30Z'), timeZone: 'Europe/Paris', at: '01:00' },
      '2026-01-01T00:00Z',
      ['2026-02-01T00:00Z', '2026-03-01T00:00Z'],
    ],
    // skipped: as with cron
    [
      { days: 1 },
      { at: '02:30', timeZone: 'Europe/Paris' },
      '2026-03-28T12:00Z',
      ['2026-03-29T01:30Z', '2026-03-30T00:30Z'],
    ],
    [
      { days: 1 },
      { at: '02:30', timeZone: 'Europe/Paris', dst: { gap: 'next' } },
      '2026-03-28T12:00Z',
      ['2026-03-29T01:00Z'],
    ],
    [
      { days: 1 },
      { at: '02:30', timeZone: 'Europe/Paris', dst: { gap: 'skip' } },
      '2026-03-28T12:00Z',
      ['2026-03-30T00:30Z'],
    ],
    // repeated
    [
      { days: 1 },
      { at: '02:30', timeZone: 'Europe/Paris' },
      '2026-10-24T12:00Z',
      ['2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ],
    [
      { days: 1 },
      { at: '02:30', timeZone: 'Europe/Paris', dst: { fold: 'both' } },
      '2026-10-24T12:00Z',
      ['2026-10-25T00:30Z', '2026-10-25T01:30Z'],
    ],
  ])('of %j with %j, after %s, fires at %j', (every, options, after, expected) => {
    expect(fires(every, options, after, expected.length)).toEqual(expected);
  });

  it.each([
    ['Asia/Tashkent', '00:00'],
    ['America/New_York', '23:30'],
  ])('has the same fires in both directions in the first and the last days there are: %s at %s', (timeZone, at) => {
    const daily = calendar({ days: 1 }, { at, from: utc('0001-01-01T00:00Z'), timeZone });
    const spans = [
      [utc('0001-01-01T00:00Z'), utc('0001-01-04T00:00Z')],
      [utc('9999-12-29T00:00Z'), utc('9999-12-31T23:59:59.999Z')],
    ] as const;
    for (const span of spans) expect(firesBackward(daily, ...span)).toEqual(firesBetween(daily, ...span));
  });

  it('counts every date from the first, in both directions, however far away', () => {
    const intervals = fc.record(
      {
        years: fc.integer({ min: 1, max: 7 }),
        months: fc.integer({ min: 1, max: 30 }),
        weeks: fc.integer({ min: 1, max: 9 }),
        days: fc.integer({ min: 1, max: 50 }),
      },
      { requiredKeys: [] },
    );
    const dates = fc.date({ min: utc('1970-01-01T00:00Z'), max: utc('2030-12-31T00:00Z'), noInvalidDate: true });
    fc.assert(
      fc.property(intervals, dates, fc.integer({ min: 0, max: 400 }), (interval, start, count) => {
        fc.pre(Object.keys(interval).length > 0);
        const trigger = calendar(interval, { at: '12:00', from: start });
        const { years = 0, months = 0, weeks = 0, days = 0 } = interval;
        const first = Temporal.Instant.fromEpochMilliseconds(start.getTime()).toZonedDateTimeISO('UTC').toPlainDate();
        const dateAt = (n: number): number =>
          first
            .add({ months: n * (years * 12 + months) })
            .add({ days: n * (weeks * 7 + days) })
            .toZonedDateTime({ timeZone: 'UTC', plainTime: '12:00' }).epochMilliseconds;
        const [fire, next] = [dateAt(count), dateAt(count + 1)];
        fc.pre(fire >= start.getTime());
        expect(trigger.nextAfter(new Date(fire - 1))?.getTime()).toBe(fire);
        expect(trigger.nextAfter(new Date(fire))?.getTime()).toBe(next);
        expect(trigger.lastAtOrBefore(new Date(next - 1), new Date(0))?.getTime()).toBe(fire);
        expect(trigger.lastAtOrBefore(new Date(fire), new Date(fire - 1))?.getTime()).toBe(fire);
      }),
      { seed: SEED, numRuns: 500, endOnFailure: true },
    );
  });

  it('fires at nothing before from, and walks back as it walks forward', () => {
    const trigger = calendar({ days: 1 }, { at: '02:30', from: utc('2026-03-27T12:00Z'), timeZone: 'Europe/Paris' });
    const span = [utc('2020-01-01T00:00Z'), utc('2026-04-02T00:00Z')] as const;
    expect(firesBetween(trigger, ...span)).toHaveLength(5);
    expect(firesBackward(trigger, ...span)).toEqual(firesBetween(trigger, ...span));
    expect(trigger.lastAtOrBefore(utc('2026-03-28T00:00Z'), span[0])).toBeNull();
  });

  it.each<[CalendarInterval, Partial<CalendarOptions>, string]>([
    [{ days: 1 }, {}, 'every day at 07:30, counted from 2026-01-31 (UTC)'],
    [
      { weeks: 2 },
      { timeZone: 'Asia/Tokyo', at: '09:00:05' },
      'every 2 weeks at 09:00:05, counted from 2026-01-31 (Asia/Tokyo)',
    ],
    [{ years: 1, months: 6 }, {}, 'every year and 6 months at 07:30, counted from 2026-01-31 (UTC)'],
  ])('of %j with %j is "%s" in words', (every, options, words) => {
    expect(calendar(every, { at: '07:30', from, ...options }).describe()).toBe(words);
  });

  it('has in its JSON what it was made with, whatever kind of object the options were, and become', () => {
    const json = { kind: 'calendar', every: { days: 1 }, at: '07:30', from: from.toISOString(), timeZone: 'UTC' };
    const dst: DstRule = {};
    const trigger = calendar({ days: 1 }, { at: '07:30', from, dst });
    dst.gap = 'skip';
    expect(trigger.toJSON()).toEqual(json);
    expect(calendar({ days: 1 }, Object.create({ at: '07:30', from }) as CalendarOptions).toJSON()).toEqual(json);
  });

  it('reads back from its JSON as itself', () => {
    const trigger = calendar({ months: 3 }, { at: '07:30', from, timeZone: 'Europe/Paris', dst: { gap: 'skip' } });
    const json = {
      kind: 'calendar',
      every: { months: 3 },
      at: '07:30',
      from: '2026-01-31T10:00:00.000Z',
      timeZone: 'Europe/Paris',
      dst: { gap: 'skip' },
    };
    expect(trigger.toJSON()).toEqual(json);
    const again = parseTrigger(JSON.parse(JSON.stringify(trigger)) as object);
    expect(again.toJSON()).toEqual(json);
    expect(again.nextAfter(from)).toEqual(trigger.nextAfter(from));
  });

  it.each<[unknown, unknown, RegExp]>([
    [{}, {}, /The interval of calendar\(\) is empty\. Write \{ days: 1 \}/],
    [{ days: 0 }, {}, /has days: 0\. Write a whole number from 1 to 10000/],
    [{ days: 1.5 }, {}, /has days: 1\.5/],
    [{ months: '1' }, {}, /has months: "1"/],
    [{ years: 1e9 }, {}, /has years: 1000000000/],
    [{ hours: 1 }, {}, /"hours" is not known here\. Known: years, months, weeks, days/],
    [null, {}, /The interval of calendar\(\): expected an object, not null/],
    [{ days: 1 }, { at: '7:30' }, /at is "7:30", which is not a time of day\. Write "07:30"/],
    [{ days: 1 }, { at: '24:00' }, /at is "24:00"/],
    [{ days: 1 }, { at: 730 }, /at is 730/],
    [{ days: 1 }, { from: undefined }, /from is undefined\. Pass a valid Date/],
    [{ days: 1 }, { timeZone: 'Mars/Olympus' }, /"Mars\/Olympus" is not an IANA time zone/],
    [{ days: 1 }, { dst: { gap: 'x' } }, /dst\.gap is "x"/],
    [{ days: 1 }, { endAt: from }, /"endAt" is not known here/],
  ])('of %j with %j is refused', (every, options, message) => {
    const make = () => calendar(every as CalendarInterval, { at: '07:30', from, ...(options as object) });
    expect(make).toThrow(InvalidTriggerError);
    expect(make).toThrow(message);
  });
});
