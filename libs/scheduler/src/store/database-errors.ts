import {
  ConnectionsReplacedError,
  JobStoreConfigurationError,
  JobStoreUnavailableError,
  type WriteOutcome,
} from './errors.js';
import { isError } from './is-error.js';

/** An error of the connection, or one that passes by itself. What it means for a write is for the caller to say. */
export class Outage extends Error {
  override readonly name = 'Outage';

  constructor(
    message: string,
    /** The server said no, so nothing of that statement happened. */
    readonly answered: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const LOST_CONNECTION = /^(08|57P)/;
/** Connections, resources, timeouts, serialization, deadlocks, a standby that only reads, I/O. */
const PASSING = /^(08|53|57P|58|25006|25P03|57014|55P03|40001|40P01)/;
const CREDENTIALS = /^28/;

/** The server was reached and said no: no connections left, no disk, a lock, only reading. */
export function isRefusal(error: unknown): boolean {
  const state = error instanceof JobStoreUnavailableError ? sqlStateOf(error.cause) : undefined;
  return state !== undefined && !LOST_CONNECTION.test(state);
}

/** SQLSTATE of an error that the server answered, also inside TypeORM's QueryFailedError. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!isError(error)) return undefined;
  const { code, severity, driverError } = error as { code?: unknown; severity?: unknown; driverError?: unknown };
  if (typeof code === 'string' && typeof severity === 'string') return code;
  return driverError === undefined || driverError === error ? undefined : sqlStateOf(driverError);
}

/** A value that PostgreSQL cannot store: bad data, a broken constraint, a size. One row is to blame. */
export function isUnwritable(error: unknown): boolean {
  const state = sqlStateOf(error);
  // 23503: an owner without a row in `node`. That is about the node, not about what it writes.
  return state !== undefined && /^(22|23|54)/.test(state) && state !== '23503';
}

/** What a failed query means: an `Outage`, or the server's own refusal, unchanged. */
export function queryError(error: unknown, redact: (text: string) => string): unknown {
  if (error instanceof Outage) return error;
  const state = sqlStateOf(error);
  if (state !== undefined && !PASSING.test(state)) return error;
  const cause = plainCause(error, redact);
  return new Outage(cause.message, state !== undefined && !LOST_CONNECTION.test(state), { cause });
}

/** A connection that is refused is an outage, whatever the reason; `openingError` says which ones do not pass. */
export function connectError(error: unknown, redact: (text: string) => string): Outage {
  const meaning = queryError(error, redact);
  if (meaning instanceof Outage) return meaning;
  const cause = plainCause(error, redact);
  return new Outage(cause.message, true, { cause });
}

/** Nothing is wrong with this connection: all are replaced because another one failed. */
export class Replacement extends Outage {
  constructor() {
    super('The connections are being replaced', false);
  }
}

/** What callers of the port get to see. */
export function unavailable(outage: Outage, place: string, outcome: WriteOutcome): JobStoreUnavailableError {
  const Kind = outage instanceof Replacement ? ConnectionsReplacedError : JobStoreUnavailableError;
  return new Kind(`PostgreSQL at ${place}: ${outage.message}`, outcome, { cause: outage.cause });
}

/** What to do where tables are missing or too old. */
export const MIGRATE = "Boot one process with migrations: 'run', as a user who may make and alter these tables.";

/** The schema has no tables of ours, or the row is gone that says whose they are. */
export function noSchedulerIn(schema: string): JobStoreConfigurationError {
  return new JobStoreConfigurationError(`Schema ${schema} has no scheduler in it. ${MIGRATE}`);
}

/** Why the store cannot be opened: settings that somebody has to change, or an outage that passes. */
export function openingError(error: unknown, place: string, redact: (text: string) => string): Error {
  if (error instanceof JobStoreConfigurationError) return error;
  const isWrapped = error instanceof JobStoreUnavailableError || error instanceof Outage;
  const root = isWrapped ? (error.cause ?? error) : error;
  const cause = plainCause(root, redact);
  const advice = adviceFor(root);
  if (advice) return new JobStoreConfigurationError(`PostgreSQL at ${place}: ${cause.message}. ${advice}`, { cause });
  if (isDefect(root)) {
    return new JobStoreConfigurationError(
      `PostgreSQL at ${place}: ${cause.name}: ${cause.message}. This is a defect of the scheduler, or there are ` +
        'two versions of TypeORM in one process: see "npm ls typeorm".',
      { cause },
    );
  }
  if (error instanceof JobStoreUnavailableError) return error;
  const outage = queryError(error, redact);
  if (outage instanceof Outage) return unavailable(outage, place, 'not-written');
  return new JobStoreConfigurationError(`PostgreSQL at ${place}: ${cause.message}`, { cause });
}

/** By name: an outage carries a plain copy of its cause. */
function isDefect(error: unknown): boolean {
  if (!isError(error) || sqlStateOf(error) !== undefined) return false;
  return ['TypeError', 'ReferenceError', 'SyntaxError'].includes(error.name);
}

function adviceFor(error: unknown): string | undefined {
  const state = sqlStateOf(error);
  if (state === undefined) {
    if ((error as { code?: unknown } | null)?.code === 'ERR_INVALID_URL' || error instanceof URIError)
      return 'Correct the connection url; characters such as @ : / # in a password have to be percent-encoded.';
    return /SASL|password must be a string/i.test(String(error))
      ? 'Give the connection the password of its user.'
      : undefined;
  }
  if (CREDENTIALS.test(state)) return 'Correct the user name or the password of the connection.';
  if (state === '3D000') return 'Create the database, or correct its name in the connection.';
  if (state === '42501')
    return 'Grant the user rights on the schema, or CREATE on the database so that it can make it.';
  return undefined;
}

/**
 * The error without anything that hangs on it: pg and TypeORM attach clients, pools and connection strings, which would
 * print the password.
 */
function plainCause(error: unknown, redact: (text: string) => string): Error {
  if (!isError(error)) return new Error(redact(String(error)));
  const { errors } = error as Partial<AggregateError>;
  const parts = Array.isArray(errors) ? errors.filter(isError) : [];
  const message = error.message || parts.map((part) => part.message).join('; ') || error.name;
  const plain = new Error(redact(message));
  plain.name = error.name;
  const state = sqlStateOf(error);
  if (state !== undefined) return Object.assign(plain, { code: state, severity: 'ERROR' });
  const code = (error as { code?: unknown }).code ?? (parts[0] as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? Object.assign(plain, { code }) : plain;
}
