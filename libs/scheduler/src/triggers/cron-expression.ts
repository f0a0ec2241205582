import { CronExpressionParser } from 'cron-parser';
import cronstrue from 'cronstrue';
import { BoundedCache } from './bounded-cache.js';
import { CronWallTimes } from './cron-wall-times.js';
import { shown } from './instant.js';
import { InvalidTriggerError } from './trigger.js';

const LONGEST_EXPRESSION = 1000;
const EXPRESSIONS_KEPT = 10_000;
const HOW_TO =
  'Write five fields (minute, hour, day of month, month, day of week), or six with the second first: "0 30 7 * * 1-5".';

/** A part of a field with an `H` in it, which cron-parser reads less strictly than others: 0-59/1e-9 would fill the memory. */
const BESIDE_H = /^(?:[*?L]|\d+L?|[a-z]{3}L?|(?:\d+|[a-z]{3})-(?:\d+|[a-z]{3})|H(?:\(\d+-\d+\))?)(?:\/\d+|#\d+)?$/i;

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

const WORDING = { use24HourTimeFormat: true, throwExceptionOnParseError: true };

const expressions = new BoundedCache<CronExpression>(EXPRESSIONS_KEPT);

/** An expression that was read: which wall-clock times it names, and how it sounds in words. */
export class CronExpression {
  #words: string | null = null;

  constructor(
    /** The same for the same times. */
    readonly key: string,
    readonly text: string,
    readonly walls: CronWallTimes,
    private readonly inWords: () => string,
  ) {}

  /** In words. */
  describe(): string {
    this.#words ??= this.inWords();
    return this.#words;
  }
}

/** Read once and shared by the triggers with the same text. `H` is drawn from `hashSeed`. */
export function cronExpression(text: unknown, hashSeed?: string): CronExpression {
  if (typeof text !== 'string') throw notCron(text, 'It is not text.');
  if (text.length > LONGEST_EXPRESSION) {
    throw notCron(text, `It has ${text.length} characters; ${LONGEST_EXPRESSION} are allowed.`);
  }
  const seed = hashSeed ?? text;
  // as JSON: a field may begin on a new line, and so may a seed
  const key = JSON.stringify([seed, text]);
  return expressions.get(key, () => read(key, text, seed));
}

function read(key: string, text: string, hashSeed: string): CronExpression {
  const fields = fieldsOf(text);
  const parse = () => CronExpressionParser.parse(fields, { tz: 'UTC', hashSeed });
  const walls = wallTimesOf(text, parse);
  if (walls.next(Date.UTC(2000, 0, 1)) === null) throw neverFires(text);
  return new CronExpression(key, text, walls, () => wordsOf(text, parse));
}

function wallTimesOf(text: string, parse: () => ReturnType<typeof CronExpressionParser.parse>): CronWallTimes {
  try {
    return new CronWallTimes(parse().fields);
  } catch (error) {
    if (/explicit day of month/.test(String(error))) throw neverFires(text);
    throw notCron(text, `${error instanceof Error ? error.message : String(error)}.`, error);
  }
}

/**
 * Names, `H` and `?` are resolved first, because cronstrue reads `?` in some places as a sign of a year field; and two
 * restricted day fields are told apart, because its words for both sound as if a day had to match both.
 */
function wordsOf(text: string, parse: () => ReturnType<typeof CronExpressionParser.parse>): string {
  try {
    const fields = parse().stringify(true).replaceAll('?', '*').split(' ');
    const isEither = fields[3] !== '*' && fields[5] !== '*';
    const ways = isEither ? [fields.with(5, '*'), fields.with(3, '*')] : [fields];
    const words = ways.map((way) => cronstrue.toString(way.join(' '), WORDING)).join('; or ');
    return words.includes('undefined') ? text : words;
  } catch {
    return text;
  }
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
  const fields = text === '' ? [] : text.split(/\s+/);
  const count = fields.length;
  if (count !== 5 && count !== 6) throw notCron(expression, `It has ${count} field${count === 1 ? '' : 's'}.`);
  const parts = fields.filter((field) => field.includes('H')).flatMap((field) => field.split(','));
  const unsound = parts.find((part) => !BESIDE_H.test(part));
  if (unsound !== undefined) throw notCron(expression, `${shown(unsound)} is no value, range or step.`);
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
