// Applications without a database
export { quietScheduler, type QuietOptions } from './quiet-scheduler.js';
export {
  createJobContext,
  TestJobContext,
  type LoggedLine,
  type ReportedProgress,
  type TestContextFields,
} from './job-context.js';

// Servers
export {
  startPostgres,
  PostgresServer,
  type PostgresServerOptions,
  type StopMode,
} from './postgres/postgres-server.js';
export { createDatabase, type TestDatabase } from './postgres/create-database.js';

// Outages
export { FlakyProxy, type FlakyProxyOptions } from './proxy/flaky-proxy.js';
export type { ChaosOptions, Fault, FaultKind } from './proxy/chaos.js';
export type { CutOptions, CutSide } from './proxy/cuts.js';
export type { Point } from './proxy/points.js';
export type { DelayOptions, Direction, Duration, ThrottleOptions } from './proxy/weather.js';

// A store without a server
export { MemoryJobStore } from 'nestjs-vigil';

// Time
export { ManualClock, type AdvanceOptions, type Followed } from './manual-clock.js';

// Events
export {
  recordEvents,
  EventRecorder,
  type EventSource,
  type RecordedEvent,
  type WaitOptions,
} from './event-recorder.js';

// Ledger
export {
  judgeLedger,
  judgeRuns,
  type HandlerRun,
  type LedgerRow,
  type LedgerVerdict,
  type RepeatedRun,
} from './ledger-judge.js';
export { readLedger, type LedgerRecord } from './ledger.js';
export { judgeSchedule, formatVerdict, type ScheduleVerdict } from './judge/judge-schedule.js';
export { readSchedule } from './judge/read-schedule.js';
export { recordTransitions } from './judge/record-transitions.js';
export type {
  Finding,
  FindingKind,
  JudgedAttempt,
  JudgedExecution,
  JudgedJob,
  JudgedTime,
  JudgeInput,
  RecordedSchedule,
  Transition,
  TransitionState,
} from './judge/schedule.js';
