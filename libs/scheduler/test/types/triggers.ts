// What compiles and what must not: each @ts-expect-error is a promise.
import {
  allOf,
  anyOf,
  at,
  calendar,
  cron,
  days,
  every,
  except,
  parseTrigger,
  ScheduledJob,
  type Trigger,
} from 'nestjs-vigil';

const from = new Date();
export const triggers: Trigger[] = [
  cron('0 30 7 * * 1-5', { timeZone: 'Europe/Paris', dst: { gap: 'next', fold: 'both' }, startAt: from, endAt: from }),
  every('15m', { anchor: from, endAt: from }),
  every('PT15M'),
  at('2026-12-24T18:00:00+01:00'),
  at(from),
  calendar({ weeks: 2 }, { at: '07:30', from }),
  calendar({ years: 1, months: 6 }, { at: '07:30:15', from, timeZone: 'Europe/Paris', dst: { gap: 'skip' } }),
  allOf(cron('0 9 * * FRI'), days({ dates: ['2026-11-13'] })),
  anyOf(every('1h'), at(from)),
  except(
    every('1h'),
    days({ weekdays: ['SAT', 'SUN'] }),
    days({ from: '2026-12-24', to: '2027-01-02', timeZone: 'UTC' }),
  ),
  parseTrigger({ kind: 'every', every: '1h' }),
];
export function wrong(): void {
  // @ts-expect-error number without unit
  every(30);
  // @ts-expect-error a job's option, not a trigger's
  cron('* * * * *', { maxRuns: 3 });
  // @ts-expect-error a zone on an interval
  every('1h', { timeZone: 'UTC' });
  // @ts-expect-error no time of day
  calendar({ days: 1 }, { from });
  // @ts-expect-error no first date
  calendar({ days: 1 }, { at: '07:30' });
  // @ts-expect-error no unit of the calendar
  calendar({ hours: 1 }, { at: '07:30', from });
  // @ts-expect-error an expression is no trigger
  allOf('0 9 * * *');
  // @ts-expect-error no such day
  days({ weekdays: ['Saturday'] });
  // @ts-expect-error no such rule
  cron('* * * * *', { dst: { gap: 'later' } });
}
export class Jobs {
  @ScheduledJob({ trigger: calendar({ months: 1 }, { at: '07:30', from }), endAt: from, maxRuns: 12, jitterMs: 60_000 })
  monthly(): void {}

  // @ts-expect-error the zone belongs into the trigger
  @ScheduledJob({ trigger: calendar({ months: 1 }, { at: '07:30', from }), timeZone: 'Europe/Paris' })
  twice(): void {}
}
