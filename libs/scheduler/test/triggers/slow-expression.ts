const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** What an expression names. */
export interface SlowExpression {
  /** Milliseconds since the start of a day, ascending. */
  readonly timesOfDay: readonly number[];
  /** Whether no hour of the day is left out. */
  readonly isOfEveryHour: boolean;
  /** Whether the expression names this date; `dateMs`: its midnight, written as if in UTC. */
  names(dateMs: number): boolean;
}

/**
 * Five fields, or six with the second first, read with nothing but string functions: `*`, `?`, numbers, names, lists, ranges,
 * steps, `L`, `5L` and `5#3`; 7 is Sunday. It trusts its caller: what is no expression is not refused.
 */
export function slowExpression(text: string): SlowExpression {
  const fields = text.trim().split(/\s+/);
  const [second, minute, hour, day, month, weekday] = fields.length === 5 ? ['0', ...fields] : fields;
  const hours = numbers(hour!, 0, 23);
  const months = numbers(named(month!, MONTHS, 1), 1, 12);
  return {
    timesOfDay: timesOfDay(hours, numbers(minute!, 0, 59), numbers(second!, 0, 59)),
    isOfEveryHour: hours.size === 24,
    names: (dateMs) => {
      const date = new Date(dateMs);
      return months.has(date.getUTCMonth() + 1) && isNamedDay(day!, named(weekday!, WEEKDAYS, 0), date);
    },
  };
}

function timesOfDay(hours: Set<number>, minutes: Set<number>, seconds: Set<number>): number[] {
  const times: number[] = [];
  for (const hour of sorted(hours)) {
    for (const minute of sorted(minutes)) {
      for (const second of sorted(seconds)) times.push(hour * HOUR + minute * MINUTE + second * SECOND);
    }
  }
  return times;
}

/** As in crontab(5): when both day fields are restricted, a day that matches either of them counts. */
function isNamedDay(day: string, weekday: string, date: Date): boolean {
  const byDay = day.split(',').some((part) => matchesDay(part, date));
  const byWeekday = weekday.split(',').some((part) => matchesWeekday(part, date));
  if (isEvery(day)) return isEvery(weekday) || byWeekday;
  return isEvery(weekday) ? byDay : byDay || byWeekday;
}

function matchesDay(part: string, date: Date): boolean {
  return part === 'L' ? date.getUTCDate() === daysInMonth(date) : numbers(part, 1, 31).has(date.getUTCDate());
}

function matchesWeekday(part: string, date: Date): boolean {
  const [weekday, ordinal] = part.split('#');
  if (ordinal !== undefined) return isWeekday(weekday!, date) && Math.ceil(date.getUTCDate() / 7) === Number(ordinal);
  if (part.endsWith('L')) return isWeekday(part.slice(0, -1), date) && date.getUTCDate() > daysInMonth(date) - 7;
  return isWeekday(part, date);
}

function isWeekday(part: string, date: Date): boolean {
  const days = numbers(part, 0, 7);
  return days.has(date.getUTCDay()) || (days.has(7) && date.getUTCDay() === 0);
}

function daysInMonth(date: Date): number {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
}

function isEvery(field: string): boolean {
  return field === '*' || field === '?';
}

/** `a`, `a-b`, `*`, each with a `/step` or without; a step after a single number goes on to the end. */
function numbers(field: string, lowest: number, highest: number): Set<number> {
  const found = new Set<number>();
  for (const part of field.split(',')) {
    const [range, step] = part.split('/');
    const [first, last] = range!.split('-');
    const from = isEvery(range!) ? lowest : Number(first);
    const to = isEvery(range!) || (last === undefined && step !== undefined) ? highest : Number(last ?? first);
    for (let value = from; value <= to; value += Number(step ?? 1)) found.add(value);
  }
  return found;
}

/** The field with numbers for names. */
function named(field: string, names: readonly string[], first: number): string {
  return names.reduce((text, name, index) => text.replaceAll(new RegExp(name, 'gi'), String(index + first)), field);
}

function sorted(values: Set<number>): number[] {
  return [...values].sort((a, b) => a - b);
}
