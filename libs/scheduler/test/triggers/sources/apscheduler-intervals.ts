import type { Row } from './row.js';

const interval = (name: string): string => `APScheduler 3, tests of the interval trigger: ${name}`;
const date = (name: string): string => `APScheduler 3, tests of the date trigger: ${name}`;
const date4 = (name: string): string => `APScheduler 4, tests of the date trigger: ${name}`;
const job = (name: string): string => `APScheduler 3, tests of the job: ${name}`;

const EASTERN = 'US/Eastern';
const START = '2009-08-04T00:00:02+02:00';
const SEVEN_MINUTES = { startAt: '2014-05-26T00:00+02:00', endAt: '2014-05-26T00:07+02:00' };
/** Of the job whose run times they list. */
const EVERY_SECOND = { every: '1s', startAt: '2010-12-13T00:08:00+01:00' } as const;
const REPEATED = '2025-11-02T01:00:10-04:00';

/** Intervals, instants, and all that is due up to a moment. */
export const APSCHEDULER_INTERVALS: readonly Row[] = [
  {
    source: interval('within'),
    schedule: { every: '1s', startAt: START },
    from: '2009-08-04T00:00:02.001+02:00',
    fires: ['2009-08-04T00:00:03+02:00'],
  },
  {
    source: interval('different_tz'),
    schedule: { every: '1s', startAt: START },
    from: '2009-08-03T22:00:02.001-01:00',
    fires: ['2009-08-04T01:00:03+02:00'],
  },
  {
    source: interval('end_date, inside'),
    schedule: { every: '5m', ...SEVEN_MINUTES },
    from: '2014-05-26T00:02+02:00',
    fires: ['2014-05-26T00:05+02:00'],
  },
  {
    source: interval('end_date, past'),
    schedule: { every: '5m', ...SEVEN_MINUTES },
    from: '2014-05-26T00:06+02:00',
    fires: [null],
  },
  {
    source: interval('dst_change, spring'),
    schedule: { every: '1h', startAt: '2013-03-01T00:00-05:00' },
    from: '2013-03-10T01:05-05:00',
    fires: ['2013-03-10T03:00-04:00'],
  },
  {
    source: interval('dst_change, autumn'),
    schedule: { every: '1h', startAt: '2013-03-01T00:00-05:00' },
    from: '2013-11-03T01:05-04:00',
    fires: ['2013-11-03T01:00-05:00'],
  },
  {
    source: interval('jitter_produces_different_valid_results'),
    written: 'seconds=5 jitter=3, five seconds after it was made',
    schedule: { every: '5s', anchor: '2026-11-22T10:00:00Z' },
    after: '2026-11-22T10:00:00Z',
    fires: ['2026-11-22T10:00:05Z'],
    jitterMs: 3_000,
    theirs: 'within 3 s of it, before or after',
    difference: 'jitterDelays',
  },
  {
    source: interval('jitter_with_end_date'),
    written: 'seconds=5 jitter=5, two seconds before its end',
    schedule: { every: '5s', anchor: '2017-11-12T06:55:55+01:00', endAt: '2017-11-12T06:56:00+01:00' },
    from: '2017-11-12T06:55:58+01:00',
    fires: ['2017-11-12T06:56:00+01:00', null],
    jitterMs: 5_000,
    theirs: 'none, or not after the end with its jitter',
    difference: 'jitterPastEnd',
  },
  {
    source: interval('start_end_times_string'),
    written: 'end=2017-11-05 05:11:32, in Europe/Berlin',
    schedule: { at: '2017-11-05 05:11:32' },
    refused: /says no offset/,
    theirs: ['2017-11-05T05:11:32+01:00'],
    difference: 'instantHasOffset',
  },
  {
    source: interval('start_end_times_string'),
    written: 'end=2017-11-05 05:11:32, in Europe/Berlin',
    schedule: { at: '2017-11-05T05:11:32+01:00' },
    from: '2017-11-05T00:00+01:00',
    fires: ['2017-11-05T05:11:32+01:00', null],
  },
  {
    source: date('get_next_fire_time, exact'),
    schedule: { at: '2009-07-06T00:00:00+02:00' },
    from: '2009-07-06T00:00+02:00',
    fires: ['2009-07-06T00:00+02:00'],
  },
  {
    source: date('get_next_fire_time, previously fired'),
    schedule: { at: '2009-07-06T00:00:00+02:00' },
    from: '2009-09-02T00:00+02:00',
    fires: [null],
  },
  {
    source: date('dst_change'),
    schedule: { at: '2013-10-03T02:00:00-04:00' },
    from: '2013-10-03T02:00-04:00',
    fires: ['2013-10-03T02:00-04:00'],
  },
  {
    source: date4('run_time'),
    schedule: { at: '2020-05-14T11:56:12+02:00' },
    from: '2020-05-14T00:00+02:00',
    fires: ['2020-05-14T11:56:12+02:00', null],
  },
  {
    source: job('get_run_times, before the first'),
    schedule: EVERY_SECOND,
    from: '2010-12-13T00:08:01+01:00',
    until: '2010-12-13T00:08:00+01:00',
    fires: [],
  },
  {
    source: job('get_run_times'),
    schedule: EVERY_SECOND,
    from: '2010-12-13T00:08:01+01:00',
    until: '2010-12-13T00:08:02+01:00',
    fires: ['2010-12-13T00:08:01+01:00', '2010-12-13T00:08:02+01:00'],
  },
  {
    source: job('get_run_times_dst_transition, in the first of two hours'),
    schedule: { cron: '10 0 1 * * *', zone: EASTERN },
    from: REPEATED,
    until: '2025-11-02T01:00:10.000-04:00',
    fires: [REPEATED],
  },
  {
    source: job('get_run_times_dst_transition, in the second'),
    schedule: { cron: '10 0 1 * * *', zone: EASTERN },
    from: REPEATED,
    until: '2025-11-02T01:00:10.000-05:00',
    fires: [REPEATED],
    theirs: [REPEATED, '2025-11-02T01:00:10-05:00'],
    difference: 'repeatedTime',
  },
  {
    source: job('get_run_times_dst_transition, in the second'),
    schedule: { cron: '10 0 1 * * *', zone: EASTERN, dst: { fold: 'both' } },
    from: REPEATED,
    until: '2025-11-02T01:00:10.000-05:00',
    fires: [REPEATED, '2025-11-02T01:00:10-05:00'],
  },
];
