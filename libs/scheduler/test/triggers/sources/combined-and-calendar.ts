import { allOf, anyOf, at, calendar, cron, every, type DstRule, type Trigger } from '../../../src/index.js';
import { within } from '../../../src/triggers/within.trigger.js';
import type { Fires } from './row.js';

/** As in the other tables, for triggers that are made of others. */
export interface CombinedRow {
  readonly source: string;
  readonly trigger: () => Trigger;
  /** The first of `fires` is the first one at or after it. */
  readonly from: string;
  readonly fires: Fires;
  /** A start is delayed by less than this. */
  readonly jitterMs?: number;
  readonly theirs?: Fires | string;
  readonly difference?: CombinedDifference;
}

/** Ours throws InvalidTriggerError, when it is made or when it is asked. */
export interface RefusedCombinedRow {
  readonly source: string;
  readonly trigger: () => Trigger;
  readonly refused: RegExp;
}

export const COMBINED_DIFFERENCES = {
  skippedTime: 'A skipped time fires all the same',
  noThreshold: '`allOf` knows no nearness',
  jitterDelays: 'Jitter only delays',
} as const;

export type CombinedDifference = keyof typeof COMBINED_DIFFERENCES;

const and = (series: number, name: string): string => `APScheduler ${series}, tests of AndTrigger: ${name}`;
const or = (series: number, name: string): string => `APScheduler ${series}, tests of OrTrigger: ${name}`;
const days = (series: number, name: string): string =>
  `APScheduler ${series}, tests of CalendarIntervalTrigger: ${name}`;

const BERLIN = 'Europe/Berlin';
const NEW_YEARS_EVE = '2020-12-31T00:00+01:00';
const FIRST = '2020-05-16T14:17:30.254+02:00';

const inBerlin = (expression: string, endAt?: string): Trigger =>
  cron(expression, { timeZone: BERLIN, ...(endAt !== undefined && { endAt: new Date(endAt) }) });
const summer = (): readonly [Trigger, Trigger] => [
  inBerlin('0 0 6-15 5-8 *', '2017-08-10T00:00+02:00'),
  inBerlin('0 0 */3 6-9 *', '2017-09-07T00:00+02:00'),
];
const daily = (from: string, time = '00:00', dst?: DstRule): Trigger =>
  calendar({ days: 1 }, { at: time, from: new Date(from), timeZone: BERLIN, ...(dst && { dst }) });

export const COMBINED: readonly CombinedRow[] = [
  {
    source: and(3, 'next_fire_time, firstmatch'),
    trigger: () => allOf(...summer()),
    from: '2017-08-06T00:00+02:00',
    fires: ['2017-08-07T00:00+02:00'],
  },
  {
    source: and(3, 'jitter'),
    trigger: () => allOf(...summer()),
    from: '2017-08-06T00:00+02:00',
    fires: ['2017-08-07T00:00+02:00'],
    jitterMs: 5_000,
    theirs: 'within 5 s of it, before or after',
    difference: 'jitterDelays',
  },
  {
    source: and(4, 'two_datetriggers, a second apart, threshold 1'),
    trigger: () => allOf(at(FIRST), at('2020-05-16T14:17:31.254+02:00')),
    from: '2020-05-16T00:00+02:00',
    fires: [null],
    theirs: [FIRST, null],
    difference: 'noThreshold',
  },
  {
    source: and(4, 'two_datetriggers, a second apart, threshold 0'),
    trigger: () => allOf(at(FIRST), at('2020-05-16T14:17:31.254+02:00')),
    from: '2020-05-16T00:00+02:00',
    fires: [null],
  },
  {
    source: or(3, 'next_fire_time, earliest'),
    trigger: () => anyOf(...summer()),
    from: '2017-08-06T00:00+02:00',
    fires: ['2017-08-06T00:00+02:00'],
  },
  {
    source: or(4, 'two_datetriggers'),
    trigger: () => anyOf(at(FIRST), at('2020-05-18T15:01:53.940+02:00')),
    from: '2020-05-16T00:00+02:00',
    fires: [FIRST, '2020-05-18T15:01:53.940+02:00', null],
  },
  {
    source: or(4, 'two_interval_triggers; what coincides fires once'),
    trigger: () =>
      anyOf(
        every('4s', { startAt: new Date(FIRST), endAt: new Date('2020-05-16T14:17:46.254+02:00') }),
        every('6s', { startAt: new Date(FIRST), endAt: new Date('2020-05-16T14:17:48.254+02:00') }),
      ),
    from: '2020-05-16T00:00+02:00',
    fires: [
      FIRST,
      '2020-05-16T14:17:34.254+02:00',
      '2020-05-16T14:17:36.254+02:00',
      '2020-05-16T14:17:38.254+02:00',
      '2020-05-16T14:17:42.254+02:00',
      '2020-05-16T14:17:46.254+02:00',
      '2020-05-16T14:17:48.254+02:00',
      null,
    ],
  },
  {
    source: days(3, 'end_date; the first is the start, even long ago'),
    trigger: () => within(daily(NEW_YEARS_EVE), { endAt: new Date(NEW_YEARS_EVE) }),
    from: NEW_YEARS_EVE,
    fires: [NEW_YEARS_EVE, null],
  },
  {
    source: days(4, 'end_date'),
    trigger: () => within(daily(NEW_YEARS_EVE), { endAt: new Date(NEW_YEARS_EVE) }),
    from: '2020-12-01T00:00+01:00',
    fires: [NEW_YEARS_EVE, null],
  },
  {
    source: days(4, 'missing_time'),
    trigger: () => daily('2016-03-27T00:00+01:00', '02:30'),
    from: '2016-03-27T00:00+01:00',
    fires: ['2016-03-27T03:30+02:00', '2016-03-28T02:30+02:00'],
    theirs: ['2016-03-28T02:30+02:00'],
    difference: 'skippedTime',
  },
  {
    source: days(4, 'missing_time'),
    trigger: () => daily('2016-03-27T00:00+01:00', '02:30', { gap: 'skip' }),
    from: '2016-03-27T00:00+01:00',
    fires: ['2016-03-28T02:30+02:00'],
  },
  {
    source: 'APScheduler 4, tests of the cron trigger: weekday_overlap, wed-fri, where both day fields must match',
    trigger: () => allOf(inBerlin('0 0 6-10 1 *'), inBerlin('0 0 * * wed-fri')),
    from: '2009-01-01T00:00+01:00',
    fires: ['2009-01-07T00:00+01:00', '2009-01-08T00:00+01:00', '2009-01-09T00:00+01:00'],
  },
  {
    source: 'CronExpression of Quartz 2.5: 15W, the weekday nearest to the 15th',
    trigger: () =>
      anyOf(
        allOf(cron('0 12 15 * *'), cron('0 12 * * 1-5')),
        allOf(cron('0 12 14 * *'), cron('0 12 * * 5')),
        allOf(cron('0 12 16 * *'), cron('0 12 * * 1')),
      ),
    from: '2026-08-01T00:00Z',
    fires: ['2026-08-14T12:00Z', '2026-09-15T12:00Z', '2026-10-15T12:00Z', '2026-11-16T12:00Z'],
  },
];

export const REFUSED_COMBINED: readonly RefusedCombinedRow[] = [
  {
    source: days(3, 'bad_start_end_dates'),
    trigger: () =>
      within(daily('2016-03-04T00:00+01:00'), {
        startAt: new Date('2016-03-04T00:00+01:00'),
        endAt: new Date('2016-03-03T00:00+01:00'),
      }),
    refused: /is after endAt/,
  },
  {
    source: days(4, 'bad_start_end_dates'),
    trigger: () =>
      within(daily('2016-03-04T00:00+01:00'), {
        startAt: new Date('2016-03-04T00:00+01:00'),
        endAt: new Date('2016-03-03T00:00+01:00'),
      }),
    refused: /is after endAt/,
  },
  {
    source: days(4, 'bad_interval'),
    trigger: () => calendar({}, { at: '00:00', from: new Date(NEW_YEARS_EVE), timeZone: BERLIN }),
    refused: /days|weeks|months|years/,
  },
  {
    source: and(4, 'max_iterations, which is 10,000'),
    trigger: () =>
      allOf(
        every('4s', { startAt: new Date(FIRST) }),
        every('4s', { startAt: new Date('2020-05-16T14:17:32.254+02:00') }),
      ),
    refused: /10000 steps/,
  },
];
