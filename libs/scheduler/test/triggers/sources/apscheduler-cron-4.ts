import type { Row } from './row.js';

const test = (name: string): string => `APScheduler 4, tests of the cron trigger: ${name}`;

const BERLIN = 'Europe/Berlin';
const EASTERN = 'US/Eastern';
/** Their field for the year, as bounds. */
const IN_2008_AND_2009 = { startAt: '2008-01-01T00:00+01:00', endAt: '2009-12-31T23:59:59+01:00' };
const IN_2009 = { startAt: '2009-01-01T00:00+01:00', endAt: '2009-12-31T23:59:59+01:00' };
const IN_2011 = { startAt: '2011-01-01T00:00+01:00', endAt: '2011-12-31T23:59:59+01:00' };
const IN_2013 = { startAt: '2013-01-01T00:00+01:00', endAt: '2013-12-31T23:59:59+01:00' };

/** Their instants are at or after the start, one after the other. */
export const APSCHEDULER_CRON_4: readonly Row[] = [
  {
    source: test('cron_trigger_1, first season'),
    written: 'year=2009/2 month=1-4/3 day=5-6',
    schedule: { cron: '0 0 5-6 1-4/3 *', zone: BERLIN, ...IN_2009 },
    from: '2008-12-01T00:00+01:00',
    fires: [
      '2009-01-05T00:00+01:00',
      '2009-01-06T00:00+01:00',
      '2009-04-05T00:00+02:00',
      '2009-04-06T00:00+02:00',
      null,
    ],
  },
  {
    source: test('cron_trigger_1, second season'),
    written: 'year=2009/2 month=1-4/3 day=5-6',
    schedule: { cron: '0 0 5-6 1-4/3 *', zone: BERLIN, ...IN_2011 },
    from: '2008-12-01T00:00+01:00',
    fires: ['2011-01-05T00:00+01:00'],
  },
  {
    source: test('cron_trigger_2, first season'),
    written: 'year=2009/2 month=1-3 day=5',
    schedule: { cron: '0 0 5 1-3 *', zone: BERLIN, ...IN_2011 },
    from: '2009-10-14T00:00+02:00',
    fires: ['2011-01-05T00:00+01:00', '2011-02-05T00:00+01:00', '2011-03-05T00:00+01:00', null],
  },
  {
    source: test('cron_trigger_2, second season'),
    written: 'year=2009/2 month=1-3 day=5',
    schedule: { cron: '0 0 5 1-3 *', zone: BERLIN, ...IN_2013 },
    from: '2009-10-14T00:00+02:00',
    fires: ['2013-01-05T00:00+01:00'],
  },
  {
    source: test('weekday_overlap, wed-fri'),
    written: 'year=2009 month=1 day=6-10 day_of_week=wed-fri',
    schedule: { cron: '0 0 6-10 1 wed-fri', zone: BERLIN, ...IN_2009 },
    from: '2009-01-01T00:00+01:00',
    fires: ['2009-01-01T00:00+01:00', '2009-01-02T00:00+01:00', '2009-01-06T00:00+01:00', '2009-01-07T00:00+01:00'],
    theirs: ['2009-01-07T00:00+01:00'],
    difference: 'eitherDay',
  },
  {
    source: test('weekday_range, a week as bounds'),
    written: 'year=2020 month=1 week=1 day_of_week=fri-sun',
    schedule: {
      cron: '0 0 * 1 5-7',
      zone: BERLIN,
      startAt: '2019-12-30T00:00+01:00',
      endAt: '2020-01-05T23:59:59+01:00',
    },
    from: '2020-01-01T00:00+01:00',
    fires: ['2020-01-03T00:00+01:00', '2020-01-04T00:00+01:00', '2020-01-05T00:00+01:00', null],
  },
  {
    source: test('weekday_range, without the week'),
    written: 'year=2020 month=1 week=1 day_of_week=fri-sun',
    schedule: { cron: '0 0 * 1 5-7', zone: BERLIN },
    from: '2020-01-05T00:00+01:00',
    fires: ['2020-01-05T00:00+01:00', '2020-01-10T00:00+01:00'],
    theirs: ['2020-01-05T00:00+01:00', null],
    difference: 'noWeek',
  },
  {
    source: test('weekday_range, by name'),
    written: 'day_of_week=fri-sun',
    schedule: { cron: '0 0 * 1 fri-sun', zone: BERLIN },
    refused: /5-0/,
    theirs: ['2020-01-03T00:00+01:00', '2020-01-04T00:00+01:00', '2020-01-05T00:00+01:00'],
    difference: 'noWrapping',
  },
  {
    source: test('increment_weekday'),
    schedule: { cron: '0 5-6 * * *', zone: BERLIN },
    from: '2009-09-25T07:00+02:00',
    fires: ['2009-09-26T05:00+02:00'],
  },
  {
    source: test('weekday_nomatch, mon,sun'),
    written: 'year=2009 month=1 day=6-10 day_of_week=mon,sun',
    schedule: { cron: '0 0 6-10 1 mon,sun', zone: BERLIN, ...IN_2009 },
    from: '2009-01-01T00:00+01:00',
    fires: ['2009-01-04T00:00+01:00', '2009-01-05T00:00+01:00', '2009-01-06T00:00+01:00'],
    theirs: [null],
    difference: 'eitherDay',
  },
  {
    source: test('weekday_positional'),
    written: 'year=2009 month=1 day=4th wed',
    schedule: { cron: '0 0 * 1 WED#4', zone: BERLIN, ...IN_2009 },
    from: '2009-01-01T00:00+01:00',
    fires: ['2009-01-28T00:00+01:00'],
  },
  {
    source: test('week_2, wed'),
    written: 'year=2009 week=15 day_of_week=wed',
    schedule: {
      cron: '0 0 * * wed',
      zone: BERLIN,
      startAt: '2009-04-06T00:00+02:00',
      endAt: '2009-04-12T23:59:59+02:00',
    },
    from: '2009-01-01T00:00+01:00',
    fires: ['2009-04-08T00:00+02:00', null],
  },
  {
    source: test('dst_change, spring_skip_hour'),
    schedule: { cron: '0 2 * * *', zone: EASTERN },
    from: '2013-03-09T20:00-05:00',
    fires: ['2013-03-10T03:00-04:00', '2013-03-11T02:00-04:00'],
    theirs: ['2013-03-11T02:00-04:00'],
    difference: 'skippedTime',
  },
  {
    source: test('dst_change, spring_skip_hour'),
    schedule: { cron: '0 2 * * *', zone: EASTERN, dst: { gap: 'skip' } },
    from: '2013-03-09T20:00-05:00',
    fires: ['2013-03-11T02:00-04:00'],
  },
  {
    source: test('dst_change, absolute_spring'),
    schedule: { cron: '0 8 * * *', zone: EASTERN },
    from: '2013-03-09T12:00-05:00',
    fires: ['2013-03-10T08:00-04:00'],
  },
  {
    source: test('dst_change, absolute_autumn'),
    schedule: { cron: '0 8 * * *', zone: EASTERN },
    from: '2013-11-02T12:00-04:00',
    fires: ['2013-11-03T08:00-05:00'],
  },
  {
    source: test('dst_change, interval_autumn'),
    schedule: { cron: '*/30 * * * *', zone: EASTERN },
    from: '2013-11-03T01:35-04:00',
    fires: ['2013-11-03T01:00-05:00'],
  },
  {
    source: test('dst_change2'),
    schedule: { cron: '0 * * * *', zone: BERLIN },
    from: '2024-10-27T02:00+02:00',
    fires: ['2024-10-27T02:00+02:00', '2024-10-27T02:00+01:00', '2024-10-27T03:00+01:00'],
  },
  {
    source: test('year_list'),
    written: 'year=2009,2008',
    schedule: { cron: '0 0 1 1 *', zone: BERLIN, ...IN_2008_AND_2009 },
    from: '2009-01-01T00:00+01:00',
    fires: ['2009-01-01T00:00+01:00', null],
  },
  {
    source: test('aware_start_time_timezone_conversion'),
    schedule: { cron: '*/5 11 * * *', zone: 'America/New_York' },
    from: '2009-09-26T10:16-05:00',
    fires: ['2009-09-26T11:20-04:00'],
  },
  {
    source: test('non_existing_naive_start_time'),
    written: 'start=2025-03-30 02:30',
    schedule: { cron: '* * * * *', zone: BERLIN, startAt: '2025-03-30T02:30:00' },
    refused: /says no offset/,
  },
  {
    source: test('invalid_ranges, a step longer than its field'),
    written: 'day=*/31',
    schedule: { cron: '0 0 */31 * *' },
    from: '2026-11-22T00:00Z',
    fires: ['2026-12-01T00:00Z', '2027-01-01T00:00Z'],
    theirs: 'refused',
    difference: 'longStep',
  },
  {
    source: test('invalid_ranges, a step longer than its range'),
    written: 'day=4-6/3',
    schedule: { cron: '0 0 4-6/3 * *' },
    from: '2026-11-22T00:00Z',
    fires: ['2026-12-04T00:00Z', '2027-01-04T00:00Z'],
    theirs: 'refused',
    difference: 'longStep',
  },
  {
    source: test('invalid_ranges, a last value above the highest'),
    written: 'hour=0-24',
    schedule: { cron: '0 0-24 * * *' },
    refused: /0-24/,
  },
  {
    source: test('invalid_step'),
    written: 'year=2009/0',
    schedule: { cron: '0 0 0 1 1 * 2009/0' },
    refused: /7 fields/,
  },
  { source: test('invalid_month_name'), schedule: { cron: '0 0 1 fab *' }, refused: /fab/ },
  { source: test('invalid_month_name'), schedule: { cron: '0 0 1 jan-fab *' }, refused: /fab/ },
  { source: test('invalid_weekday_name'), schedule: { cron: '0 0 * * web' }, refused: /web/ },
  {
    source: test('invalid_weekday_position_name'),
    written: 'day=1st web',
    schedule: { cron: '0 0 * * web#1' },
    refused: /web/,
  },
];
