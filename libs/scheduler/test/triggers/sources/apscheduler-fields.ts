import type { Row } from './row.js';

const field = (name: string): string => `APScheduler 3, tests of the expressions: ${name}`;
const crontab = (name: string): string => `APScheduler 4, tests of from_crontab: ${name}`;

const BERLIN = 'Europe/Berlin';
/** "None left in this unit", as the end of that month. */
const END_OF_JULY = { endAt: '2009-07-31T23:59:59Z' };

/** What a single field finds from a given local time on, and what crontab expressions they read. */
export const APSCHEDULER_FIELDS: readonly Row[] = [
  {
    source: field('all_expression'),
    schedule: { cron: '0 0 * * *' },
    from: '2009-07-01T00:00Z',
    fires: ['2009-07-01T00:00Z'],
  },
  {
    source: field('all_expression'),
    schedule: { cron: '0 0 * * *' },
    from: '2009-07-10T00:00Z',
    fires: ['2009-07-10T00:00Z'],
  },
  {
    source: field('all_expression'),
    schedule: { cron: '0 0 * * *' },
    from: '2009-07-30T00:00Z',
    fires: ['2009-07-30T00:00Z'],
  },
  {
    source: field('all_expression_step'),
    written: 'hour=*/3',
    schedule: { cron: '0 */3 * * *' },
    from: '2009-07-01T02:00Z',
    fires: ['2009-07-01T03:00Z'],
  },
  {
    source: field('all_expression_step'),
    written: 'hour=*/3',
    schedule: { cron: '0 */3 * * *' },
    from: '2009-07-01T07:00Z',
    fires: ['2009-07-01T09:00Z'],
  },
  {
    source: field('range_expression'),
    written: 'day=2-9',
    schedule: { cron: '0 0 2-9 * *', ...END_OF_JULY },
    from: '2009-07-01T00:00Z',
    fires: ['2009-07-02T00:00Z'],
  },
  {
    source: field('range_expression'),
    written: 'day=2-9',
    schedule: { cron: '0 0 2-9 * *', ...END_OF_JULY },
    from: '2009-07-10T00:00Z',
    fires: [null],
  },
  {
    source: field('range_expression'),
    written: 'day=2-9',
    schedule: { cron: '0 0 2-9 * *', ...END_OF_JULY },
    from: '2009-07-05T00:00Z',
    fires: ['2009-07-05T00:00Z'],
  },
  {
    source: field('range_expression_step'),
    written: 'day=2-9/3',
    schedule: { cron: '0 0 2-9/3 * *', ...END_OF_JULY },
    from: '2009-07-01T00:00Z',
    fires: ['2009-07-02T00:00Z'],
  },
  {
    source: field('range_expression_step'),
    written: 'day=2-9/3',
    schedule: { cron: '0 0 2-9/3 * *', ...END_OF_JULY },
    from: '2009-07-03T00:00Z',
    fires: ['2009-07-05T00:00Z'],
  },
  {
    source: field('range_expression_single'),
    written: 'day=9',
    schedule: { cron: '0 0 9 * *', ...END_OF_JULY },
    from: '2009-07-01T00:00Z',
    fires: ['2009-07-09T00:00Z'],
  },
  {
    source: field('range_expression_single'),
    written: 'day=9',
    schedule: { cron: '0 0 9 * *', ...END_OF_JULY },
    from: '2009-07-09T00:00Z',
    fires: ['2009-07-09T00:00Z'],
  },
  {
    source: field('weekday_single'),
    written: 'day_of_week=WED',
    schedule: { cron: '0 0 * * WED' },
    from: '2008-02-04T00:00Z',
    fires: ['2008-02-06T00:00Z'],
  },
  {
    source: field('weekday_range'),
    written: 'day_of_week=TUE-SAT',
    schedule: { cron: '0 0 * * TUE-SAT' },
    from: '2008-02-07T00:00Z',
    fires: ['2008-02-07T00:00Z'],
  },
  {
    source: field('weekday_pos_2'),
    written: 'day=2nd wed',
    schedule: { cron: '0 0 * * wed#2' },
    from: '2008-02-01T00:00Z',
    fires: ['2008-02-13T00:00Z'],
  },
  {
    source: field('weekday_pos_3'),
    written: 'day=last fri',
    schedule: { cron: '0 0 * * friL' },
    from: '2008-02-01T00:00Z',
    fires: ['2008-02-29T00:00Z'],
  },
  {
    source: field('all_expression_invalid'),
    written: 'hour=*/0',
    schedule: { cron: '0 */0 * * *' },
    refused: /every 0 time/,
  },
  {
    source: field('range_expression_invalid'),
    written: 'day=5-3',
    schedule: { cron: '0 0 5-3 * *' },
    refused: /5-3/,
  },
  {
    source: field('day_of_week_invalid_pos'),
    written: 'day=6th fri',
    schedule: { cron: '0 0 * * fri#6' },
    refused: /#/,
  },
  {
    source: crontab('always'),
    schedule: { cron: '* * * * *', zone: BERLIN },
    from: '2009-07-01T00:00:30+02:00',
    fires: ['2009-07-01T00:01:00+02:00', '2009-07-01T00:02:00+02:00'],
  },
  {
    source: crontab('assorted'),
    schedule: { cron: '0-14 * 14-28 jul fri', zone: BERLIN },
    from: '2009-07-01T00:00+02:00',
    fires: ['2009-07-03T00:00+02:00', '2009-07-03T00:01+02:00'],
    theirs: ['2009-07-17T00:00+02:00', '2009-07-17T00:01+02:00'],
    difference: 'eitherDay',
  },
  {
    source: crontab('working_week'),
    schedule: { cron: '* * * * 1-5', zone: BERLIN },
    from: '2009-07-03T23:59+02:00',
    fires: ['2009-07-03T23:59+02:00', '2009-07-06T00:00+02:00'],
  },
  {
    source: crontab('saturday_first'),
    schedule: { cron: '* * * * 6-1', zone: BERLIN },
    refused: /6-1/,
    theirs: 'every minute of Saturday, Sunday and Monday',
    difference: 'noWrapping',
  },
  {
    source: crontab('saturday_first'),
    written: '* * * * 6-1',
    schedule: { cron: '* * * * 0,1,6', zone: BERLIN },
    from: '2009-07-06T23:59+02:00',
    fires: ['2009-07-06T23:59+02:00', '2009-07-11T00:00+02:00'],
  },
  { source: crontab('wrong_number_of_fields'), schedule: { cron: '*' }, refused: /1 field/ },
];
