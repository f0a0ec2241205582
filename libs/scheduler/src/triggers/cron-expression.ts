import { CronExpressionParser, type CronExpression } from 'cron-parser';
import cronstrue from 'cronstrue';
import { BoundedCache } from './bounded-cache.js';
import { EARLIEST_MS, LATEST_MS, shown } from './instant.js';
import { InvalidTriggerError } from './trigger.js';
import type { WallTimes } from './wall-clock.js';

const LONGEST_EXPRESSION = 1000;
const EXPRESSIONS_KEPT = 1000;
const HOW_TO =
  'Write five fields (minute, hour, day of month, month, day of week), or six with the second first: "0 30 7 * * 1-5".';

const NICKNAMES: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 0 1 1 *'],
  ['@annually', '0 0 0 1 1 *'],
  ['@monthly', '0 0 0 1 * *'],
  ['@weekly', '0 0 0 * * 0'],
  ['@daily', '0 0 0 * * *'],
  ['@midnight', '0 0 0 * * *'],
  ['@hourly', '0 0 * * * *'],
  ['@minutely', '0 * * * * *'],
  ['@secondly', '* * * * * *'],
  ['@weekdays', '0 0 0 * * 1-5'],
  ['@weekends', '0 0 0 * * 0,6'],
]);

const expressions = new BoundedCache<CronWallTimes>(EXPRESSIONS_KEPT);

/** The wall-clock times an expression names, with no zone: cron-parser works in UTC here, where every day has 24 hours. */
export class CronWallTimes implements WallTimes {
  /** Whether the hour field leaves out some hour of the day. */
  readonly restrictsHours: boolean;

  constructor(
    readonly expression: string,
    private readonly parsed: CronExpression,
  ) {
    this.restrictsHours = parsed.fields.hour.values.length < 24;
  }

  next(wallMs: number): number | null {
    if (wallMs > LATEST_MS) return null;
    return this.#find(Math.max(wallMs, EARLIEST_MS - 1), () => this.parsed.next().getTime());
  }

  previous(wallMs: number): number | null {
    if (wallMs < EARLIEST_MS) return null;
    return this.#find(Math.min(wallMs, LATEST_MS + 1), () => this.parsed.prev().getTime());
  }

  /** In words. Names, `H` and `?` are resolved first, because cronstrue reads `?` in some places as a sign of a year field. */
  describe(): string {
    try {
      const resolved = this.parsed.stringify(true).replaceAll('?', '*');
      const words = cronstrue.toString(resolved, { use24HourTimeFormat: true, throwExceptionOnParseError: true });
      return words.includes('undefined') ? this.expression : words;
    } catch {
      return this.expression;
    }
  }

  /** The parser keeps its place: it is set anew each time, which also makes it safe to share. It throws when it finds nothing. */
  #find(fromMs: number, step: () => number): number | null {
    try {
      this.parsed.reset(new Date(fromMs));
      return step();
    } catch {
      return null;
    }
  }
}

/** Parsed once and shared by the triggers with the same text. `H` is drawn from `hashSeed`. */
export function cronWallTimes(expression: unknown, hashSeed?: string): CronWallTimes {
  if (typeof expression !== 'string') throw notCron(expression, 'It is not text.');
  if (expression.length > LONGEST_EXPRESSION) {
    throw notCron(expression, `It has ${expression.length} characters; ${LONGEST_EXPRESSION} are allowed.`);
  }
  return expressions.get(`${hashSeed ?? expression}\n${expression}`, () => parse(expression, hashSeed ?? expression));
}

function parse(expression: string, hashSeed: string): CronWallTimes {
  const fields = fieldsOf(expression);
  let walls: CronWallTimes;
  try {
    walls = new CronWallTimes(expression, CronExpressionParser.parse(fields, { tz: 'UTC', hashSeed }));
  } catch (error) {
    if (/explicit day of month/.test(String(error))) throw neverFires(expression);
    throw notCron(expression, `${error instanceof Error ? error.message : String(error)}.`, error);
  }
  if (walls.next(Date.UTC(2000, 0, 1)) === null) throw neverFires(expression);
  return walls;
}

function fieldsOf(expression: string): string {
  const text = expression.trim();
  const nickname = text.toLowerCase();
  if (nickname === '@reboot') {
    throw notCron(
      expression,
      'A schedule belongs to the cluster, which does not reboot: run what belongs to a start when the application starts.',
    );
  }
  if (nickname.startsWith('@')) {
    const fields = NICKNAMES.get(nickname);
    if (fields === undefined) throw notCron(expression, `The nicknames are ${[...NICKNAMES.keys()].join(', ')}.`);
    return fields;
  }
  const count = text === '' ? 0 : text.split(/\s+/).length;
  if (count !== 5 && count !== 6) throw notCron(expression, `It has ${count} field${count === 1 ? '' : 's'}.`);
  return text;
}

function notCron(expression: unknown, why: string, cause?: unknown): InvalidTriggerError {
  return new InvalidTriggerError(`${shown(expression)} is not a cron expression. ${why} ${HOW_TO}`, { cause });
}

function neverFires(expression: string): InvalidTriggerError {
  return new InvalidTriggerError(
    `The cron expression ${shown(expression)} can never fire: none of its months has such a day. Name another day, or "L" for the last one.`,
  );
}
