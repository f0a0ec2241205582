import type { Row } from './row.js';

const tutorial = (what: string): string => `CronTrigger tutorial of Quartz 2.5: ${what}`;
const lesson = (what: string): string => `lesson 6 of Quartz 2.5: ${what}`;

const SUNDAY = '2026-11-22T00:00Z';
const NOON = ['2026-11-22T12:00Z', '2026-11-23T12:00Z'];
const QUARTER_PAST_TEN = ['2026-11-22T10:15Z', '2026-11-23T10:15Z'];
/** Of one year, as bounds. */
const YEAR_2005 = { startAt: '2005-01-01T00:00Z', endAt: '2005-12-31T23:59:59Z' };

/** Every expression that the tutorial and the lesson give as an example. */
export const QUARTZ_EXAMPLES: readonly Row[] = [
  { source: tutorial('noon'), schedule: { cron: '0 0 12 * * ?' }, from: SUNDAY, fires: NOON },
  { source: tutorial('daily'), schedule: { cron: '0 15 10 ? * *' }, from: SUNDAY, fires: QUARTER_PAST_TEN },
  { source: tutorial('daily'), schedule: { cron: '0 15 10 * * ?' }, from: SUNDAY, fires: QUARTER_PAST_TEN },
  {
    source: tutorial('daily, any year'),
    schedule: { cron: '0 15 10 * * ? *' },
    refused: /7 fields/,
    theirs: QUARTER_PAST_TEN,
    difference: 'noYear',
  },
  {
    source: tutorial('daily, in one year'),
    schedule: { cron: '0 15 10 * * ? 2005' },
    refused: /7 fields/,
    theirs: ['2005-01-01T10:15Z', '2005-01-02T10:15Z'],
    difference: 'noYear',
  },
  {
    source: tutorial('daily, in one year'),
    written: '0 15 10 * * ? 2005',
    schedule: { cron: '0 15 10 * * ?', ...YEAR_2005 },
    from: '2004-06-01T00:00Z',
    fires: ['2005-01-01T10:15Z', '2005-01-02T10:15Z'],
  },
  {
    source: tutorial('daily, in one year: the last'),
    written: '0 15 10 * * ? 2005',
    schedule: { cron: '0 15 10 * * ?', ...YEAR_2005 },
    from: '2005-12-31T00:00Z',
    fires: ['2005-12-31T10:15Z', null],
  },
  {
    source: tutorial('every minute of an hour'),
    schedule: { cron: '0 * 14 * * ?' },
    from: '2026-11-22T14:58Z',
    fires: ['2026-11-22T14:58Z', '2026-11-22T14:59Z', '2026-11-23T14:00Z'],
  },
  {
    source: tutorial('every five minutes of an hour'),
    schedule: { cron: '0 0/5 14 * * ?' },
    from: '2026-11-22T14:50Z',
    fires: ['2026-11-22T14:50Z', '2026-11-22T14:55Z', '2026-11-23T14:00Z'],
  },
  {
    source: tutorial('every five minutes of two hours'),
    schedule: { cron: '0 0/5 14,18 * * ?' },
    from: '2026-11-22T14:55Z',
    fires: ['2026-11-22T14:55Z', '2026-11-22T18:00Z', '2026-11-22T18:05Z'],
  },
  {
    source: tutorial('the first minutes of an hour'),
    schedule: { cron: '0 0-5 14 * * ?' },
    from: '2026-11-22T14:04Z',
    fires: ['2026-11-22T14:04Z', '2026-11-22T14:05Z', '2026-11-23T14:00Z'],
  },
  {
    source: tutorial('Wednesdays in March'),
    schedule: { cron: '0 10,44 14 ? 3 WED' },
    from: SUNDAY,
    fires: ['2027-03-03T14:10Z', '2027-03-03T14:44Z', '2027-03-10T14:10Z'],
  },
  {
    source: tutorial('Monday to Friday'),
    schedule: { cron: '0 15 10 ? * MON-FRI' },
    from: '2026-11-20T00:00Z',
    fires: ['2026-11-20T10:15Z', '2026-11-23T10:15Z'],
  },
  {
    source: tutorial('the 15th'),
    schedule: { cron: '0 15 10 15 * ?' },
    from: SUNDAY,
    fires: ['2026-12-15T10:15Z', '2027-01-15T10:15Z'],
  },
  {
    source: tutorial('the last day of a month'),
    schedule: { cron: '0 15 10 L * ?' },
    from: SUNDAY,
    fires: ['2026-11-30T10:15Z', '2026-12-31T10:15Z', '2027-01-31T10:15Z', '2027-02-28T10:15Z'],
  },
  {
    source: tutorial('two days before the last of a month'),
    schedule: { cron: '0 15 10 L-2 * ?' },
    refused: /L-2|NaN-2/,
    theirs: ['2026-11-28T10:15Z', '2026-12-29T10:15Z'],
    difference: 'daysBeforeLast',
  },
  {
    source: tutorial('the last Friday of a month, taken over as it is'),
    schedule: { cron: '0 15 10 ? * 6L' },
    from: SUNDAY,
    fires: ['2026-11-28T10:15Z', '2026-12-26T10:15Z'],
    theirs: ['2026-11-27T10:15Z', '2026-12-25T10:15Z'],
    difference: 'sundayIsZero',
  },
  {
    source: tutorial('the last Friday of a month'),
    written: '0 15 10 ? * 6L',
    schedule: { cron: '0 15 10 ? * 5L' },
    from: SUNDAY,
    fires: ['2026-11-27T10:15Z', '2026-12-25T10:15Z'],
  },
  {
    source: tutorial('the last Friday of a month, in four years'),
    written: '0 15 10 ? * 6L 2002-2005',
    schedule: { cron: '0 15 10 ? * 5L', startAt: '2002-01-01T00:00Z', endAt: '2005-12-31T23:59:59Z' },
    from: '2005-11-01T00:00Z',
    fires: ['2005-11-25T10:15Z', '2005-12-30T10:15Z', null],
  },
  {
    source: tutorial('the third Friday of a month, taken over as it is'),
    schedule: { cron: '0 15 10 ? * 6#3' },
    from: SUNDAY,
    fires: ['2026-12-19T10:15Z', '2027-01-16T10:15Z'],
    theirs: ['2026-12-18T10:15Z', '2027-01-15T10:15Z'],
    difference: 'sundayIsZero',
  },
  {
    source: tutorial('the third Friday of a month'),
    written: '0 15 10 ? * 6#3',
    schedule: { cron: '0 15 10 ? * 5#3' },
    from: SUNDAY,
    fires: ['2026-12-18T10:15Z', '2027-01-15T10:15Z'],
  },
  {
    source: tutorial('every fifth day of a month'),
    schedule: { cron: '0 0 12 1/5 * ?' },
    from: '2026-11-26T00:00Z',
    fires: ['2026-11-26T12:00Z', '2026-12-01T12:00Z', '2026-12-06T12:00Z'],
  },
  {
    source: tutorial('11 November'),
    schedule: { cron: '0 11 11 11 11 ?' },
    from: SUNDAY,
    fires: ['2027-11-11T11:11Z', '2028-11-11T11:11Z'],
  },
  {
    source: tutorial('the simplest'),
    schedule: { cron: '* * * * ? *' },
    from: SUNDAY,
    fires: ['2026-11-22T00:00:00Z', '2026-11-22T00:00:01Z', '2026-11-22T00:00:02Z'],
  },
  {
    source: tutorial('the most complex; 14 and 18 are in it twice'),
    written: '0/5 14,18,3-39,52 * ? JAN,MAR,SEP MON-FRI 2002-2010',
    schedule: { cron: '0/5 14,18,3-39,52 * ? JAN,MAR,SEP MON-FRI' },
    refused: /duplicate/,
    theirs: ['2027-01-01T00:03:00Z', '2027-01-01T00:03:05Z'],
    difference: 'repeatedValue',
  },
  {
    source: tutorial('the most complex, without what is in it twice'),
    written: '0/5 14,18,3-39,52 * ? JAN,MAR,SEP MON-FRI 2002-2010',
    schedule: { cron: '0/5 3-39,52 * ? JAN,MAR,SEP MON-FRI' },
    from: '2027-01-01T00:39:50Z',
    fires: ['2027-01-01T00:39:50Z', '2027-01-01T00:39:55Z', '2027-01-01T00:52:00Z'],
  },
  {
    source: lesson('Wednesdays at noon'),
    schedule: { cron: '0 0 12 ? * WED' },
    from: SUNDAY,
    fires: ['2026-11-25T12:00Z', '2026-12-02T12:00Z'],
  },
  {
    source: lesson('Monday, Wednesday and Friday at noon'),
    schedule: { cron: '0 0 12 ? * MON,WED,FRI' },
    from: SUNDAY,
    fires: ['2026-11-23T12:00Z', '2026-11-25T12:00Z', '2026-11-27T12:00Z', '2026-11-30T12:00Z'],
  },
  {
    source: lesson('a range and a day'),
    schedule: { cron: '0 0 12 ? * MON-WED,SAT' },
    from: '2026-11-25T00:00Z',
    fires: ['2026-11-25T12:00Z', '2026-11-28T12:00Z', '2026-11-30T12:00Z'],
  },
  {
    source: lesson('example 1'),
    schedule: { cron: '0 0/5 * * * ?' },
    from: SUNDAY,
    fires: ['2026-11-22T00:00Z', '2026-11-22T00:05Z'],
  },
  {
    source: lesson('example 2'),
    schedule: { cron: '10 0/5 * * * ?' },
    from: '2026-11-22T10:00Z',
    fires: ['2026-11-22T10:00:10Z', '2026-11-22T10:05:10Z'],
  },
  {
    source: lesson('example 3'),
    schedule: { cron: '0 30 10-13 ? * WED,FRI' },
    from: '2026-11-25T00:00Z',
    fires: ['2026-11-25T10:30Z', '2026-11-25T11:30Z', '2026-11-25T12:30Z', '2026-11-25T13:30Z', '2026-11-27T10:30Z'],
  },
  {
    source: lesson('example 4'),
    schedule: { cron: '0 0/30 8-9 5,20 * ?' },
    from: '2026-12-05T00:00Z',
    fires: ['2026-12-05T08:00Z', '2026-12-05T08:30Z', '2026-12-05T09:00Z', '2026-12-05T09:30Z', '2026-12-20T08:00Z'],
  },
  {
    source: lesson('every other minute of some hours'),
    schedule: { cron: '0 0/2 8-17 * * ?' },
    from: '2026-11-22T17:56Z',
    fires: ['2026-11-22T17:56Z', '2026-11-22T17:58Z', '2026-11-23T08:00Z'],
  },
  {
    source: lesson('daily'),
    schedule: { cron: '0 42 10 * * ?' },
    from: SUNDAY,
    fires: ['2026-11-22T10:42Z', '2026-11-23T10:42Z'],
  },
  {
    source: lesson('Wednesdays in another zone'),
    schedule: { cron: '0 42 10 ? * WED', zone: 'America/Los_Angeles' },
    from: SUNDAY,
    fires: ['2026-11-25T10:42-08:00', '2026-12-02T10:42-08:00'],
  },
];
