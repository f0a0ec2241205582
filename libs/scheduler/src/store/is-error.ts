import { isNativeError } from 'node:util/types';

/** Also an error of another realm: under Jest those of Node's own modules are of another `Error` than that of the code. */
export function isError(value: unknown): value is Error {
  return isNativeError(value) || value instanceof Error;
}

/** What it says, whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return isError(thrown) ? thrown.message : String(thrown);
}
