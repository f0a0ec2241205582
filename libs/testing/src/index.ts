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
export type { CutOptions } from './proxy/cuts.js';

// A store without a server
export { MemoryJobStore } from 'nestjs-vigil';

// Time
export { ManualClock } from './manual-clock.js';

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
