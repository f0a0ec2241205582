import { describe, expect, it } from 'vitest';
import { calendar } from '../../src/triggers/calendar.trigger.js';
import { allOf } from '../../src/triggers/combined.trigger.js';
import { cron } from '../../src/triggers/cron.trigger.js';
import { at } from '../../src/triggers/date.trigger.js';
import { days } from '../../src/triggers/days.trigger.js';
import { every } from '../../src/triggers/interval.trigger.js';
import { parseTrigger, triggerOf, type Schedule } from '../../src/triggers/trigger-spec.js';
import { InvalidTriggerError, type Trigger } from '../../src/triggers/trigger.js';
import { within } from '../../src/triggers/within.trigger.js';
import { firesBetween, short, utc } from './support.js';

const start = utc('2026-11-22T10:00:00Z');
const end = utc('2026-12-22T10:00:00Z');
const defaults = { timeZone: 'Europe/Paris', hashSeed: 'the job' };

/** A user's own: every full second of 2030. */
const own: Trigger = {
  nextAfter: (after) =>
    new Date(Math.max(utc('2030-01-01T00:00Z').getTime(), Math.floor(after.getTime() / 1000) * 1000 + 1000)),
  lastAtOrBefore: () => null,
  describe: () => 'seconds of 2030',
  toJSON: () => ({ kind: 'mine' }),
};

describe('a trigger as JSON', () => {
  it.each<[Trigger, object]>([
    [cron('30 7 * * 1-5'), { kind: 'cron', expression: '30 7 * * 1-5', timeZone: 'UTC' }],
    [
      cron('H 2 * * *', { timeZone: 'Europe/Paris', dst: { gap: 'skip' }, hashSeed: 'x', startAt: start, endAt: end }),
      {
        kind: 'cron',
        expression: 'H 2 * * *',
        timeZone: 'Europe/Paris',
        dst: { gap: 'skip' },
        hashSeed: 'x',
        startAt: '2026-11-22T10:00:00.000Z',
        endAt: '2026-12-22T10:00:00.000Z',
      },
    ],
    [every('PT15M'), { kind: 'every', every: 'PT15M' }],
    [every('15 m', { anchor: start }), { kind: 'every', every: '15 m', anchor: '2026-11-22T10:00:00.000Z' }],
    [every('1h', { startAt: start }), { kind: 'every', every: '1h', startAt: '2026-11-22T10:00:00.000Z' }],
    [at(start), { kind: 'at', at: '2026-11-22T10:00:00.000Z' }],
    [
      within(every('1d'), { endAt: end }),
      { kind: 'within', trigger: { kind: 'every', every: '1d' }, endAt: '2026-12-22T10:00:00.000Z' },
    ],
  ])('%j reads back as itself', (trigger, json) => {
    expect(trigger.toJSON()).toEqual(json);
    const again = parseTrigger(JSON.parse(JSON.stringify(trigger)) as object);
    expect(again.toJSON()).toEqual(json);
    expect(again.describe()).toBe(trigger.describe());
    const span = [utc('2026-11-20T00:00Z'), utc('2026-11-25T00:00Z')] as const;
    expect(firesBetween(again, ...span)).toEqual(firesBetween(trigger, ...span));
  });

  it.each<[unknown, RegExp]>([
    [null, /^trigger: expected an object with a "kind", not null/],
    [[], /^trigger: expected an object with a "kind", not an array/],
    ['30 7 * * *', /^trigger: expected an object with a "kind", not "30 7/],
    [{}, /^trigger\.kind: undefined is not a kind of trigger\. Kinds: "cron", "every", "at", "within"/],
    [{ kind: 'constructor' }, /^trigger\.kind: "constructor"/],
    [{ kind: 'cron' }, /^trigger: undefined is not a cron expression/],
    [
      { kind: 'cron', expression: '* * * * *', tz: 'UTC' },
      /^trigger: "tz" is not known here\. Known: expression, timeZone/,
    ],
    [{ kind: 'cron', expression: '* * * * *', startAt: '2026-11-22 10:00' }, /^trigger: startAt .* says no offset/],
    [{ kind: 'cron', expression: '* * * * *', dst: { gap: 'x' } }, /^trigger: dst\.gap/],
    [{ kind: 'every', every: 900_000 }, /^trigger: The duration 900000 has no unit/],
    [{ kind: 'every', every: '15m', anchor: 12 }, /^trigger: anchor is 12/],
    [{ kind: 'at' }, /^trigger: The instant of at\(\) is undefined/],
    [{ kind: 'within', trigger: { kind: 'every', every: '0s' } }, /^trigger\.trigger: The duration "0s"/],
    [{ kind: 'within', trigger: own.toJSON() }, /^trigger\.trigger\.kind: "mine"/],
  ])('%j is refused, and the error says where', (spec, message) => {
    expect(() => parseTrigger(spec as object)).toThrow(InvalidTriggerError);
    expect(() => parseTrigger(spec as object)).toThrow(message);
  });

  it('stays as it was made, whatever happens to the options later', () => {
    const bounds: { startAt?: Date; endAt?: Date } = { startAt: new Date(start) };
    const trigger = cron('@daily', bounds);
    const json = { kind: 'cron', expression: '@daily', timeZone: 'UTC', startAt: start.toISOString() };
    bounds.startAt!.setTime(0);
    bounds.endAt = end;
    delete bounds.startAt;
    expect(trigger.toJSON()).toEqual(json);
    expect(trigger.describe()).toBe('At 00:00 (UTC), from 2026-11-22T10:00:00.000Z');
  });

  it.each<[Trigger, (json: never) => void]>([
    [cron('30 2 * * *', { dst: { gap: 'skip' } }), ({ dst }: { dst: { gap: string } }) => (dst.gap = 'x')],
    [days({ weekdays: ['SAT'] }), ({ weekdays }: { weekdays: string[] }) => weekdays.pop()],
    [days({ dates: ['2026-11-28'] }), ({ dates }: { dates: string[] }) => dates.pop()],
    [calendar({ days: 2 }, { at: '07:30', from: start }), (json: { every: { days: number } }) => (json.every.days = 0)],
  ])('%j stays as it is, whatever happens to its JSON', (trigger, change) => {
    const [json, first] = [JSON.stringify(trigger), trigger.nextAfter(start)];
    change(trigger.toJSON() as never);
    expect(JSON.stringify(trigger)).toBe(json);
    expect(trigger.nextAfter(start)).toEqual(first);
  });

  it('of more triggers than are combined is refused before they are read', () => {
    const spec = { kind: 'anyOf', triggers: Array.from({ length: 200_000 }, () => ({ kind: 'nonsense' })) };
    expect(() => parseTrigger(spec)).toThrow(/^trigger\.triggers has 200000 triggers\. Write at most 100/);
  });

  it('nested without end is refused', () => {
    let spec: object = { kind: 'every', every: '1m' };
    for (let depth = 0; depth < 10_000; depth += 1) spec = { kind: 'within', trigger: spec };
    expect(() => parseTrigger(spec)).toThrow(/nested too deeply/);
  });
});

describe('the schedule of a job', () => {
  it.each<[Schedule, object | null]>([
    [{ cron: '@daily' }, { kind: 'cron', expression: '@daily', timeZone: 'Europe/Paris' }],
    [
      { cron: '@daily', timeZone: 'UTC', dst: { fold: 'both' } },
      { kind: 'cron', expression: '@daily', timeZone: 'UTC', dst: { fold: 'both' } },
    ],
    [
      { cron: '@daily', every: undefined, endAt: end },
      { kind: 'cron', expression: '@daily', timeZone: 'Europe/Paris', endAt: end.toISOString() },
    ],
    [
      { every: '15m', startAt: start },
      { kind: 'every', every: '15m', startAt: start.toISOString() },
    ],
    [{ at: start }, { kind: 'at', at: start.toISOString() }],
    [
      { cron: 'H 3 * * THU' },
      { kind: 'cron', expression: 'H 3 * * THU', timeZone: 'Europe/Paris', hashSeed: 'the job' },
    ],
    [{ cron: '0 3 * * THU' }, { kind: 'cron', expression: '0 3 * * THU', timeZone: 'Europe/Paris' }],
    [{ trigger: own }, { kind: 'mine' }],
    [
      { trigger: own, endAt: end },
      { kind: 'within', trigger: { kind: 'mine' }, endAt: end.toISOString() },
    ],
    [{}, null],
  ])('%j becomes %j', (schedule, json) => {
    expect(triggerOf(schedule, defaults)?.toJSON() ?? null).toEqual(json);
  });

  it("bounds a user's own trigger, and counts a bare interval from startAt", () => {
    const bounded = triggerOf({ trigger: own, startAt: utc('2030-06-01T00:00Z') }, defaults)!;
    expect(short(bounded.nextAfter(start))).toBe('2030-06-01T00:00Z');
    const interval = triggerOf({ trigger: every('7m'), startAt: start }, defaults)!;
    expect(short(interval.nextAfter(utc('2020-01-01T00:00Z')))).toBe('2026-11-22T10:00Z');
  });

  it("a user's own trigger that stands still, or forgets to answer, says so within bounds, too", () => {
    for (const nextAfter of [() => start, (() => undefined) as never]) {
      const bounded = triggerOf({ trigger: { ...own, nextAfter }, startAt: end }, defaults)!;
      expect(() => bounded.nextAfter(start)).toThrow(/"seconds of 2030" does not move forward after 2026-12-22T/);
    }
  });

  it('whose parts do not agree by its end has ended', () => {
    const never = allOf(every('4s', { anchor: start }), every('4s', { anchor: new Date(start.getTime() + 1_000) }));
    expect(triggerOf({ trigger: never, endAt: utc('2026-11-22T11:00Z') }, defaults)!.nextAfter(start)).toBeNull();
    expect(() => triggerOf({ trigger: never, endAt: end }, defaults)!.nextAfter(start)).toThrow(/after 10000 steps/);
  });

  it.each<[unknown, RegExp]>([
    [{ cron: '@daily', every: '1d' }, /"cron" and "every" are both given/],
    [{ every: '1d', at: start }, /"every" and "at" are both given/],
    [{ every: '1d', timeZone: 'UTC' }, /"timeZone" belongs to "cron", not to "every"/],
    [{ trigger: own, dst: {} }, /"dst" belongs to "cron"/],
    [{ timeZone: 'UTC' }, /"timeZone" belongs to "cron"/],
    [{ at: start, endAt: end }, /"endAt" belongs to a schedule that recurs/],
    [{ startAt: start }, /"startAt" belongs to a schedule that recurs/],
    [{ cron: null }, /null is not a cron expression/],
    [{ cron: { toString: 1 } }, /an object is not a cron expression/],
    [{ every: 5 }, /5 has no unit/],
    [{ trigger: null }, /"trigger" has no method nextAfter\(\)/],
    [{ trigger: { kind: 'cron' } }, /"trigger" has no method nextAfter\(\)/],
    [{ trigger: { ...own, toJSON: undefined } }, /"trigger" has no method toJSON\(\)/],
    [null, /A schedule is an object, not null/],
    ['@daily', /A schedule is an object/],
  ])('%j is refused', (schedule, message) => {
    expect(() => triggerOf(schedule as Schedule, defaults)).toThrow(InvalidTriggerError);
    expect(() => triggerOf(schedule as Schedule, defaults)).toThrow(message);
  });
});
