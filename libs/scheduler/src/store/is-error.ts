import { isNativeError } from 'node:util/types';

/** Also an error of another realm: under Jest those of Node's own modules are of another `Error` than that of the code. */
export function isError(value: unknown): value is Error {
  return isNativeError(value) || value instanceof Error;
}
