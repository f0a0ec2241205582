/** Everything that runs in the background. It ends when `signal` aborts; whatever it throws, the supervisor catches. */
export interface Service {
  readonly name: string;
  /** `succeeded`: tell the supervisor after each piece of work that went well. */
  run(signal: AbortSignal, succeeded: () => void): Promise<void>;
}
