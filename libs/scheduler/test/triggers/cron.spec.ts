import { describe, expect, it } from 'vitest';
import { cron, type CronOptions } from '../../src/triggers/cron.trigger.js';
import { InvalidTriggerError } from '../../src/triggers/trigger.js';
import { firesBetween, short, utc } from './support.js';

const SUNDAY = utc('2026-11-22T10:00:00Z');

describe('the fields mean what crontab(5) says', () => {
  it.each([
    ['30 7 * * 1-5', '2026-11-23T07:30Z'],
    ['0 30 7 * * 1-5', '2026-11-23T07:30Z'],
    ['15 30 7 * * MON-FRI', '2026-11-23T07:30:15Z'],
    ['0 0 * jan,Feb *', '2027-01-01T00:00Z'],
    ['0 12 * * 0', '2026-11-22T12:00Z'],
    ['0 12 * * 7', '2026-11-22T12:00Z'],
    ['0 9 * * 5-7', '2026-11-27T09:00Z'],
    ['0 9 * * 1-THU', '2026-11-23T09:00Z'],
    ['0 9 * * THU-6', '2026-11-26T09:00Z'],
    ['*/20 * * * *', '2026-11-22T10:20Z'],
    ['5/20 * * * *', '2026-11-22T10:05Z'],
    ['*/3 * * * * *', '2026-11-22T10:00:03Z'],
    ['0 0 L * *', '2026-11-30T00:00Z'],
    ['0 0 * * 5L', '2026-11-27T00:00Z'],
    ['0 0 * * 5#3', '2026-12-18T00:00Z'],
    ['0 0 ? * 2', '2026-11-24T00:00Z'],
    ['0 0 12 ? * ?', '2026-11-22T12:00Z'],
    ['  0   0  1 *  * ', '2026-12-01T00:00Z'],
    ['@hourly', '2026-11-22T11:00Z'],
    ['@Daily', '2026-11-23T00:00Z'],
    ['@midnight', '2026-11-23T00:00Z'],
    ['@weekly', '2026-11-29T00:00Z'],
    ['@monthly', '2026-12-01T00:00Z'],
    ['@yearly', '2027-01-01T00:00Z'],
  ])('%s next fires at %s', (expression, fire) => {
    expect(short(cron(expression).nextAfter(SUNDAY))).toBe(fire);
  });

  it('day of month and day of week together mean either', () => {
    const fires = firesBetween(cron('0 0 1,15 * 1'), utc('2026-11-30T12:00Z'), utc('2026-12-16T12:00Z'));
    expect(fires.map((fire) => fire.toISOString().slice(8, 10))).toEqual(['01', '07', '14', '15']);
  });

  it('H is the same for the same text, differs between texts, and follows hashSeed', () => {
    const next = (expression: string, options?: CronOptions): string | null =>
      short(cron(expression, options).nextAfter(SUNDAY));
    // The very values: another process must draw the same ones.
    expect(next('H H * * *')).toBe('2026-11-23T09:39Z');
    expect(next('H H * * *', { hashSeed: 'report' })).toBe('2026-11-22T10:21Z');
    const seeds = ['a', 'b', 'c', 'd'].map((hashSeed) => next('H H * * *', { hashSeed }));
    expect(new Set(seeds).size).toBeGreaterThan(1);
    expect(next('H H(0-3) * * *')).toMatch(/T0[0-3]:/);
  });

  it('an expression is its own, also where it and a seed begin on new lines', () => {
    cron('H 3 * * *', { hashSeed: 'x\nH' });
    const inSeconds = cron('H\nH 3 * * *', { hashSeed: 'x' });
    expect(inSeconds.toJSON()).toMatchObject({ expression: 'H\nH 3 * * *', hashSeed: 'x' });
  });
});

describe('a fire', () => {
  it('is strictly after, to the millisecond', () => {
    const hourly = cron('@hourly');
    expect(short(hourly.nextAfter(utc('2026-11-22T09:59:59.999Z')))).toBe('2026-11-22T10:00Z');
    expect(short(hourly.nextAfter(SUNDAY))).toBe('2026-11-22T11:00Z');
    expect(short(hourly.nextAfter(utc('2026-11-22T10:00:00.001Z')))).toBe('2026-11-22T11:00Z');
  });

  it('looked for backward is at or before, and strictly after notBefore', () => {
    const hourly = cron('@hourly');
    expect(short(hourly.lastAtOrBefore(SUNDAY, utc('2026-11-01T00:00Z')))).toBe('2026-11-22T10:00Z');
    expect(short(hourly.lastAtOrBefore(utc('2026-11-22T09:59:59.999Z'), utc('2026-11-01T00:00Z')))).toBe(
      '2026-11-22T09:00Z',
    );
    expect(hourly.lastAtOrBefore(utc('2026-11-22T10:59Z'), SUNDAY)).toBeNull();
    expect(hourly.lastAtOrBefore(SUNDAY, utc('2026-11-23T00:00Z'))).toBeNull();
  });

  it('lies within startAt and endAt, both included', () => {
    const trigger = cron('@hourly', { startAt: utc('2026-11-22T12:00Z'), endAt: utc('2026-11-22T14:00Z') });
    const all = ['2026-11-22T12:00Z', '2026-11-22T13:00Z', '2026-11-22T14:00Z'];
    expect(firesBetween(trigger, utc('2020-01-01T00:00Z'), utc('2030-01-01T00:00Z')).map(short)).toEqual(all);
    expect(short(trigger.lastAtOrBefore(utc('2030-01-01T00:00Z'), utc('2020-01-01T00:00Z')))).toBe(all[2]);
    expect(trigger.lastAtOrBefore(utc('2026-11-22T11:59Z'), utc('2020-01-01T00:00Z'))).toBeNull();
  });

  it('is a new Date each time', () => {
    const hourly = cron('@hourly');
    hourly.nextAfter(SUNDAY)!.setTime(0);
    expect(short(hourly.nextAfter(SUNDAY))).toBe('2026-11-22T11:00Z');
  });
});

describe('in words', () => {
  it.each<[string, CronOptions, string]>([
    ['30 7 * * 1-5', { timeZone: 'Europe/Paris' }, 'At 07:30, Monday through Friday (Europe/Paris)'],
    ['0 30 7 * * MON-FRI', {}, 'At 07:30, Monday through Friday (UTC)'],
    ['0 12 * * 7', {}, 'At 12:00, only on Sunday (UTC)'],
    ['0 30 ? * * *', {}, 'At 30 minutes past the hour (UTC)'],
    ['@weekly', {}, 'At 00:00, only on Sunday (UTC)'],
    ['*/3 * * * * *', {}, 'Every 3 seconds (UTC)'],
    ['0 0 * * 5#3', {}, 'At 00:00, on the third Friday of the month (UTC)'],
    [
      '0 0 1-7 * MON#1',
      {},
      'At 00:00, between day 1 and 7 of the month; or At 00:00, on the first Monday of the month (UTC)',
    ],
    ['0 0 13 * 0-6', {}, 'At 00:00, on day 13 of the month; or At 00:00, Sunday through Saturday (UTC)'],
    ['@daily', { startAt: SUNDAY }, 'At 00:00 (UTC), from 2026-11-22T10:00:00.000Z'],
    ['@daily', { endAt: SUNDAY }, 'At 00:00 (UTC), until 2026-11-22T10:00:00.000Z'],
  ])('%s %j is "%s"', (expression, options, words) => {
    expect(cron(expression, options).describe()).toBe(words);
  });
});

describe('what cannot be meant is refused, and the error says what to write', () => {
  it.each([
    ['', /has 0 fields.*Write five fields/],
    ['*', /has 1 field\./],
    ['* * * *', /has 4 fields/],
    ['* * * * * * 2026', /has 7 fields/],
    ['99 * * * *', /got value 99 expected range 0-59/],
    ['0 24 * * *', /0-23/],
    ['*/0 * * * *', /every 0 time/],
    ['a b c d e', /Invalid characters/],
    ['0 0 * * fri-mon', /min\(5\) > max\(1\)/],
    ['0 0 30 2 *', /can never fire/],
    ['0 0 31 4,6,9,11 *', /can never fire/],
    ['@reboot', /does not reboot/],
    ['@fortnightly', /nicknames are @yearly/],
    [`${'0,'.repeat(600)}0 * * * *`, /1000 are allowed/],
    [`${'0,'.repeat(400)}0 * * * *`, /too many values/],
    [null, /null is not a cron expression/],
    [42, /42 is not a cron expression/],
    [['* * * * *'], /an array is not a cron expression/],
  ])('expression %j', (expression, message) => {
    expect(() => cron(expression as string)).toThrow(InvalidTriggerError);
    expect(() => cron(expression as string)).toThrow(message);
  });

  it.each<[unknown, RegExp]>([
    [{ timeZone: 'Europe/Pariss' }, /"Europe\/Pariss" is not an IANA time zone\. Write/],
    [{ timeZone: '' }, /is not an IANA time zone/],
    [{ timeZone: null }, /null is not an IANA time zone/],
    [{ timeZone: '+02:00' }, /is not an IANA time zone/],
    [{ timeZone: '2026-01-01T00:00[Europe/Paris]' }, /is not an IANA time zone/],
    [{ timezone: 'Europe/Paris' }, /"timezone" is not known here\. Known: timeZone/],
    [{ dst: { gap: 'later' } }, /dst\.gap is "later".*"shift", "next", "skip"/],
    [{ dst: { fold: true } }, /dst\.fold is true/],
    [{ dst: { forward: 'skip' } }, /dst: "forward" is not known/],
    [{ dst: 'skip' }, /dst: expected an object, not "skip"/],
    [{ hashSeed: '' }, /hashSeed/],
    [{ startAt: new Date(Number.NaN) }, /startAt is an invalid Date/],
    [{ startAt: utc('2027-01-01T00:00Z'), endAt: SUNDAY }, /startAt .* is after endAt/],
    [[], /expected an object, not an array/],
    [null, /expected an object, not null/],
  ])('options %j', (options, message) => {
    expect(() => cron('* * * * *', options as CronOptions)).toThrow(InvalidTriggerError);
    expect(() => cron('* * * * *', options as CronOptions)).toThrow(message);
  });

  it('an invalid Date', () => {
    const daily = cron('@daily');
    expect(() => daily.nextAfter(new Date(Number.NaN))).toThrow(/after is an invalid Date/);
    expect(() => daily.lastAtOrBefore(SUNDAY, new Date(Number.NaN))).toThrow(InvalidTriggerError);
  });
});
