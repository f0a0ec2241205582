import { afterEach, describe, expect, it, vi } from 'vitest';
import { calendar } from '../../src/triggers/calendar.trigger.js';
import { allOf, anyOf, except } from '../../src/triggers/combined.trigger.js';
import { CronWallTimes } from '../../src/triggers/cron-wall-times.js';
import { cron } from '../../src/triggers/cron.trigger.js';
import { at } from '../../src/triggers/date.trigger.js';
import { days } from '../../src/triggers/days.trigger.js';
import { every } from '../../src/triggers/interval.trigger.js';
import { nextRunsOf } from '../../src/triggers/next-runs.js';
import type { DstRule, Trigger } from '../../src/triggers/trigger.js';
import { within } from '../../src/triggers/within.trigger.js';
import { Zone } from '../../src/triggers/zone.js';
import { short, utc } from './support.js';

afterEach(() => vi.restoreAllMocks());

const timeZone = 'Europe/Paris';
const paris = (expression: string, dst: DstRule = {}): Trigger => cron(expression, { timeZone, dst });

/** '2026-03-29T01:30Z moved' */
function runs(trigger: Trigger, after: string, count: number): string[] {
  return nextRunsOf(trigger, utc(after), count).map(({ at: instant, clockChange }) =>
    [short(instant), clockChange].filter(Boolean).join(' '),
  );
}

describe('the next runs', () => {
  it.each<[string, Trigger, string, string[]]>([
    [
      'a time that is skipped is moved',
      paris('30 2 * * *'),
      '2026-03-28T00:00Z',
      ['2026-03-28T01:30Z', '2026-03-29T01:30Z moved', '2026-03-30T00:30Z'],
    ],
    [
      'to the end of the gap, if the rule says so',
      paris('30 2 * * *', { gap: 'next' }),
      '2026-03-28T12:00Z',
      ['2026-03-29T01:00Z moved', '2026-03-30T00:30Z'],
    ],
    [
      'or is dropped',
      paris('30 2 * * *', { gap: 'skip' }),
      '2026-03-28T12:00Z',
      ['2026-03-29T01:30Z dropped', '2026-03-30T00:30Z'],
    ],
    [
      'a time that would fall on another one is dropped',
      paris('30 2,3 * * *'),
      '2026-03-28T12:00Z',
      ['2026-03-29T01:30Z dropped', '2026-03-29T01:30Z', '2026-03-30T00:30Z'],
    ],
    [
      'of several that fall on the end of the gap one is moved',
      paris('*/20 2 * * *', { gap: 'next' }),
      '2026-03-28T12:00Z',
      ['2026-03-29T01:00Z dropped', '2026-03-29T01:00Z dropped', '2026-03-29T01:00Z moved'],
    ],
    [
      'a time that is repeated is neither',
      paris('30 2 * * *'),
      '2026-10-24T12:00Z',
      ['2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ],
    [
      'nothing happens to an expression that does not restrict the hours',
      paris('30 * * * *'),
      '2026-03-29T00:00Z',
      ['2026-03-29T00:30Z', '2026-03-29T01:30Z', '2026-03-29T02:30Z'],
    ],
    ['nor to an interval', every('1h'), '2026-03-29T00:00Z', ['2026-03-29T01:00Z', '2026-03-29T02:00Z']],
    [
      'a calendar schedule is moved as well',
      calendar({ days: 1 }, { at: '02:30', from: utc('2026-03-01T00:00Z'), timeZone }),
      '2026-03-28T12:00Z',
      ['2026-03-29T01:30Z moved', '2026-03-30T00:30Z'],
    ],
    [
      'and it shows through other triggers',
      except(
        anyOf(within(paris('30 2 * * *'), { endAt: utc('2026-12-31T00:00Z') }), at('2026-03-29T20:00Z')),
        at('2026-03-30T00:30Z'),
      ),
      '2026-03-28T12:00Z',
      ['2026-03-29T01:30Z moved', '2026-03-29T20:00Z', '2026-03-31T00:30Z'],
    ],
    [
      'also where all of several are moved',
      allOf(paris('30 2 * * *'), days({ weekdays: ['SUN', 'MON'], timeZone })),
      '2026-03-28T12:00Z',
      ['2026-03-29T01:30Z moved', '2026-03-30T00:30Z'],
    ],
    [
      'but not where another one fires then that the clocks do not move',
      anyOf(within(paris('30 2 * * *'), { endAt: utc('2026-03-29T01:00Z') }), at('2026-03-29T01:30Z')),
      '2026-03-28T12:00Z',
      ['2026-03-29T01:30Z'],
    ],
    [
      'and what is left out is asked for no later instant',
      except(
        paris('30 2 * * *', { gap: 'skip' }),
        allOf(every('4s', { anchor: utc('2026-03-28T00:00Z') }), every('4s', { anchor: utc('2026-03-28T00:00:01Z') })),
      ),
      '2026-03-28T12:00Z',
      ['2026-03-29T01:30Z dropped', '2026-03-30T00:30Z'],
    ],
    ['they end with the schedule', at('2026-03-29T20:00Z'), '2026-03-28T12:00Z', ['2026-03-29T20:00Z']],
  ])('%s', (_title, trigger, after, expected) => {
    expect(runs(trigger, after, Math.max(expected.length, 2)).slice(0, expected.length)).toEqual(expected);
  });

  it('are as many as were asked for, the dropped ones among them', () => {
    expect(runs(paris('*/20 2 * * *', { gap: 'skip' }), '2026-03-28T12:00Z', 2)).toEqual([
      '2026-03-29T01:00Z dropped',
      '2026-03-29T01:20Z dropped',
    ]);
    expect(runs(every('1s'), '2026-03-28T12:00Z', 1_000)).toHaveLength(1_000);
    expect(runs(every('1s'), '2026-03-28T12:00Z', 0)).toEqual([]);
  });

  it.each<[string, Trigger]>([
    ['of which a change of months ago skipped many', paris('* * 2 * * *')],
    ['that are generations apart', paris('0 0 2 * 2 5#5')],
    [
      'that others leave out for generations',
      allOf(paris('* * 2 * * *'), days({ from: '2070-01-01', to: '2070-12-31' })),
    ],
  ])('are found in a number of steps that does not grow with what lies between: times %s', (_of, trigger) => {
    const count = 40;
    const steps = [vi.spyOn(CronWallTimes.prototype, 'next'), vi.spyOn(Zone.prototype, 'periodAt')];
    expect(runs(trigger, '2026-05-01T00:00Z', count)).toHaveLength(count);
    for (const { mock } of steps) expect(mock.calls.length).toBeLessThan(20 * count);
  });
});
