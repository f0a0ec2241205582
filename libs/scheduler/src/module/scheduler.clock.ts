/**
 * Injection token of the clock that every scheduler of the application runs on. Inject it where a handler sleeps or asks
 * what time it is: a test then turns that time, too.
 */
export const SCHEDULER_CLOCK: unique symbol = Symbol('SCHEDULER_CLOCK');
