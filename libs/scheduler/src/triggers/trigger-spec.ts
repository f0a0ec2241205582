import { calendar, type CalendarInterval, type CalendarOptions } from './calendar.trigger.js';
import { allOf, anyOf, except, MOST_TRIGGERS, notATrigger } from './combined.trigger.js';
import { cron, type CronOptions } from './cron.trigger.js';
import { at } from './date.trigger.js';
import { days, type DaysOptions } from './days.trigger.js';
import { shown } from './instant.js';
import { every, type IntervalOptions } from './interval.trigger.js';
import { onlyKeys } from './plain-object.js';
import { InvalidTriggerError, type Duration, type DstRule, type Trigger } from './trigger.js';
import { within } from './within.trigger.js';
import type { BoundsOptions } from './bounds.js';

type Spec = Record<string, unknown>;

/** How each kind is read. The functions called check their arguments themselves, as they must for plain JavaScript. */
const READERS: ReadonlyMap<unknown, { keys: readonly string[]; read: (spec: Spec, where: string) => Trigger }> =
  new Map([
    [
      'cron',
      {
        keys: ['expression', 'timeZone', 'dst', 'hashSeed', 'startAt', 'endAt'],
        read: ({ expression, ...options }: Spec) => cron(expression as string, options as CronOptions),
      },
    ],
    [
      'every',
      {
        keys: ['every', 'anchor', 'startAt', 'endAt'],
        read: ({ every: duration, ...options }: Spec) => every(duration as Duration, options as IntervalOptions),
      },
    ],
    ['at', { keys: ['at'], read: (spec: Spec) => at(spec['at'] as string) }],
    [
      'within',
      {
        keys: ['trigger', 'startAt', 'endAt'],
        read: ({ trigger, ...options }: Spec, where: string) => {
          const inner = read(trigger, `${where}.trigger`);
          return within(inner, options as BoundsOptions);
        },
      },
    ],
    [
      'calendar',
      {
        keys: ['every', 'at', 'from', 'timeZone', 'dst'],
        read: ({ every: interval, ...options }: Spec) =>
          calendar(interval as CalendarInterval, options as unknown as CalendarOptions),
      },
    ],
    [
      'days',
      {
        keys: ['dates', 'weekdays', 'from', 'to', 'timeZone'],
        read: (spec: Spec) => days(spec as DaysOptions),
      },
    ],
    ['allOf', { keys: ['triggers'], read: ({ triggers }, where) => allOf(...readAll(triggers, `${where}.triggers`)) }],
    ['anyOf', { keys: ['triggers'], read: ({ triggers }, where) => anyOf(...readAll(triggers, `${where}.triggers`)) }],
    [
      'except',
      {
        keys: ['trigger', 'excluded'],
        read: ({ trigger, excluded }, where) =>
          except(read(trigger, `${where}.trigger`), ...readAll(excluded, `${where}.excluded`)),
      },
    ],
  ]);

/** No schedule nests deeper; a row that does is a mistake or an attack. */
const DEEPEST = 20;

/**
 * The trigger that `trigger.toJSON()` describes, with the same fires. Takes what `JSON.parse` gives back.
 * @throws InvalidTriggerError saying where the description is wrong: an unknown kind or key, or a value the kind refuses.
 */
export function parseTrigger(spec: object): Trigger {
  return read(spec, 'trigger');
}

function read(spec: unknown, where: string): Trigger {
  if (where.split('.').length > DEEPEST)
    throw new InvalidTriggerError('The trigger is nested too deeply. Simplify it.');
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) {
    throw new InvalidTriggerError(`${where}: expected an object with a "kind", not ${shown(spec)}.`);
  }
  const { kind, ...rest } = spec as Spec;
  const reader = READERS.get(kind);
  if (!reader) {
    const kinds = [...READERS.keys()].map(shown).join(', ');
    throw new InvalidTriggerError(`${where}.kind: ${shown(kind)} is not a kind of trigger. Kinds: ${kinds}.`);
  }
  onlyKeys(rest, reader.keys, where);
  try {
    return reader.read(rest, where);
  } catch (error) {
    if (!(error instanceof InvalidTriggerError) || error.message.startsWith(where)) throw error;
    throw new InvalidTriggerError(`${where}: ${error.message}`, { cause: error });
  }
}

function readAll(specs: unknown, where: string): Trigger[] {
  if (!Array.isArray(specs))
    throw new InvalidTriggerError(`${where}: expected a list of triggers, not ${shown(specs)}.`);
  if (specs.length > MOST_TRIGGERS) {
    throw new InvalidTriggerError(`${where} has ${specs.length} triggers. Write at most ${MOST_TRIGGERS}.`);
  }
  return specs.map((spec, place) => read(spec, `${where}[${place}]`));
}

/** The part of a job that says when it runs. */
export interface Schedule {
  cron?: string | undefined;
  every?: Duration | undefined;
  trigger?: Trigger | undefined;
  at?: Date | string | undefined;
  timeZone?: string | undefined;
  dst?: DstRule | undefined;
  startAt?: Date | undefined;
  endAt?: Date | undefined;
}

/** An expression with an `H` in it. */
const DRAWS = /(^|[\s,])H/;
const WAYS = ['cron', 'every', 'trigger', 'at'] as const;
type Way = (typeof WAYS)[number];

/**
 * The trigger of a job, or `null` when it names none of `cron`, `every`, `trigger` and `at`. Other properties are not looked at.
 * @param defaults `timeZone`: the zone of a cron expression that names none; `hashSeed`: what `H` is drawn from.
 * @throws InvalidTriggerError when two ways are given, or an option does not belong to the one that is.
 */
export function triggerOf(schedule: Schedule, defaults: { timeZone: string; hashSeed: string }): Trigger | null {
  if (typeof schedule !== 'object' || schedule === null) {
    throw new InvalidTriggerError(`A schedule is an object, not ${shown(schedule)}.`);
  }
  const [way, second]: (Way | undefined)[] = WAYS.filter((name) => schedule[name] !== undefined);
  if (way !== undefined && second !== undefined) {
    throw new InvalidTriggerError(`"${way}" and "${second}" are both given. Keep one of them: a job has one schedule.`);
  }
  refuseStrays(schedule, way);
  const bounds = given({ startAt: schedule.startAt, endAt: schedule.endAt });
  switch (way) {
    case 'cron':
      return cron(schedule.cron as string, {
        ...given({ timeZone: schedule.timeZone ?? defaults.timeZone, dst: schedule.dst }),
        ...(typeof schedule.cron === 'string' && DRAWS.test(schedule.cron) && { hashSeed: defaults.hashSeed }),
        ...bounds,
      });
    case 'every':
      return every(schedule.every as Duration, bounds);
    case 'trigger':
      return ownTrigger(schedule.trigger, bounds);
    case 'at':
      return at(schedule.at as Date | string);
    case undefined:
      return null;
  }
}

function refuseStrays(schedule: Schedule, way: Way | undefined): void {
  const zoned = (['timeZone', 'dst'] as const).find((name) => schedule[name] !== undefined);
  if (zoned !== undefined && way !== 'cron') {
    throw new InvalidTriggerError(`"${zoned}" belongs to "cron"${way ? `, not to "${way}"` : ''}. Remove it.`);
  }
  const bound = (['startAt', 'endAt'] as const).find((name) => schedule[name] !== undefined);
  if (bound !== undefined && (way === undefined || way === 'at')) {
    throw new InvalidTriggerError(
      `"${bound}" belongs to a schedule that recurs: "cron", "every" or "trigger". Remove it.`,
    );
  }
}

function ownTrigger(trigger: unknown, bounds: BoundsOptions): Trigger {
  const complaint = notATrigger(trigger);
  if (complaint !== null) throw new InvalidTriggerError(`"trigger" ${complaint}`);
  return Object.keys(bounds).length === 0 ? (trigger as Trigger) : within(trigger as Trigger, bounds);
}

function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
