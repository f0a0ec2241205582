/** Lines of a row's `logs`, at their place in it: what is written twice is there once. */
export interface LogLines {
  /** They follow the first so many lines of the row. */
  from: number;
  lines: readonly string[];
}

/** So many lines of an execution outlast the end of an attempt: the newest. */
export const MOST_LOG_LINES = 300;

/** Text for a column of JSON texts; null: nothing is new. */
export function logsJson(logs: LogLines | null): string | null {
  return logs === null ? null : JSON.stringify(logs.lines);
}
