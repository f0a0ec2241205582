import type { Row } from './row.js';

const test = (name: string): string => `APScheduler 3, tests of the cron trigger: ${name}`;

const BERLIN = 'Europe/Berlin';
const EASTERN = 'US/Eastern';
/** Their field for the year, as bounds. */
const IN_2008_AND_2009 = { startAt: '2008-01-01T00:00+01:00', endAt: '2009-12-31T23:59:59+01:00' };
const IN_2009 = { startAt: '2009-01-01T00:00+01:00', endAt: '2009-12-31T23:59:59+01:00' };
const IN_2011 = { startAt: '2011-01-01T00:00+01:00', endAt: '2011-12-31T23:59:59+01:00' };
const IN_2012 = { startAt: '2012-01-01T00:00+01:00', endAt: '2012-12-31T23:59:59+01:00' };

/** Their instants are at or after `now`, or strictly after the previous one where that is given. */
export const APSCHEDULER_CRON_3: readonly Row[] = [
  {
    source: test('cron_trigger_2'),
    written: 'year=2009/2 month=1/3 day=5-13',
    schedule: { cron: '0 0 5-13 1/3 *', zone: BERLIN, ...IN_2011 },
    from: '2009-10-14T00:00+02:00',
    fires: ['2011-01-05T00:00+01:00'],
  },
  {
    source: test('cron_trigger_2'),
    written: 'year=2009/2 month=1/3 day=5-13',
    schedule: { cron: '0 0 0 5-13 1/3 * 2009/2', zone: BERLIN },
    refused: /7 fields/,
    theirs: ['2011-01-05T00:00+01:00'],
    difference: 'noYear',
  },
  {
    source: test('cron_trigger_3'),
    written: 'year=2009 month=feb-dec hour=8-10',
    schedule: { cron: '0 8-10 * feb-dec *', zone: BERLIN, ...IN_2009 },
    from: '2009-01-01T00:00+01:00',
    fires: ['2009-02-01T08:00+01:00'],
  },
  {
    source: test('cron_trigger_4'),
    written: 'year=2012 month=2 day=last',
    schedule: { cron: '0 0 L 2 *', zone: BERLIN, ...IN_2012 },
    from: '2012-02-01T00:00+01:00',
    fires: ['2012-02-29T00:00+01:00'],
  },
  {
    source: test('cron_year_list'),
    written: 'year=2009,2008',
    schedule: { cron: '0 0 1 1 *', zone: BERLIN, ...IN_2008_AND_2009 },
    from: '2009-01-01T00:00+01:00',
    fires: ['2009-01-01T00:00+01:00'],
  },
  {
    source: test('cron_start_date'),
    written: 'year=2009 month=2 hour=8-10 start=2009-02-03 11:00',
    schedule: { cron: '0 8-10 * 2 *', zone: BERLIN, ...IN_2009, startAt: '2009-02-03T11:00+01:00' },
    from: '2009-01-01T00:00+01:00',
    fires: ['2009-02-04T08:00+01:00'],
  },
  {
    source: test('previous_fire_time_3'),
    schedule: { cron: '0 0 * * *', zone: BERLIN },
    after: '2016-04-25T00:00+02:00',
    fires: ['2016-04-26T00:00+02:00'],
  },
  {
    source: test('cron_weekday_overlap'),
    written: 'year=2009 month=1 day=6-10 day_of_week=2-4, where Monday is 0',
    schedule: { cron: '0 0 6-10 1 3-5', zone: BERLIN, ...IN_2009 },
    from: '2009-01-01T00:00+01:00',
    fires: ['2009-01-01T00:00+01:00', '2009-01-02T00:00+01:00', '2009-01-06T00:00+01:00', '2009-01-07T00:00+01:00'],
    theirs: ['2009-01-07T00:00+01:00'],
    difference: 'eitherDay',
  },
  {
    source: test('cron_weekday_overlap: their numbers for Wednesday to Friday'),
    written: 'day_of_week=2-4',
    schedule: { cron: '0 0 * 1 2-4', zone: BERLIN, ...IN_2009 },
    from: '2009-01-02T00:00+01:00',
    fires: ['2009-01-06T00:00+01:00', '2009-01-07T00:00+01:00', '2009-01-08T00:00+01:00'],
    theirs: ['2009-01-02T00:00+01:00', '2009-01-07T00:00+01:00', '2009-01-08T00:00+01:00'],
    difference: 'sundayIsZero',
  },
  {
    source: test('month_rollover'),
    schedule: { cron: '0 0 30 * *', zone: BERLIN },
    from: '2016-02-01T00:00+01:00',
    fires: ['2016-03-30T00:00+02:00'],
  },
  {
    source: test('end_date, before it'),
    written: 'year=2014 hour=4 end=2014-04-13 03:00',
    schedule: { cron: '0 4 * * *', zone: BERLIN, startAt: '2014-01-01T00:00+01:00', endAt: '2014-04-13T03:00+02:00' },
    from: '2014-04-12T02:30+02:00',
    fires: ['2014-04-12T04:00+02:00'],
  },
  {
    source: test('dst_change, absolute_autumn'),
    schedule: { cron: '0 8 * * *', zone: EASTERN },
    from: '2013-11-02T12:00-04:00',
    fires: ['2013-11-03T08:00-05:00'],
  },
  {
    source: test('dst_change, absolute_autumn, at the fire itself'),
    schedule: { cron: '0 8 * * *', zone: EASTERN },
    from: '2013-11-03T08:00-05:00',
    fires: ['2013-11-03T08:00-05:00'],
  },
  {
    source: test('dst_change, absolute_autumn_from_repeated_into_repeated_interval'),
    schedule: { cron: '30 1 * * *', zone: EASTERN },
    from: '2013-11-03T01:30:05-04:00',
    fires: ['2013-11-04T01:30-05:00'],
    theirs: ['2013-11-03T01:30-05:00'],
    difference: 'repeatedTime',
  },
  {
    source: test('dst_change, absolute_autumn_from_repeated_into_repeated_interval'),
    schedule: { cron: '30 1 * * *', zone: EASTERN, dst: { fold: 'both' } },
    from: '2013-11-03T01:30:05-04:00',
    fires: ['2013-11-03T01:30-05:00'],
  },
  {
    source: test('dst_change, absolute_autumn_from_repeated_interval_to_after'),
    schedule: { cron: '30 1 * * *', zone: EASTERN },
    after: '2013-11-03T01:30:05-05:00',
    fires: ['2013-11-04T01:30-05:00'],
  },
  {
    source: test('dst_change, interval_spring'),
    schedule: { cron: '*/30 * * * *', zone: EASTERN },
    from: '2013-03-10T01:35-05:00',
    fires: ['2013-03-10T03:00-04:00'],
  },
  {
    source: test('dst_change, interval_spring, after a previous one'),
    schedule: { cron: '*/30 * * * *', zone: EASTERN },
    after: '2013-03-10T01:35-05:00',
    fires: ['2013-03-10T03:00-04:00'],
  },
  {
    source: test('dst_change, interval_autumn, after a previous one'),
    schedule: { cron: '*/30 * * * *', zone: EASTERN },
    after: '2013-11-03T01:35-04:00',
    fires: ['2013-11-03T01:00-05:00'],
  },
  {
    source: test('dst_change, interval_autumn, at the fire itself'),
    schedule: { cron: '*/30 * * * *', zone: EASTERN },
    from: '2013-11-03T01:00-05:00',
    fires: ['2013-11-03T01:00-05:00'],
  },
  {
    source: test('dst_change_2, which once stuck at a repeated instant'),
    schedule: { cron: '30 * * * *', zone: 'Europe/Helsinki' },
    after: '2017-10-29T03:30:00.000+02:00',
    fires: ['2017-10-29T04:30+02:00'],
  },
  {
    source: test('dst_change_2, at the fire itself'),
    schedule: { cron: '30 * * * *', zone: 'Europe/Helsinki' },
    from: '2017-10-29T04:30+02:00',
    fires: ['2017-10-29T04:30+02:00'],
  },
  {
    source: test('jitter_dst_change, absolute_autumn'),
    schedule: { cron: '0 8 * * *', zone: EASTERN },
    from: '2013-11-02T12:00-04:00',
    fires: ['2013-11-03T08:00-05:00'],
    jitterMs: 5_000,
    theirs: 'within 5 s of it, before or after',
    difference: 'jitterDelays',
  },
  {
    source: test('jitter_dst_change, interval_spring'),
    schedule: { cron: '*/30 * * * *', zone: EASTERN },
    from: '2013-03-10T01:35-05:00',
    fires: ['2013-03-10T03:00-04:00'],
    jitterMs: 5_000,
    theirs: 'within 5 s of it, before or after',
    difference: 'jitterDelays',
  },
  {
    source: test('cron_faulty_expr'),
    written: 'year=2009-fault',
    schedule: { cron: '0 0 0 1 1 * 2009-fault' },
    refused: /7 fields/,
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
    source: test('invalid_ranges, a first value below the lowest'),
    written: 'day=0-3',
    schedule: { cron: '0 0 0-3 * *' },
    refused: /0-3/,
  },
];
