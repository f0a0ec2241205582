/** What is known about a write whose call failed: it did not happen, or nobody can say. */
export type WriteOutcome = 'not-written' | 'unknown';

/** The database cannot be reached, does not answer in time, or refused for a reason that passes. Try again later. */
export class JobStoreUnavailableError extends Error {
  override readonly name: string = 'JobStoreUnavailableError';

  constructor(
    message: string,
    /** `unknown`: the commit was sent and its answer was lost; look the row up by the id you gave before you repeat the call. */
    readonly outcome: WriteOutcome,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The commit of a pass was sent and its answer was lost: `jobs` (uids) have to be resolved before anything else is claimed. */
export class PassUnresolvedError extends JobStoreUnavailableError {
  override readonly name = 'PassUnresolvedError';

  constructor(
    message: string,
    readonly jobs: readonly string[],
    options?: ErrorOptions,
  ) {
    super(message, 'unknown', options);
  }
}

/** The store can be reached and will not work as configured: credentials, rights, server version, schema. Waiting does not help. */
export class JobStoreConfigurationError extends Error {
  override readonly name = 'JobStoreConfigurationError';
}

export class JobNotFoundError extends Error {
  override readonly name = 'JobNotFoundError';

  constructor(readonly jobId: string) {
    super(`There is no job "${jobId}". getJobs() lists the ids there are.`);
  }
}

export class ExecutionNotFoundError extends Error {
  override readonly name = 'ExecutionNotFoundError';

  constructor(readonly executionId: string) {
    super(`There is no execution "${executionId}". It may have been pruned: see the option retention.`);
  }
}

export class JobConflictError extends Error {
  override readonly name = 'JobConflictError';

  constructor(readonly jobId: string) {
    super(
      `There is already a job "${jobId}". Give the new one another id, or say what to do: onConflict: 'keep' or 'replace'.`,
    );
  }
}

export class ExecutionConflictError extends Error {
  override readonly name = 'ExecutionConflictError';

  constructor(
    readonly executionId: string,
    /** Whose it is. */
    readonly jobId: string,
  ) {
    super(`Execution "${executionId}" belongs to job "${jobId}". Give each execution an id of its own.`);
  }
}

/** The call does not fit the status of the execution. Nothing was written. */
export class ExecutionStateError extends Error {
  override readonly name = 'ExecutionStateError';

  constructor(
    readonly executionId: string,
    readonly status: string,
    message: string,
  ) {
    super(message);
  }
}

export class BackfillConflictError extends Error {
  override readonly name = 'BackfillConflictError';

  constructor(
    readonly batchId: string,
    /** Whose it is. */
    readonly jobId: string,
  ) {
    super(`The batch "${batchId}" belongs to job "${jobId}". Give each backfill a batchId of its own.`);
  }
}

/** The `manager` of a call is in no transaction, or on another database. Nothing was written. */
export class CallerTransactionError extends Error {
  override readonly name = 'CallerTransactionError';
}

/** A transactional handler ended its own transaction, or tried to. */
export class HandlerTransactionError extends Error {
  override readonly name = 'HandlerTransactionError';
}

/** The connection was given up for new ones, after another call had failed: the consequence of a failure, not another. */
export class ConnectionsReplacedError extends JobStoreUnavailableError {}

/** LISTEN was accepted, and what was said then was not heard. */
export class NotificationsUnheardError extends Error {
  override readonly name = 'NotificationsUnheardError';

  constructor(place: string) {
    super(
      `PostgreSQL at ${place} accepts LISTEN and delivers nothing, as through a pooler in transaction mode. Due jobs are ` +
        `looked for every second instead. Connect the scheduler directly, or say notifications: false.`,
    );
  }
}
