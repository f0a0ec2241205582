/** Injection token of the clock that every scheduler of the application runs on. */
export const SCHEDULER_CLOCK: unique symbol = Symbol('SCHEDULER_CLOCK');
