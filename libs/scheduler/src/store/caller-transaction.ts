import { type Clock, withDeadline } from '../clock/clock.js';
import { Outage, queryError, sqlStateOf } from './database-errors.js';
import type { Row } from './entity-rows.js';
import { CallerTransactionError, JobStoreUnavailableError } from './errors.js';
import type { TransactionHandle } from './job-store.js';
import type { Query } from './lease.js';
import type { Tables } from './tables.js';

const NO_ACTIVE_TRANSACTION = '25P01';
/** No such table, no such schema, no right to look: not the database, or not the user, that the scheduler knows. */
const ELSEWHERE = new Set(['42P01', '3F000', '42501']);

export interface CallersTransaction {
  manager: TransactionHandle;
  tables: Tables;
  schedulerUid: string;
  clock: Clock;
  callTimeoutMs: number;
}

/** The last call in each transaction; never rejects. */
const lastCalls = new WeakMap<object, Promise<unknown>>();

/**
 * Writes inside the caller's transaction. The savepoint proves that there is one, and undoes our part of it when that
 * fails, so that the caller may go on. One that does not answer in time hears nothing more: the caller may have gone on.
 */
export async function inCallersTransaction<T>(
  { manager, tables, schedulerUid, clock, callTimeoutMs }: CallersTransaction,
  work: (query: Query) => Promise<T>,
): Promise<T> {
  const givenUp = new AbortController();
  const query = queryOf(manager, givenUp.signal);
  const late = (): Error => {
    const error = new JobStoreUnavailableError(
      `The transaction given as manager did not answer within ${callTimeoutMs} ms. Roll it back, and try again.`,
      'unknown',
    );
    givenUp.abort(error);
    return error;
  };
  const call = inTurn(manager, () => inSavepoint(query, tables, schedulerUid, work));
  return await withDeadline(clock, callTimeoutMs, call, late);
}

/** One call at a time: a savepoint that is given up takes everything with it that was written since, whoever wrote it. */
function inTurn<T>(manager: TransactionHandle, call: () => Promise<T>): Promise<T> {
  // a transaction may have several managers, and one runner
  const { queryRunner } = manager as { queryRunner?: object };
  const transaction = queryRunner ?? manager;
  const turn = (lastCalls.get(transaction) ?? Promise.resolve()).then(call);
  const over = turn.catch(() => {});
  lastCalls.set(transaction, over);
  return turn;
}

async function inSavepoint<T>(
  query: Query,
  tables: Tables,
  schedulerUid: string,
  work: (query: Query) => Promise<T>,
): Promise<T> {
  await openSavepoint(query);
  try {
    await checkSameDatabase(query, tables, schedulerUid);
    const value = await work(query);
    await query('RELEASE SAVEPOINT vigil_call');
    return value;
  } catch (error) {
    if (!(error instanceof JobStoreUnavailableError)) await undo(query);
    throw error;
  }
}

async function openSavepoint(query: Query): Promise<void> {
  try {
    await query('SAVEPOINT vigil_call');
  } catch (error) {
    if (sqlStateOf(error) !== NO_ACTIVE_TRANSACTION) throw error;
    throw new CallerTransactionError(
      'The manager is not in a transaction. Call inside dataSource.transaction(async (manager) => …) and give that one.',
    );
  }
}

async function checkSameDatabase(query: Query, { scheduler, schema }: Tables, schedulerUid: string): Promise<void> {
  const elsewhere = new CallerTransactionError(
    `The manager works on another database than the scheduler in schema ${schema}, or its user may not see that schema. ` +
      `Give a manager of the scheduler's database, or leave it out.`,
  );
  const { rows } = await query(`SELECT uid FROM ${scheduler}`).catch((error: unknown) => {
    throw ELSEWHERE.has(sqlStateOf(error) ?? '') ? elsewhere : error;
  });
  if (String(rows[0]?.uid) !== schedulerUid) throw elsewhere;
}

/** When that fails too, the error that came before is the one to show. */
async function undo(query: Query): Promise<void> {
  try {
    await query('ROLLBACK TO SAVEPOINT vigil_call');
    await query('RELEASE SAVEPOINT vigil_call');
  } catch {
    return;
  }
}

/** TypeORM gives rows, and for UPDATE and DELETE rows with their number. */
function queryOf(manager: TransactionHandle, givenUp: AbortSignal): Query {
  return async (sql, parameters) => {
    givenUp.throwIfAborted();
    const answer = await manager.query(sql, parameters && [...parameters]).catch((error: unknown) => {
      throw errorOf(error);
    });
    const list: unknown[] = Array.isArray(answer) ? answer : [];
    const isCounted = list.length === 2 && Array.isArray(list[0]) && typeof list[1] === 'number';
    const rows = (isCounted ? list[0] : list) as Row[];
    return { rows, rowCount: isCounted ? Number(list[1]) : rows.length, command: '' };
  };
}

/** What the server said is the caller's own to see. Without its connection the transaction is gone, and all of it. */
function errorOf(error: unknown): unknown {
  const meaning = sqlStateOf(error) === undefined ? queryError(error, (text) => text) : error;
  if (!(meaning instanceof Outage)) return meaning;
  return new JobStoreUnavailableError(
    `The transaction given as manager lost its connection: ${meaning.message}. Begin another one.`,
    'not-written',
    { cause: meaning.cause },
  );
}
