import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anchored } from '../../src/triggers/built-in.js';
import { allOf, anyOf, except } from '../../src/triggers/combined.trigger.js';
import { cron } from '../../src/triggers/cron.trigger.js';
import { at } from '../../src/triggers/date.trigger.js';
import { days } from '../../src/triggers/days.trigger.js';
import { every } from '../../src/triggers/interval.trigger.js';
import { parseTrigger } from '../../src/triggers/trigger-spec.js';
import { InvalidTriggerError, type Duration, type Trigger } from '../../src/triggers/trigger.js';
import { within } from '../../src/triggers/within.trigger.js';
import { firesBackward, firesBetween, short, utc } from './support.js';

const SEED = 20_261_125;
const fires = (trigger: Trigger, after: string, until: string): (string | null)[] =>
  firesBetween(trigger, utc(after), utc(until)).map(short);

describe('allOf', () => {
  it('fires where all of them do', () => {
    const friday13th = allOf(cron('0 9 * * FRI'), cron('0 9 13 * *'));
    expect(fires(friday13th, '2026-01-01T00:00Z', '2026-12-31T00:00Z')).toEqual([
      '2026-02-13T09:00Z',
      '2026-03-13T09:00Z',
      '2026-11-13T09:00Z',
    ]);
  });

  it('keeps a schedule to some days', () => {
    const summer = allOf(cron('0 9 * * *'), days({ from: '2026-07-30', to: '2026-08-01' }));
    expect(fires(summer, '2026-01-01T00:00Z', '2027-01-01T00:00Z')).toEqual([
      '2026-07-30T09:00Z',
      '2026-07-31T09:00Z',
      '2026-08-01T09:00Z',
    ]);
  });

  it.each<[string, Trigger]>([
    ['when one of them has ended', allOf(at('2026-01-01T00:00Z'), cron('* * * * *'))],
    ['when there is none for 50 years', allOf(cron('0 0 1 1 *'), cron('0 0 2 1 *'))],
    ['when single instants differ', allOf(at('2027-01-01T00:00Z'), at('2027-01-01T00:00:01Z'))],
  ])('has no fire %s', (_when, trigger) => {
    expect(trigger.nextAfter(utc('2026-06-01T00:00Z'))).toBeNull();
    expect(trigger.lastAtOrBefore(utc('2036-06-01T00:00Z'), utc('2026-06-01T00:00Z'))).toBeNull();
  });

  it('that hardly ever fires says so after a bounded number of steps', () => {
    const anchor = utc('2026-11-25T10:00:00Z');
    let asked = 0;
    const counting = (trigger: Trigger): Trigger => ({
      nextAfter: (after) => {
        asked += 1;
        return trigger.nextAfter(after);
      },
      lastAtOrBefore: (until, notBefore) => trigger.lastAtOrBefore(until, notBefore),
      describe: () => trigger.describe(),
      toJSON: () => trigger.toJSON(),
    });
    const odd = allOf(
      counting(every('4s', { anchor })),
      allOf(counting(every('4s', { anchor: utc('2026-11-25T10:00:02Z') })), counting(cron('* * * * * *'))),
    );
    const message = /every 4 seconds; and .* after 10000 steps, at 2026-11-25T1.* Give intervals an anchor/;
    expect(() => odd.nextAfter(anchor)).toThrow(InvalidTriggerError);
    expect(() => odd.nextAfter(anchor)).toThrow(message);
    expect(() => odd.lastAtOrBefore(utc('2026-12-25T10:00Z'), anchor)).toThrow(/after 20000 steps, at 2026-12-2/);
    expect(asked).toBeLessThanOrEqual(40_000);
  });
});

describe('anyOf', () => {
  it('fires where one of them does, and once where several do', () => {
    const either = anyOf(cron('0 9 * * *'), cron('0 9,17 * * *'), at('2026-11-25T12:00Z'));
    expect(fires(either, '2026-11-25T00:00Z', '2026-11-26T10:00Z')).toEqual([
      '2026-11-25T09:00Z',
      '2026-11-25T12:00Z',
      '2026-11-25T17:00Z',
      '2026-11-26T09:00Z',
    ]);
  });

  it('ends with the last of them, however far away', () => {
    const late = anyOf(at('2026-11-25T12:00Z'), at('2099-01-01T00:00Z'));
    expect(fires(late, '2026-01-01T00:00Z', '2200-01-01T00:00Z')).toEqual(['2026-11-25T12:00Z', '2099-01-01T00:00Z']);
  });
});

describe('except', () => {
  it('leaves out weekends and holidays', () => {
    const zone = 'Europe/Paris';
    const holidays = days({ dates: ['2026-12-25', '2027-01-01'], timeZone: zone });
    const weekends = days({ weekdays: ['SAT', 'SUN'], timeZone: zone });
    const working = except(cron('30 7 * * *', { timeZone: zone }), weekends, holidays);
    expect(fires(working, '2026-12-24T00:00Z', '2026-12-29T00:00Z')).toEqual([
      '2026-12-24T06:30Z',
      '2026-12-28T06:30Z',
    ]);
  });

  it('leaves out the instants of another schedule, and only those', () => {
    const but = except(cron('*/20 * * * *'), cron('0 */2 * * *'), at('2026-11-25T10:20Z'));
    expect(fires(but, '2026-11-25T09:50Z', '2026-11-25T11:00Z')).toEqual(['2026-11-25T10:40Z', '2026-11-25T11:00Z']);
  });

  it.each<[string, Trigger]>([
    ['a cron expression', cron('* * * * * SAT,SUN')],
    ['hours of a cron expression', cron('* * 0-22 * * *')],
    ['days', days({ weekdays: ['SAT', 'SUN'] })],
    [
      'several at once',
      anyOf(days({ weekdays: ['SAT'] }), within(cron('* * * * * SUN'), { startAt: utc('2000-01-01T00:00Z') })),
    ],
  ])('skips %s in one step, also from a job that fires each second', (_what, excluded) => {
    const but = except(every('1s'), excluded);
    const saturday = utc('2026-11-28T00:00Z');
    const next = but.nextAfter(saturday)!;
    expect(excluded.nextAfter(new Date(next.getTime() - 1))).not.toEqual(next);
    expect(excluded.nextAfter(new Date(next.getTime() - 1_001))).toEqual(new Date(next.getTime() - 1_000));
    const last = but.lastAtOrBefore(new Date(next.getTime() - 1), utc('2026-11-01T00:00Z'))!;
    expect(excluded.nextAfter(new Date(last.getTime() - 1))).not.toEqual(last);
    expect(excluded.nextAfter(new Date(last.getTime() + 999))).toEqual(new Date(last.getTime() + 1_000));
  });

  it.each<[string, Trigger]>([
    ['a cron expression', cron('* * * * * *', { startAt: utc('2026-11-28T10:00:05Z') })],
    ['days', within(days({ weekdays: ['SAT'] }), { startAt: utc('2026-11-28T10:00:05Z') })],
  ])('leaves out nothing before %s that begins later', (_what, late) => {
    const but = except(every('1s'), anyOf(at('2026-11-28T10:00:02Z'), late));
    expect(fires(but, '2026-11-28T10:00:00Z', '2026-11-28T10:00:10Z')).toEqual(
      ['01', '03', '04'].map((second) => `2026-11-28T10:00:${second}Z`),
    );
  });

  it('has no fire, or says so, when everything is left out', () => {
    expect(except(cron('0 9 1 1 *'), cron('0 9 1 * *')).nextAfter(utc('2026-11-25T00:00Z'))).toBeNull();
    const nothing = except(cron('0 9 * * *'), cron('0 9 * * *'));
    expect(() => nothing.nextAfter(utc('2026-11-25T00:00Z'))).toThrow(/after 10000 steps.*leave nothing/);
  });
});

const at0 = utc('2026-03-28T23:00:00Z').getTime();
const window = [new Date(at0), new Date(at0 + 3 * 3_600_000)] as const;

/** A trigger, and the fires it has in the window: of a leaf by stepping, of others by operations on sets. */
interface Modelled {
  trigger: Trigger;
  fires: ReadonlySet<number>;
}
const leaf = (trigger: Trigger): Modelled => ({
  trigger,
  fires: new Set(firesBetween(trigger, ...window).map((fire) => fire.getTime())),
});
const only = (set: ReadonlySet<number>, keep: (fire: number) => boolean) => new Set([...set].filter(keep));

const leaves: fc.Arbitrary<Modelled> = fc
  .oneof(
    fc
      .tuple(fc.constantFrom('2s', '3s', '7s', '1m', '90s', '1500ms', 'PT10M'), fc.integer({ min: 0, max: 20 }))
      .map(([duration, offset]) => every(duration as Duration, { anchor: new Date(at0 + offset * 500) })),
    fc
      .constantFrom(
        '*/5 * * * * *',
        '0 * * * * *',
        '* * * * *',
        '30 * * * * *',
        '*/7 */2 * * * *',
        '0 30 2 * * *',
        '* 10-50 1-3 * * *',
      )
      .chain((expression) => fc.constantFrom('UTC', 'Europe/Paris').map((timeZone) => cron(expression, { timeZone }))),
    fc.integer({ min: 1, max: 10_000 }).map((second) => at(new Date(at0 + second * 1_000))),
  )
  .map(leaf);

const { tree } = fc.letrec<{ tree: Modelled }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    leaves,
    fc.array(tie('tree'), { minLength: 1, maxLength: 3 }).map((parts): Modelled => {
      const [first, ...others] = parts;
      return {
        trigger: allOf(...parts.map(({ trigger }) => trigger)),
        fires: only(first!.fires, (fire) => others.every((other) => other.fires.has(fire))),
      };
    }),
    fc.array(tie('tree'), { minLength: 1, maxLength: 3 }).map((parts): Modelled => ({
      trigger: anyOf(...parts.map(({ trigger }) => trigger)),
      fires: new Set(parts.flatMap((part) => [...part.fires])),
    })),
    fc.tuple(tie('tree'), fc.array(tie('tree'), { minLength: 1, maxLength: 2 })).map(([base, excluded]): Modelled => ({
      trigger: except(base.trigger, ...excluded.map(({ trigger }) => trigger)),
      fires: only(base.fires, (fire) => !excluded.some((each) => each.fires.has(fire))),
    })),
    fc.tuple(tie('tree'), fc.constantFrom('2026-03-29', '2026-03-28')).map(([base, date]): Modelled => {
      const midnight = utc('2026-03-29T00:00Z').getTime();
      const kept = (fire: number): boolean => (date === '2026-03-29') === fire >= midnight;
      return { trigger: allOf(base.trigger, days({ dates: [date] })), fires: only(base.fires, kept) };
    }),
  ),
}));

describe('triggers made of others, however deep,', () => {
  it('agree with operations on sets in a window, forward, backward and read back from JSON', () => {
    let compared = 0;
    fc.assert(
      fc.property(tree, ({ trigger, fires: expected }) => {
        const sorted = [...expected].sort((a, b) => a - b);
        const bounded = within(trigger, { endAt: window[1] });
        const again = parseTrigger(JSON.parse(JSON.stringify(bounded)) as object);
        expect(JSON.stringify(again)).toBe(JSON.stringify(bounded));
        try {
          expect(firesBetween(again, ...window).map(Number)).toEqual(sorted);
          const late = new Date(sorted[Math.max(0, sorted.length - 20)] ?? at0);
          expect(firesBackward(again, late, window[1]).map(Number)).toEqual(
            sorted.filter((fire) => fire > late.getTime()),
          );
          compared += 1;
        } catch (error) {
          // it says that it was given up
          if (!(error instanceof InvalidTriggerError)) throw error;
        }
      }),
      { seed: SEED, numRuns: 250, endOnFailure: true },
    );
    expect(compared).toBeGreaterThan(200);
  });
});

describe('a combination', () => {
  it.each<[string, Trigger]>([
    ['of single days', allOf(cron('0 9 * * *'), days({ dates: ['2026-12-25'] }))],
    ['of what is left of a schedule', except(cron('0 9 25 12 *'), days({ from: '0001-01-01', to: '2025-12-31' }))],
    ['of single instants', anyOf(at('1899-12-25T09:00Z'), at('2026-12-25T09:00Z'))],
  ])('finds the last fire %s, however far back it may look', (_of, trigger) => {
    for (const notBefore of ['2026-01-01T00:00Z', '1970-01-01T00:00Z', '1800-01-01T00:00Z']) {
      expect(short(trigger.lastAtOrBefore(utc('2027-06-01T00:00Z'), utc(notBefore)))).toBe('2026-12-25T09:00Z');
    }
  });

  it('finds a last fire of long ago', () => {
    const old = anyOf(at('1899-12-25T09:00Z'), at('2099-12-25T09:00Z'));
    expect(short(old.lastAtOrBefore(utc('2027-06-01T00:00Z'), utc('1800-01-01T00:00Z')))).toBe('1899-12-25T09:00Z');
  });

  it('counts an interval without an anchor from the whole second its job was created in', () => {
    const created = utc('2026-11-25T10:00:00.123Z');
    const bound = anchored(except(every('1h'), cron('0 0 11 * * *')), created);
    expect(fires(bound, '2026-11-25T10:00:01Z', '2026-11-25T13:00Z')).toEqual([
      '2026-11-25T12:00Z',
      '2026-11-25T13:00Z',
    ]);
    expect(anchored(bound, utc('2030-01-01T00:00Z'))).toBe(bound);
    const fixed = anyOf(cron('* * * * *'), at(created));
    expect(anchored(fixed, created)).toBe(fixed);
  });

  it.each<[Trigger, string]>([
    [except(every('1h'), anyOf(every('2h'), every('3h'))), 'every 1 hour; but not (every 2 hours; or every 3 hours)'],
    [anyOf(except(every('1h'), every('2h')), every('3h')), '(every 1 hour; but not every 2 hours); or every 3 hours'],
    [
      within(anyOf(every('1h'), cron('0 9 * * *')), { endAt: utc('2026-12-31T00:00Z') }),
      '(every 1 hour; or At 09:00 (UTC)), until 2026-12-31T00:00:00.000Z',
    ],
  ])('says in words what belongs together: %#', (trigger, words) => {
    expect(trigger.describe()).toBe(words);
  });

  it("may have a user's own trigger in it", () => {
    const own: Trigger = {
      nextAfter: (after) => new Date(Math.floor(after.getTime() / 60_000) * 60_000 + 60_000),
      lastAtOrBefore: () => null,
      describe: () => 'each minute of mine',
      toJSON: () => ({ kind: 'mine' }),
    };
    const both = allOf(own, cron('0 10 * * *'));
    expect(short(both.nextAfter(utc('2026-11-25T00:00Z')))).toBe('2026-11-25T10:00Z');
    expect(short(both.lastAtOrBefore(utc('2026-11-26T00:00Z'), utc('2026-11-25T00:00Z')))).toBe('2026-11-25T10:00Z');
    const stuck = anyOf({ ...own, nextAfter: (after) => after });
    expect(() => stuck.nextAfter(utc('2026-11-25T00:00Z'))).toThrow(/each minute of mine.*does not move forward/);
  });

  it.each<[Trigger, string, object]>([
    [
      allOf(cron('0 9 * * *'), days({ weekdays: ['MON'] })),
      'At 09:00 (UTC); and at the same instant all day on MON (UTC)',
      {
        kind: 'allOf',
        triggers: [
          { kind: 'cron', expression: '0 9 * * *', timeZone: 'UTC' },
          { kind: 'days', weekdays: ['MON'], timeZone: 'UTC' },
        ],
      },
    ],
    [
      anyOf(every('1h'), every('90m')),
      'every 1 hour; or every 1 hour 30 minutes',
      {
        kind: 'anyOf',
        triggers: [
          { kind: 'every', every: '1h' },
          { kind: 'every', every: '90m' },
        ],
      },
    ],
    [
      except(every('1h'), at('2026-11-25T10:00Z'), every('2h')),
      'every 1 hour; but not once at 2026-11-25T10:00:00.000Z, nor every 2 hours',
      {
        kind: 'except',
        trigger: { kind: 'every', every: '1h' },
        excluded: [
          { kind: 'at', at: '2026-11-25T10:00:00.000Z' },
          { kind: 'every', every: '2h' },
        ],
      },
    ],
  ])('says in words and in JSON what it is: %s', (trigger, words, json) => {
    expect(trigger.describe()).toBe(words);
    expect(trigger.toJSON()).toEqual(json);
  });

  it.each<[() => Trigger, RegExp]>([
    [() => allOf(), /allOf\(\) was given 0 triggers\. Give it 1 to 100/],
    [() => anyOf(...Array.from({ length: 101 }, () => every('1s'))), /anyOf\(\) was given 101 triggers/],
    [() => except(every('1s')), /except\(\) was given 1 triggers\. Give it 2 to 100/],
    [
      () => allOf(every('1s'), '0 9 * * *' as never),
      /Argument 2 of allOf\(\), "0 9 \* \* \*", has no method nextAfter\(\)/,
    ],
    [() => anyOf(null as never), /Argument 1 of anyOf\(\), null, has no method/],
    [
      () => parseTrigger({ kind: 'allOf', triggers: {} }),
      /^trigger\.triggers: expected a list of triggers, not an object/,
    ],
    [
      () => parseTrigger({ kind: 'anyOf', triggers: [{ kind: 'x' }] }),
      /^trigger\.triggers\[0\]\.kind: "x" is not a kind/,
    ],
    [
      () => parseTrigger({ kind: 'except', trigger: { kind: 'every', every: '1s' }, excluded: [] }),
      /^trigger: except\(\) was given 1 triggers/,
    ],
  ])('that cannot be is refused', (make, message) => {
    expect(make).toThrow(InvalidTriggerError);
    expect(make).toThrow(message);
  });
});
