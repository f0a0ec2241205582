import { HandlerTransactionError } from '../store/errors.js';
import type { HandlerTransaction, HandlerTransactions } from '../store/handler-transactions.js';
import type { OutcomeRecord } from '../store/job-store.js';
import { settle, type ExecutionRun } from './execution-run.js';
import { FatalError } from './job-context.js';
import { asError } from './json.js';
import type { Ending } from './outcome.js';

/** The handler's writes and this outcome are committed together: nothing is left to be written. */
export interface Committed {
  kind: 'committed';
  outcome: OutcomeRecord;
}
export interface TransactionalRun {
  run: ExecutionRun;
  transactions: HandlerTransactions | undefined;
  /** Nobody waits for the run any more: what is not committed by then must not be committed. */
  over: AbortSignal;
  handler: (manager: unknown) => unknown;
  /** What the ledger shall say when the handler returned. */
  outcomeOf: (value: unknown) => OutcomeRecord;
}

/**
 * Runs a handler in a transaction that commits its writes and the end of the run, or neither. Everything else ends as the
 * runs of other handlers do: the outcome writer tries to write what became of it, and finds out on the row, fenced by the
 * epoch, when a commit whose answer was lost has taken place.
 */
export async function performInTransaction(parts: TransactionalRun): Promise<Ending | Committed> {
  const { over, handler } = parts;
  let transaction: HandlerTransaction;
  try {
    transaction = await begin(parts);
  } catch (error) {
    return { kind: 'threw', error };
  }
  const abandon = (): void => transaction.abandon();
  if (over.aborted) abandon();
  over.addEventListener('abort', abandon, { once: true });
  const ending = await settle(() => handler(transaction.manager));
  if (ending.kind === 'returned') return await commit(parts, transaction, ending);
  await transaction.rollback();
  return ending;
}

async function begin({ run, transactions }: TransactionalRun): Promise<HandlerTransaction> {
  if (transactions === undefined) {
    throw new Error(
      'A transactional handler needs a data source of the application, with PostgreSQL. Import TypeOrmModule.forRoot({ … }), or ' +
        "give SchedulerModule's option dataSource.",
    );
  }
  const { id: executionId, leaseEpoch } = run.execution;
  const timeoutMs = run.job.timeoutMs!;
  return await transactions.begin({ executionId, leaseEpoch, timeoutMs, signal: run.signal });
}

/** Whatever fails here is a failure of the run, and then nothing is recorded as succeeded that was rolled back. */
async function commit(
  { run, outcomeOf }: TransactionalRun,
  transaction: HandlerTransaction,
  ending: Extract<Ending, { kind: 'returned' }>,
): Promise<Ending | Committed> {
  try {
    if (isToBeUndone(run)) throw run.signal.reason;
    const outcome = outcomeOf(ending.value);
    const verdict = await transaction.complete(outcome);
    if (verdict.kind !== 'written') throw new Error('The run was taken over, and what it wrote is rolled back.');
    if (isToBeUndone(run)) throw run.signal.reason;
    if (!transaction.isJoined) {
      await transaction.commit();
      return ending;
    }
    run.committing = outcome;
    await transaction.commit();
    return { kind: 'committed', outcome };
  } catch (error) {
    await transaction.rollback();
    return { kind: 'threw', error: error instanceof HandlerTransactionError ? fatal(error) : asError(error) };
  }
}

/** For the other causes the fence decides: a handler that returned has done its work, and nobody has asked it not to. */
function isToBeUndone({ abortCause }: ExecutionRun): boolean {
  return abortCause === 'cancelled' || abortCause === 'timeout';
}

/** Another attempt would commit by hand once more. */
function fatal(error: HandlerTransactionError): FatalError {
  return new FatalError(error.message, { cause: error });
}
