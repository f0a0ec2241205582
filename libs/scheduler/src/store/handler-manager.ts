import type { DataSource, EntityManager, QueryRunner } from 'typeorm';

import { HandlerTransactionError } from './errors.js';

const NOT_YOURS =
  'The transaction of a transactional handler is committed by the scheduler, together with the end of the run. ' +
  'Return to commit, throw to roll back; manager.transaction(…) is a part that can be rolled back alone.';

export interface HandlerManager {
  manager: EntityManager;
  /** From now on it refuses everything, also to what the handler did not wait for. */
  close(): void;
}

/**
 * The manager of a query runner that is in a transaction, for a handler. Its runner is the same one with a life of its
 * own: it ends with the handler, while the transaction still has to be committed, and it neither ends the transaction
 * nor gives the connection away.
 */
export function handlerManager(dataSource: DataSource, runner: QueryRunner): HandlerManager {
  const own = Object.create(runner) as QueryRunner & { transactionDepth: number };
  const Broadcaster = runner.broadcaster.constructor as new (runner: QueryRunner) => QueryRunner['broadcaster'];
  const inner = (end: () => Promise<void>) => async (): Promise<void> => {
    if (own.transactionDepth <= 1) throw new HandlerTransactionError(NOT_YOURS);
    await end.call(own);
  };
  Object.assign(own, {
    // subscribers see the handler's manager, and not another one
    broadcaster: new Broadcaster(own),
    commitTransaction: inner(runner.commitTransaction),
    rollbackTransaction: inner(runner.rollbackTransaction),
    release: () => Promise.resolve(),
    manager: dataSource.createEntityManager(own),
  });
  return { manager: own.manager, close: () => void Object.assign(own, { isReleased: true }) };
}
