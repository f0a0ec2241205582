import { isError } from '../store/is-error.js';
import type { ErrorRecord } from '../store/job-execution.entity.js';
import { storable } from '../store/storable.js';

/** The longest result that is stored whole, in characters of JSON. */
const MAX_RESULT_LENGTH = 64 * 1024;
/** How deep `data` may be nested. */
const DEEPEST = 100;
const MAX_MESSAGE_LENGTH = 8 * 1024;
const MAX_STACK_LENGTH = 16 * 1024;
/** How many causes are kept with an error, in all, and how much of each. */
const MOST_CAUSES = 8;
const CAUSE_LENGTHS = { message: 1024, stack: 2048 };
const TOO_LONG = new Error(`The result has more than ${MAX_RESULT_LENGTH} characters of JSON and is not stored.`);

/**
 * Where and why a value is not what JSON gives back unchanged; null when it is. Also names what `jsonb` refuses:
 * U+0000 and half a surrogate pair.
 */
export function notJson(value: unknown, path = 'data', ancestors: readonly unknown[] = []): string | null {
  if (ancestors.length > DEEPEST) return `${path.slice(0, 100)}… is nested more than ${DEEPEST} deep`;
  if (value === undefined && path.endsWith(']')) return `${path} is undefined, which would come back as null`;
  if (value === null || value === undefined || typeof value === 'boolean') return null;
  if (typeof value === 'string') return textProblem(value, path);
  if (typeof value === 'number') return Number.isFinite(value) ? null : `${path} is ${value}, which JSON has not`;
  if (typeof value !== 'object') return `${path} is a ${typeof value}, which JSON has not`;
  if (ancestors.includes(value)) return `${path} contains itself`;
  const isPlain =
    Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);
  if (!isPlain)
    return `${path} is a ${value.constructor?.name ?? 'class instance'}, which would come back as something else`;
  for (const [key, each] of Object.entries(value)) {
    const here = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`;
    const problem = textProblem(key, here) ?? notJson(each, here, [...ancestors, value]);
    if (problem !== null) return problem;
  }
  return null;
}

/** Whether two values are the same as JSON: `jsonb` gives keys back in an order of its own. */
export function isSameJson(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value ?? null, (_key, each: unknown) =>
    each !== null && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

function textProblem(text: string, path: string): string | null {
  if (text.includes('\0')) return `${path} contains the character U+0000, which PostgreSQL cannot store`;
  return text.isWellFormed() ? null : `${path} contains half a surrogate pair, which PostgreSQL cannot store`;
}

/** What a handler returned, as JSON text that any `jsonb` takes; a note where it cannot be stored. Never throws. */
export function resultJson(value: unknown): string | null {
  if (value === undefined) return null;
  let least = 0;
  // stops early: what is far too long would keep the event loop busy for seconds
  const bounded = (_key: string, each: unknown): unknown => {
    if (each !== undefined) least += typeof each === 'string' ? each.length : 1;
    if (least > MAX_RESULT_LENGTH) throw TOO_LONG;
    return typeof each === 'string' ? storable(each) : each;
  };
  try {
    const json = JSON.stringify(value, bounded);
    if (json === undefined) return note(`A ${typeof value} was returned, which JSON has not.`);
    if (json.length > MAX_RESULT_LENGTH) throw TOO_LONG;
    return json;
  } catch (error) {
    if (error === TOO_LONG) return note(TOO_LONG.message);
    return note(`The result is not JSON: ${describeError(error).message}`);
  }
}

function note(text: string): string {
  return JSON.stringify({ note: text });
}

/**
 * Whatever was thrown, as what is stored: bounded, with its causes, and without credentials in connection strings.
 * Never throws, and follows no ring.
 */
export function describeError(thrown: unknown): ErrorRecord {
  return recordOf(thrown, { message: MAX_MESSAGE_LENGTH, stack: MAX_STACK_LENGTH }, { left: MOST_CAUSES, seen: [] });
}

interface Lengths {
  message: number;
  stack: number;
}
/** What the whole record may still hold, and what is in it already. */
interface Causes {
  left: number;
  seen: unknown[];
}

function recordOf(thrown: unknown, { message, stack }: Lengths, causes: Causes): ErrorRecord {
  causes.seen.push(thrown);
  try {
    if (!isError(thrown)) return { name: 'NonError', message: storedText(String(thrown), message) };
    return {
      name: storedText(String(thrown.name), 200),
      message: storedText(String(thrown.message), message),
      ...(typeof thrown.stack === 'string' ? { stack: storedText(thrown.stack, stack) } : {}),
      ...causesOf(thrown, causes),
    };
  } catch {
    return { name: 'NonError', message: 'Something was thrown that cannot even be turned into text.' };
  }
}

/** What it says of its causes is an extra: where that cannot be read, the error stands without. */
function causesOf(error: Error, causes: Causes): Pick<ErrorRecord, 'cause' | 'errors'> {
  const found: Pick<ErrorRecord, 'cause' | 'errors'> = {};
  try {
    const cause = causeRecord(error.cause, causes);
    if (cause !== null) found.cause = cause;
    const { errors } = error as Partial<AggregateError>;
    if (!Array.isArray(errors)) return found;
    const records = [];
    for (let index = 0; index < Math.min(errors.length, MOST_CAUSES); index += 1) {
      const record = causeRecord(errors[index], causes);
      if (record !== null) records.push(record);
    }
    if (records.length > 0) found.errors = records;
  } catch {
    // a getter or a proxy that throws
  }
  return found;
}

function causeRecord(cause: unknown, causes: Causes): ErrorRecord | null {
  if (cause === undefined || cause === null || causes.left <= 0 || causes.seen.includes(cause)) return null;
  causes.left -= 1;
  return recordOf(cause, CAUSE_LENGTHS, causes);
}

/** Cut before it is searched, which takes long; the "@" ends a password that the cut has left without its own. */
export function storedText(text: string, length: number): string {
  if (text.length <= length) return storable(redact(text));
  const kept = redact(`${text.slice(0, length)}@`).slice(0, -1);
  return storable(`${kept}… (${text.length} characters)`);
}

/** Up to the last "@" of a word: a password may have one that nobody has encoded. */
const URL_PASSWORD = /(:\/\/[^\s:/@]*):[^\s"'`<>]*@/g;
/** `password=…` of a DSN, a query or an environment; a text that was cut may have lost its closing quote. */
const KEYED_PASSWORD = /((?:password|passwd|pwd)\s*=\s*)('(?:[^'\\]|\\.)*'?|"(?:[^"\\]|\\.)*"?|[^\s&;,"')}\]]+)/gi;
const JSON_PASSWORD = /((?:password|passwd|pwd)"\s*:\s*)"(?:[^"\\]|\\.)*"?/gi;

/** Without the passwords in its connection strings. */
export function redact(text: string): string {
  return text.replace(URL_PASSWORD, '$1:***@').replace(KEYED_PASSWORD, '$1***').replace(JSON_PASSWORD, '$1"***"');
}

/** For a line: a failed fetch or query often says nothing itself, and its cause all. */
export function messageWithCause({ message, cause }: ErrorRecord): string {
  return cause === undefined ? message : `${message} (${cause.message})`;
}

/** Anything thrown, as an `Error` that can be looked at. */
export function asError(thrown: unknown): Error {
  return isReadable(thrown) ? thrown : new Error(describeError(thrown).message);
}

function isReadable(thrown: unknown): thrown is Error {
  try {
    return isError(thrown) && typeof thrown.message === 'string';
  } catch {
    return false;
  }
}
