/** Where the engine and the handlers write lines; Nest's `LoggerService` fits. */
export interface Logger {
  log(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}
/** Makes the logger a handler gets as `context.logger`. */
export type JobLoggerFactory = (jobId: string, executionId: string) => Logger;
