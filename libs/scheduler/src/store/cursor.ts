import { isStorable, isUuid } from './storable.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

export type CursorKey = readonly string[];

export function pageSize(limit: number | undefined): number {
  return Math.min(Math.max(1, Math.floor(limit ?? DEFAULT_LIMIT)), MAX_LIMIT);
}

/** Opaque to callers: the key of the last row they were given, so that rows that come and go hide no others. */
export function encodeCursor(key: CursorKey): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/** What a cursor looks like only the store knows. */
export class InvalidCursorError extends RangeError {}

/** @throws InvalidCursorError when it is not a cursor of `length` parts */
export function decodeCursor(cursor: string, length: number): CursorKey {
  const key = parse(Buffer.from(cursor, 'base64url').toString());
  if (Array.isArray(key) && key.length === length && key.every((part) => typeof part === 'string' && isStorable(part)))
    return key;
  throw new InvalidCursorError(
    `${JSON.stringify(cursor)} is no cursor. Give back nextCursor of the page before, unchanged.`,
  );
}

/** @throws InvalidCursorError when it is not a scheduled instant and an id */
export function decodeExecutionCursor(cursor: string): CursorKey {
  const key = decodeCursor(cursor, 2);
  const [at = '', id = ''] = key;
  if (isInstant(at) && isUuid(id)) return key;
  throw new InvalidCursorError(
    `${JSON.stringify(cursor)} is no cursor of executions. Give back nextCursor of the page before.`,
  );
}

/** As `encodeCursor` was given it: Date.parse takes much that PostgreSQL does not. */
function isInstant(text: string): boolean {
  const at = new Date(text);
  return !Number.isNaN(at.getTime()) && at.toISOString() === text;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
