import { describe, expect, it } from 'vitest';
import { cron } from '../../src/triggers/cron.trigger.js';
import type { DstRule } from '../../src/triggers/trigger.js';
import { firesBackward, firesBetween, short, utc } from './support.js';

interface Row {
  zone: string;
  expression: string;
  dst?: DstRule;
  from: string;
  until: string;
  fires: string[];
}

const parisSpring = { zone: 'Europe/Paris', from: '2026-03-28T12:00Z', until: '2026-03-29T12:00Z' };
const parisAutumn = { zone: 'Europe/Paris', from: '2026-10-24T12:00Z', until: '2026-10-25T12:00Z' };
const newYorkAutumn = { zone: 'America/New_York', from: '2026-10-31T12:00Z', until: '2026-11-01T12:00Z' };
const apia = { zone: 'Pacific/Apia', from: '2011-12-29T00:00Z', until: '2012-01-01T00:00Z' };

const ROWS: Record<string, Row[]> = {
  'a time that the change skips is read with the offset before it': [
    { ...parisSpring, expression: '30 2 * * *', fires: ['2026-03-29T01:30Z'] },
    { ...parisSpring, expression: '15 30 2 * * *', fires: ['2026-03-29T01:30:15Z'] },
    {
      zone: 'America/New_York',
      expression: '30 2 * * *',
      from: '2026-03-08T00:00Z',
      until: '2026-03-09T12:00Z',
      fires: ['2026-03-08T07:30Z', '2026-03-09T06:30Z'],
    },
    {
      zone: 'Australia/Lord_Howe',
      expression: '15 2 * * *',
      from: '2026-10-02T00:00Z',
      until: '2026-10-05T00:00Z',
      fires: ['2026-10-02T15:45Z', '2026-10-03T15:45Z', '2026-10-04T15:15Z'],
    },
    {
      zone: 'Australia/Lord_Howe',
      expression: '0 0 2 * * *',
      from: '2026-10-02T00:00Z',
      until: '2026-10-05T00:00Z',
      fires: ['2026-10-02T15:30Z', '2026-10-03T15:30Z', '2026-10-04T15:00Z'],
    },
    {
      zone: 'America/Havana',
      expression: '0 0 * * *',
      from: '2026-03-07T00:00Z',
      until: '2026-03-10T00:00Z',
      fires: ['2026-03-07T05:00Z', '2026-03-08T05:00Z', '2026-03-09T04:00Z'],
    },
    {
      zone: 'Pacific/Chatham',
      expression: '0 3 * * *',
      from: '2026-09-25T00:00Z',
      until: '2026-09-28T00:00Z',
      fires: ['2026-09-25T14:15Z', '2026-09-26T14:15Z', '2026-09-27T13:15Z'],
    },
    {
      zone: 'Africa/Casablanca',
      expression: '30 2 * * *',
      from: '2026-03-21T00:00Z',
      until: '2026-03-24T00:00Z',
      fires: ['2026-03-21T02:30Z', '2026-03-22T02:30Z', '2026-03-23T01:30Z'],
    },
  ],
  'a whole day that the change skips runs with the next': [
    { ...apia, expression: '30 7 * * *', fires: ['2011-12-29T17:30Z', '2011-12-30T17:30Z', '2011-12-31T17:30Z'] },
    { ...apia, expression: '0 12 30 * *', fires: ['2011-12-30T22:00Z'] },
    { ...apia, expression: '0 12 30,31 * *', fires: ['2011-12-30T22:00Z'] },
    { ...apia, expression: '0 12 30 * *', dst: { gap: 'next' }, fires: ['2011-12-30T10:00Z'] },
    { ...apia, expression: '0 12 30 * *', dst: { gap: 'skip' }, fires: [] },
  ],
  'times that fall on one instant fire once': [
    { ...parisSpring, expression: '0 2,3 * * *', fires: ['2026-03-29T01:00Z'] },
    {
      ...parisSpring,
      expression: '*/30 1-3 * * *',
      fires: ['2026-03-29T00:00Z', '2026-03-29T00:30Z', '2026-03-29T01:00Z', '2026-03-29T01:30Z'],
    },
    { ...parisSpring, expression: '*/20 2 * * *', dst: { gap: 'next' }, fires: ['2026-03-29T01:00Z'] },
  ],
  'a skipped time runs where the job says': [
    { ...parisSpring, expression: '30 2 * * *', dst: { gap: 'next' }, fires: ['2026-03-29T01:00Z'] },
    { ...parisSpring, expression: '30 2 * * *', dst: { gap: 'skip' }, fires: [] },
    { ...parisSpring, expression: '30 2,4 * * *', dst: { gap: 'skip' }, fires: ['2026-03-29T02:30Z'] },
  ],
  'a time that the change repeats fires at the first of the two': [
    { ...parisAutumn, expression: '30 2 * * *', fires: ['2026-10-25T00:30Z'] },
    { ...newYorkAutumn, expression: '30 1 * * *', fires: ['2026-11-01T05:30Z'] },
    {
      zone: 'Australia/Lord_Howe',
      expression: '45 1 * * *',
      from: '2026-04-03T00:00Z',
      until: '2026-04-06T00:00Z',
      fires: ['2026-04-03T14:45Z', '2026-04-04T14:45Z', '2026-04-05T15:15Z'],
    },
    {
      zone: 'Australia/Lord_Howe',
      expression: '0 0 2 * * *',
      from: '2026-04-03T00:00Z',
      until: '2026-04-06T00:00Z',
      fires: ['2026-04-03T15:00Z', '2026-04-04T15:30Z', '2026-04-05T15:30Z'],
    },
    {
      zone: 'America/Havana',
      expression: '0 0 * * *',
      from: '2026-10-31T00:00Z',
      until: '2026-11-03T00:00Z',
      fires: ['2026-10-31T04:00Z', '2026-11-01T04:00Z', '2026-11-02T05:00Z'],
    },
    {
      zone: 'Pacific/Chatham',
      expression: '0 3 * * *',
      from: '2026-04-03T00:00Z',
      until: '2026-04-06T00:00Z',
      fires: ['2026-04-03T13:15Z', '2026-04-04T13:15Z', '2026-04-05T14:15Z'],
    },
    {
      zone: 'Africa/Casablanca',
      expression: '30 2 * * *',
      from: '2026-02-14T00:00Z',
      until: '2026-02-17T00:00Z',
      fires: ['2026-02-14T01:30Z', '2026-02-15T01:30Z', '2026-02-16T02:30Z'],
    },
    {
      zone: 'Europe/Paris',
      expression: '30 0-22 * * *',
      from: '2026-10-24T23:00Z',
      until: '2026-10-25T02:00Z',
      fires: ['2026-10-24T23:30Z', '2026-10-25T00:30Z'],
    },
  ],
  'a repeated time runs where the job says': [
    { ...parisAutumn, expression: '30 2 * * *', dst: { fold: 'second' }, fires: ['2026-10-25T01:30Z'] },
    {
      ...parisAutumn,
      expression: '30 2 * * *',
      dst: { fold: 'both' },
      fires: ['2026-10-25T00:30Z', '2026-10-25T01:30Z'],
    },
    {
      ...newYorkAutumn,
      expression: '30 0,1,2 * * *',
      dst: { fold: 'second' },
      fires: ['2026-11-01T04:30Z', '2026-11-01T06:30Z', '2026-11-01T07:30Z'],
    },
  ],
  'an expression that does not restrict the hours fires whenever the wall clock matches, whatever dst says': [
    {
      ...parisSpring,
      from: '2026-03-29T00:00Z',
      until: '2026-03-29T03:00Z',
      expression: '30 * * * *',
      fires: ['2026-03-29T00:30Z', '2026-03-29T01:30Z', '2026-03-29T02:30Z'],
    },
    {
      ...parisAutumn,
      from: '2026-10-25T00:00Z',
      until: '2026-10-25T03:00Z',
      expression: '30 * * * *',
      fires: ['2026-10-25T00:30Z', '2026-10-25T01:30Z', '2026-10-25T02:30Z'],
    },
    {
      ...parisAutumn,
      from: '2026-10-25T00:00Z',
      until: '2026-10-25T03:00Z',
      expression: '30 0-23 * * *',
      dst: { fold: 'first', gap: 'shift' },
      fires: ['2026-10-25T00:30Z', '2026-10-25T01:30Z', '2026-10-25T02:30Z'],
    },
    {
      zone: 'Australia/Lord_Howe',
      expression: '0 * * * *',
      from: '2026-04-04T13:30Z',
      until: '2026-04-04T17:00Z',
      fires: ['2026-04-04T14:00Z', '2026-04-04T15:30Z', '2026-04-04T16:30Z'],
    },
  ],
};

describe.each(Object.entries(ROWS))('%s', (_promise, rows) => {
  it.each(rows)('$expression in $zone from $from ($dst): $fires', ({ zone, expression, dst, from, until, fires }) => {
    const trigger = cron(expression, { timeZone: zone, dst });
    expect(firesBetween(trigger, utc(from), utc(until)).map(short)).toEqual(fires);
    expect(firesBackward(trigger, utc(from), utc(until)).map(short)).toEqual(fires);
  });
});

describe('the search always ends', () => {
  it('with null when a job drops every fire of its expression', () => {
    const trigger = cron('30 2 * 3 0L', { timeZone: 'Europe/Paris', dst: { gap: 'skip' } });
    expect(trigger.nextAfter(utc('2026-01-01T00:00Z'))).toBeNull();
    expect(trigger.lastAtOrBefore(utc('2060-01-01T00:00Z'), utc('1970-01-01T00:00Z'))).toBeNull();
    // The last year in which the clocks did not change on that day.
    expect(short(trigger.lastAtOrBefore(utc('2020-01-01T00:00Z'), utc('1970-01-01T00:00Z')))).toBe('1980-03-30T01:30Z');
  });

  it.each([
    ['0 0 29 2 *', '2096-03-01T00:00Z', '2104-02-29T00:00Z'],
    ['0 0 * 2 1#5', '2072-06-01T00:00Z', '2112-02-29T00:00Z'],
  ])('%s, which is years away, is found', (expression, after, fire) => {
    const trigger = cron(expression);
    expect(short(trigger.nextAfter(utc(after)))).toBe(fire);
    expect(short(trigger.lastAtOrBefore(new Date(utc(fire).getTime() + 86_400_000), utc(after)))).toBe(fire);
  });

  it('with null at the ends of time', () => {
    const daily = cron('@daily', { timeZone: 'Pacific/Apia' });
    expect(daily.nextAfter(new Date(8.64e15))).toBeNull();
    expect(daily.lastAtOrBefore(new Date(-8.64e15), new Date(-8.64e15))).toBeNull();
    expect(daily.nextAfter(new Date(-8.64e15))?.getUTCFullYear()).toBe(1);
    expect(daily.lastAtOrBefore(new Date(8.64e15), new Date(0))?.getUTCFullYear()).toBe(9999);
  });
});
