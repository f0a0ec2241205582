import type { Row } from './row.js';

const manual = (what: string): string => `crontab(5) of Vixie cron: ${what}`;
const debian = (what: string): string => `crontab(5) of Debian: ${what}`;
const daemon = (what: string): string => `cron(8) of Vixie cron: ${what}`;

const SUNDAY = '2026-11-22T00:00Z';
const PARIS = 'Europe/Paris';
const NEW_YORK = 'America/New_York';

/** Every example of the manual page, its nicknames, its note on the day fields, and what cron(8) says of clock changes. */
export const CRONTAB: readonly Row[] = [
  {
    source: manual('example file, daily job'),
    schedule: { cron: '5 0 * * *' },
    from: SUNDAY,
    fires: ['2026-11-22T00:05Z', '2026-11-23T00:05Z'],
  },
  {
    source: manual('example file, monthly job'),
    schedule: { cron: '15 14 1 * *' },
    from: SUNDAY,
    fires: ['2026-12-01T14:15Z', '2027-01-01T14:15Z'],
  },
  {
    source: manual('example file, weekdays at ten in the evening'),
    schedule: { cron: '0 22 * * 1-5' },
    from: '2026-11-20T00:00Z',
    fires: ['2026-11-20T22:00Z', '2026-11-23T22:00Z', '2026-11-24T22:00Z'],
  },
  {
    source: manual('example file, every other hour'),
    schedule: { cron: '23 0-23/2 * * *' },
    from: SUNDAY,
    fires: ['2026-11-22T00:23Z', '2026-11-22T02:23Z', '2026-11-22T04:23Z'],
  },
  {
    source: manual('example file, Sundays by name'),
    schedule: { cron: '5 4 * * sun' },
    from: SUNDAY,
    fires: ['2026-11-22T04:05Z', '2026-11-29T04:05Z'],
  },
  {
    source: debian('example file, every fourth hour on the 1st and on Mondays'),
    schedule: { cron: '0 */4 1 * mon' },
    from: '2026-11-30T18:00Z',
    fires: ['2026-11-30T20:00Z', '2026-12-01T00:00Z', '2026-12-01T04:00Z'],
    until: '2026-12-01T04:00Z',
  },
  {
    source: debian('example file, Sundays that are an uneven date'),
    schedule: { cron: '0 0 */2 * sun' },
    from: SUNDAY,
    fires: ['2026-11-22T00:00Z', '2026-11-23T00:00Z', '2026-11-25T00:00Z'],
    theirs: ['2026-11-29T00:00Z', '2026-12-13T00:00Z', '2026-12-27T00:00Z'],
    difference: 'onlyStarIsEvery',
  },
  {
    source: debian('example file, days on which the command itself looks for a Saturday'),
    schedule: { cron: '0 4 8-14 * *' },
    from: SUNDAY,
    fires: ['2026-12-08T04:00Z', '2026-12-09T04:00Z'],
  },
  {
    source: debian('example file, every day at ten'),
    schedule: { cron: '0 10 * * *' },
    from: SUNDAY,
    fires: ['2026-11-22T10:00Z', '2026-11-23T10:00Z'],
  },
  {
    source: manual('note on the two day fields'),
    schedule: { cron: '30 4 1,15 * 5' },
    from: '2026-11-30T00:00Z',
    fires: ['2026-12-01T04:30Z', '2026-12-04T04:30Z', '2026-12-11T04:30Z', '2026-12-15T04:30Z', '2026-12-18T04:30Z'],
  },
  {
    source: manual('a range'),
    written: '8-11 as hours',
    schedule: { cron: '0 8-11 * * *' },
    from: SUNDAY,
    fires: ['2026-11-22T08:00Z', '2026-11-22T09:00Z', '2026-11-22T10:00Z', '2026-11-22T11:00Z', '2026-11-23T08:00Z'],
  },
  {
    source: manual('a list'),
    written: '1,2,5,9',
    schedule: { cron: '0 1,2,5,9 * * *' },
    from: SUNDAY,
    fires: ['2026-11-22T01:00Z', '2026-11-22T02:00Z', '2026-11-22T05:00Z', '2026-11-22T09:00Z', '2026-11-23T01:00Z'],
  },
  {
    source: manual('a list of ranges'),
    written: '0-4,8-12',
    schedule: { cron: '0 0-4,8-12 * * *' },
    from: '2026-11-22T04:00Z',
    fires: ['2026-11-22T04:00Z', '2026-11-22T08:00Z'],
  },
  {
    source: manual('the V7 way to say every other hour'),
    schedule: { cron: '0 0,2,4,6,8,10,12,14,16,18,20,22 * * *' },
    from: '2026-11-22T21:00Z',
    fires: ['2026-11-22T22:00Z', '2026-11-23T00:00Z'],
  },
  {
    source: manual('a step after an asterisk'),
    written: '*/2 as hours',
    schedule: { cron: '0 */2 * * *' },
    from: '2026-11-22T21:00Z',
    fires: ['2026-11-22T22:00Z', '2026-11-23T00:00Z'],
  },
  {
    source: manual('extensions, lists and ranges in one field'),
    written: '1-3,7-9',
    schedule: { cron: '0 0 1-3,7-9 * *' },
    from: '2026-12-02T00:00Z',
    fires: ['2026-12-02T00:00Z', '2026-12-03T00:00Z', '2026-12-07T00:00Z'],
  },
  {
    source: manual('extensions, a range with a step'),
    written: '1-9/2',
    schedule: { cron: '0 0 1-9/2 * *' },
    from: '2026-12-01T00:00Z',
    fires: ['2026-12-01T00:00Z', '2026-12-03T00:00Z', '2026-12-05T00:00Z', '2026-12-07T00:00Z', '2026-12-09T00:00Z'],
    until: '2026-12-31T00:00Z',
  },
  {
    source: manual('extensions, day 0 is Sunday'),
    schedule: { cron: '0 0 * * 0' },
    from: SUNDAY,
    fires: ['2026-11-22T00:00Z', '2026-11-29T00:00Z'],
  },
  {
    source: manual('extensions, day 7 is Sunday'),
    schedule: { cron: '0 0 * * 7' },
    from: SUNDAY,
    fires: ['2026-11-22T00:00Z', '2026-11-29T00:00Z'],
  },
  {
    source: manual('names, no lists and ranges of them'),
    schedule: { cron: '0 0 * * mon,wed-fri' },
    from: SUNDAY,
    fires: ['2026-11-23T00:00Z', '2026-11-25T00:00Z', '2026-11-26T00:00Z', '2026-11-27T00:00Z'],
    theirs: 'refused',
    difference: 'namesAnywhere',
  },
  {
    source: manual('a step follows a range or an asterisk'),
    schedule: { cron: '5/20 * * * *' },
    from: SUNDAY,
    fires: ['2026-11-22T00:05Z', '2026-11-22T00:25Z', '2026-11-22T00:45Z', '2026-11-22T01:05Z'],
    theirs: 'refused',
    difference: 'openStep',
  },
  {
    source: manual('day 0 and day 7 are Sunday: both at once'),
    schedule: { cron: '0 0 * * 0,7' },
    refused: /duplicate/,
    theirs: ['2026-11-22T00:00Z', '2026-11-29T00:00Z'],
    difference: 'repeatedValue',
  },
  { source: debian('nicknames'), schedule: { cron: '@yearly' }, from: SUNDAY, fires: ['2027-01-01T00:00Z'] },
  { source: debian('nicknames'), schedule: { cron: '@annually' }, from: SUNDAY, fires: ['2027-01-01T00:00Z'] },
  {
    source: debian('nicknames'),
    schedule: { cron: '@monthly' },
    from: SUNDAY,
    fires: ['2026-12-01T00:00Z', '2027-01-01T00:00Z'],
  },
  {
    source: debian('nicknames'),
    schedule: { cron: '@weekly' },
    from: SUNDAY,
    fires: ['2026-11-22T00:00Z', '2026-11-29T00:00Z'],
  },
  {
    source: debian('nicknames'),
    schedule: { cron: '@daily' },
    from: SUNDAY,
    fires: ['2026-11-22T00:00Z', '2026-11-23T00:00Z'],
  },
  {
    source: debian('nicknames'),
    schedule: { cron: '@midnight' },
    from: SUNDAY,
    fires: ['2026-11-22T00:00Z', '2026-11-23T00:00Z'],
  },
  {
    source: debian('nicknames'),
    schedule: { cron: '@hourly' },
    from: SUNDAY,
    fires: ['2026-11-22T00:00Z', '2026-11-22T01:00Z'],
  },
  {
    source: debian('nicknames'),
    schedule: { cron: '@reboot' },
    refused: /does not reboot/,
    theirs: 'once, when the daemon starts',
    difference: 'reboot',
  },
  {
    source: daemon('time has moved forward: what was skipped runs at once'),
    schedule: { cron: '30 2 * * *', zone: PARIS },
    from: '2026-03-29T00:00+01:00',
    fires: ['2026-03-29T03:30+02:00', '2026-03-30T02:30+02:00'],
    theirs: ['2026-03-29T03:00+02:00', '2026-03-30T02:30+02:00'],
    difference: 'skippedTime',
  },
  {
    source: daemon('time has moved forward: what was skipped runs at once'),
    schedule: { cron: '30 2 * * *', zone: PARIS, dst: { gap: 'next' } },
    from: '2026-03-29T00:00+01:00',
    fires: ['2026-03-29T03:00+02:00', '2026-03-30T02:30+02:00'],
  },
  {
    source: daemon('time has moved backward: nothing runs twice'),
    schedule: { cron: '30 2 * * *', zone: PARIS },
    from: '2026-10-25T00:00+02:00',
    fires: ['2026-10-25T02:30+02:00', '2026-10-26T02:30+01:00'],
  },
  {
    source: daemon('jobs that run more often than hourly go by the clock'),
    schedule: { cron: '*/30 * * * *', zone: NEW_YORK },
    from: '2026-11-01T01:00-04:00',
    fires: [
      '2026-11-01T01:00-04:00',
      '2026-11-01T01:30-04:00',
      '2026-11-01T01:00-05:00',
      '2026-11-01T01:30-05:00',
      '2026-11-01T02:00-05:00',
    ],
  },
  {
    source: daemon('the same of an asterisk in the minutes alone'),
    schedule: { cron: '*/30 1 * * *', zone: NEW_YORK },
    from: '2026-11-01T01:00-04:00',
    fires: ['2026-11-01T01:00-04:00', '2026-11-01T01:30-04:00', '2026-11-02T01:00-05:00'],
    theirs: ['2026-11-01T01:00-04:00', '2026-11-01T01:30-04:00', '2026-11-01T01:00-05:00'],
    difference: 'everyMinuteOfAnHour',
  },
];
