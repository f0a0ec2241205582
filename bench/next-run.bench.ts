import { CronExpressionParser } from 'cron-parser';
import { Cron } from 'croner';
import { cron, type Trigger } from 'nestjs-vigil';
import { expect, it } from 'vitest';

import { measure, print, type Question } from './measure.js';

const START = Date.parse('2026-01-01T00:00:00Z');
const END = Date.parse('2126-01-01T00:00:00Z');
const SCHEDULES: [expression: string, timeZone: string][] = [
  ['*/5 * * * * *', 'UTC'],
  ['*/15 * * * *', 'Europe/Paris'],
  ['0 30 7 * * 1-5', 'Europe/Paris'],
  ['0 0 1 * *', 'America/New_York'],
  ['0 12 L * *', 'Australia/Lord_Howe'],
  ['0 0 29 2 *', 'Europe/Paris'],
];

/** From fire to fire, and from the beginning again: what has not been asked before, but for the zone. */
function walking(next: (after: Date) => Date | null): () => void {
  let after = new Date(START);
  return () => {
    const fire = next(after);
    after = fire === null || fire.getTime() > END ? new Date(START) : fire;
  };
}

/** A thousand jobs with one schedule, each at the same instant; then the next instant. */
function together(make: () => Trigger): () => void {
  const triggers = Array.from({ length: 1_000 }, make);
  let after = new Date(START);
  let place = 0;
  return () => {
    const fire = triggers[place]!.nextAfter(after);
    place = (place + 1) % triggers.length;
    if (place === 0) after = fire === null || fire.getTime() > END ? new Date(START) : fire;
  };
}

function byCronParser(expression: string, tz: string): () => void {
  const parsed = CronExpressionParser.parse(expression, { tz });
  return walking((after) => {
    parsed.reset(after);
    return parsed.next().toDate();
  });
}

it.each(SCHEDULES)('the next run of %s in %s', (expression, timeZone) => {
  const make = (): Trigger => cron(expression, { timeZone });
  const trigger = make();
  const croner = new Cron(expression, { timezone: timeZone, paused: true });
  const questions: Question[] = [
    { name: 'Vigil, what nobody has asked', ask: walking((after) => trigger.nextAfter(after)) },
    { name: 'Vigil, what another job has asked', ask: together(make) },
    { name: 'croner', ask: walking((after) => croner.nextRun(after)), repeated: 20 },
    { name: 'cron-parser', ask: byCronParser(expression, timeZone), repeated: 20 },
  ];
  const answers = measure(questions);
  print(`${expression} in ${timeZone}`, answers);
  expect(answers).toHaveLength(questions.length);
});
