const LONGEST_LOCK_WAIT_MS = 2_000;

/** Of a transaction: the server ends what this process does not answer for any more. */
export function serverTimeouts(ms: number): string {
  const most = Math.max(1, Math.ceil(ms));
  return `SET LOCAL statement_timeout = ${most}; SET LOCAL idle_in_transaction_session_timeout = ${most}`;
}

/** Of a transaction with that deadline: a wait for a lock is over before, so that it is told as what it was. */
export function lockTimeout(deadlineMs: number): string {
  const most = Math.max(1, Math.round(Math.min(LONGEST_LOCK_WAIT_MS, deadlineMs * 0.8)));
  return `SET LOCAL lock_timeout = ${most}`;
}
