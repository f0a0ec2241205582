/** The longest result that is stored whole, in characters of JSON. */
const MAX_RESULT_LENGTH = 64 * 1024;
/** How deep `data` may be nested. */
const DEEPEST = 100;
const MAX_MESSAGE_LENGTH = 8 * 1024;
const MAX_STACK_LENGTH = 16 * 1024;
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

/** Whatever was thrown, as what is stored: bounded, and without credentials in connection strings. Never throws. */
export function describeError(thrown: unknown): { name: string; message: string; stack?: string } {
  try {
    if (!(thrown instanceof Error)) return { name: 'NonError', message: bounded(String(thrown), MAX_MESSAGE_LENGTH) };
    return {
      name: bounded(String(thrown.name), 200),
      message: bounded(String(thrown.message), MAX_MESSAGE_LENGTH),
      ...(typeof thrown.stack === 'string' ? { stack: bounded(thrown.stack, MAX_STACK_LENGTH) } : {}),
    };
  } catch {
    return { name: 'NonError', message: 'Something was thrown that cannot even be turned into text.' };
  }
}

/** Cut before it is searched, which takes long; the "@" ends a password that the cut has left without its own. */
function bounded(text: string, length: number): string {
  if (text.length <= length) return storable(redact(text));
  const kept = redact(`${text.slice(0, length)}@`).slice(0, -1);
  return storable(`${kept}… (${text.length} characters)`);
}

/** Without the passwords in its connection strings. */
export function redact(text: string): string {
  return text.replace(/(:\/\/[^\s:/@]*):[^\s@]*@/g, '$1:***@');
}

export function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}

/** Anything thrown, as an `Error` that can be looked at. */
export function asError(thrown: unknown): Error {
  return isReadable(thrown) ? thrown : new Error(describeError(thrown).message);
}

function isReadable(thrown: unknown): thrown is Error {
  try {
    return thrown instanceof Error && typeof thrown.message === 'string';
  } catch {
    return false;
  }
}
