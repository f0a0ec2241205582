import { sqlStateOf } from './database-errors.js';
import type { Row } from './entity-rows.js';
import { CallerTransactionError } from './errors.js';
import type { TransactionHandle } from './job-store.js';
import type { Query } from './lease.js';
import type { Tables } from './tables.js';

const NO_ACTIVE_TRANSACTION = '25P01';
/** No such table, no such schema, no right to look: not the database, or not the user, that the scheduler knows. */
const ELSEWHERE = new Set(['42P01', '3F000', '42501']);

/**
 * Writes inside the caller's transaction. The savepoint proves that there is one, and undoes our part of it when that
 * fails, so that the caller may go on.
 */
export async function inCallersTransaction<T>(
  manager: TransactionHandle,
  tables: Tables,
  schedulerUid: string,
  work: (query: Query) => Promise<T>,
): Promise<T> {
  const query = queryOf(manager);
  await openSavepoint(query);
  try {
    await checkSameDatabase(query, tables, schedulerUid);
    const value = await work(query);
    await query('RELEASE SAVEPOINT vigil_call');
    return value;
  } catch (error) {
    await undo(query);
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

/** When the connection is lost there is nothing to undo, and the error that says so is the one to show. */
async function undo(query: Query): Promise<void> {
  try {
    await query('ROLLBACK TO SAVEPOINT vigil_call');
    await query('RELEASE SAVEPOINT vigil_call');
  } catch {
    return;
  }
}

/** TypeORM gives rows, and for UPDATE and DELETE rows with their number. */
function queryOf(manager: TransactionHandle): Query {
  return async (sql, parameters) => {
    const answer = await manager.query(sql, parameters && [...parameters]);
    const list: unknown[] = Array.isArray(answer) ? answer : [];
    const isCounted = list.length === 2 && Array.isArray(list[0]) && typeof list[1] === 'number';
    const rows = (isCounted ? list[0] : list) as Row[];
    return { rows, rowCount: isCounted ? Number(list[1]) : rows.length, command: '' };
  };
}
