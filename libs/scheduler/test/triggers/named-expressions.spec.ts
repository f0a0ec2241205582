import { CronExpression as Theirs } from '@nestjs/schedule';
import { CronTime } from 'cron';
import { cron, CronExpression, ScheduledJob } from 'nestjs-vigil';
import { describe, expect, it } from 'vitest';

/** The end of a year and a weekend are near, and no clock changes. */
const START = new Date('2026-12-30T22:59:58Z');
/** Hours of more than a day, days of more than a week: the other library walks slowly. */
const MOST_FIRES = 26;
const A_WEEK_LATER = new Date('2027-01-07T12:00:00Z');
const LEAST_FIRES = 3;

function ourFires(expression: string): string[] {
  const trigger = cron(expression);
  const fires: string[] = [];
  for (let at = trigger.nextAfter(START); isWanted(at, fires); at = trigger.nextAfter(at)) fires.push(at.toISOString());
  return fires;
}

/** As the library does that runs the jobs of @nestjs/schedule. */
function theirFires(expression: string): string[] {
  const time = new CronTime(expression, 'UTC');
  const nextAfter = (at: Date): Date => time.getNextDateFrom(at, 'UTC').toJSDate();
  const fires: string[] = [];
  for (let at = nextAfter(START); isWanted(at, fires); at = nextAfter(at)) fires.push(at.toISOString());
  return fires;
}

function isWanted(at: Date | null, { length }: readonly string[]): at is Date {
  return at !== null && (length < LEAST_FIRES || (length < MOST_FIRES && at < A_WEEK_LATER));
}

describe('CronExpression', () => {
  it('has the names of @nestjs/schedule, and no others', () => {
    expect(Object.keys(CronExpression).sort()).toEqual(Object.keys(Theirs).sort());
  });

  it.each(Object.keys(Theirs) as (keyof typeof Theirs)[])('%s fires when it fires there', (name) => {
    const expected = theirFires(Theirs[name]);
    expect(ourFires(CronExpression[name])).toEqual(expected);
    expect(ourFires(Theirs[name])).toEqual(expected);
  });

  it('is what the decorator takes, and a type', () => {
    const nightly: CronExpression = CronExpression.EVERY_DAY_AT_3AM;
    class Jobs {
      @ScheduledJob(CronExpression.EVERY_WEEK)
      weekly(): void {}
      @ScheduledJob({ cron: nightly, timeZone: 'Europe/Paris' })
      nightly(): void {}
    }
    expect(new Jobs()).toBeDefined();
  });
});
