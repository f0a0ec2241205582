import type { DataSource } from 'typeorm';

import { resolveSettings } from '../engine/job-settings.js';
import { redact } from '../engine/json.js';
import type { JobStore } from '../store/job-store.js';
import { checkSchemaName, type SchedulerConnection } from '../store/store-options.js';
import { shown } from '../triggers/instant.js';
import { zoneNamed } from '../triggers/zone.js';
import { POLICY_KEYS, strangerIn } from './known-keys.js';
import { SchedulerOptionsError, type SchedulerModuleOptions } from './scheduler.options.js';

/** What is wrong with a value and what to write, or null. */
type Check = (value: unknown) => string | null;

const MAX_TIMER_MS = 2 ** 31 - 1;
const MAX_CONCURRENCY = 10_000;
const LONGEST_NAME = 100;

const isBoolean: Check = (value) => (typeof value === 'boolean' ? null : 'Write true or false.');
const isFunction: Check = (value) => (typeof value === 'function' ? null : 'Write a function (context, run) => run().');
const isText: Check = (value) => (typeof value === 'string' && value !== '' ? null : 'Write a text.');
const isConcurrency: Check = (value) => whole(value, 1, MAX_CONCURRENCY);
const isMs =
  (least: number, most = MAX_TIMER_MS): Check =>
  (value) =>
    typeof value === 'number' && value >= least && value <= most
      ? null
      : `Write milliseconds, from ${least} to ${most}.`;

const CONNECTION_KEYS = Object.keys({
  url: true,
  host: true,
  port: true,
  username: true,
  password: true,
  database: true,
  ssl: true,
  applicationName: true,
  connectTimeoutMS: true,
  driver: true,
  extra: true,
} satisfies Record<keyof SchedulerConnection, true>);
const STORE_METHODS = Object.keys({
  open: true,
  reconnect: true,
  close: true,
  listen: true,
  peek: true,
  pass: true,
  resolve: true,
  complete: true,
  saveProgress: true,
  registerNode: true,
  beat: true,
  retireNode: true,
  rescue: true,
  clusterPause: true,
  pauseCluster: true,
  resumeCluster: true,
  syncJobs: true,
  undeclaredJobs: true,
  addJobs: true,
  changeJob: true,
  removeJob: true,
  addManualExecution: true,
  retryExecution: true,
  addBackfill: true,
  cancelExecution: true,
  getJob: true,
  getJobs: true,
  runTimeJobs: true,
  activeExecutions: true,
  getExecution: true,
  getExecutions: true,
  liveNodes: true,
  prune: true,
  audit: true,
  repair: true,
} satisfies Record<Exclude<keyof JobStore, 'kind' | 'completeIn'>, true>);

const CHECKS: Record<keyof SchedulerModuleOptions, Check> = {
  dataSource: (value) =>
    ['string', 'symbol', 'function'].includes(typeof value) || typeof (value as DataSource | null)?.options === 'object'
      ? null
      : "Give a TypeORM DataSource, or its injection token, e.g. getDataSourceToken('billing').",
  connection: checkConnection,
  pool: (value) =>
    value === 'shared' || whole(value, 1, 1_000) === null ? null : "Write a number of connections, or 'shared'.",
  store: checkStore,
  schema: (value) =>
    typeof value === 'string' ? messageOf(() => checkSchemaName(value)) : "Write a text, e.g. 'scheduler'.",
  migrations: (value) =>
    ['run', 'check', 'off'].includes(value as string) ? null : "Write one of 'run', 'check', 'off'.",
  autoStart: isBoolean,
  runJobs: isBoolean,
  waitForDatabase: isBoolean,
  timeZone: (value) => messageOf(() => zoneNamed(value)),
  concurrency: isConcurrency,
  executors: checkExecutors,
  defaults: (value) => strangerIn(value, POLICY_KEYS) ?? messageOf(() => resolveSettings('defaults', value as object)),
  aroundJob: isFunction,
  retention: checkRetention,
  shutdownTimeoutMs: isMs(0, 86_400_000),
  leaseMs: isMs(1_000),
  callTimeoutMs: isMs(1),
  notifications: isBoolean,
  nodeName: isText,
};

/** Everything that can be said about the options without the rest of the application. @throws SchedulerOptionsError */
export function checkOptions(name: unknown, options: unknown): asserts options is SchedulerModuleOptions {
  const where = `SchedulerModule ${shown(name)}`;
  if (typeof name !== 'string' || name === '' || name.length > LONGEST_NAME) {
    throw new SchedulerOptionsError(`${where}: name is not a text of 1 to ${LONGEST_NAME} characters. Write one.`);
  }
  const stranger = strangerIn(options, Object.keys(CHECKS));
  if (stranger !== null) throw new SchedulerOptionsError(`${where}: ${stranger}`);
  const given = Object.entries(options as object).filter(([, value]) => value !== undefined);
  for (const [option, value] of given) {
    const complaint = CHECKS[option as keyof SchedulerModuleOptions](value);
    if (complaint === null) continue;
    // A connection is full of secrets, wherever they were written.
    const what = option === 'connection' ? option : `${option} is ${shown(value)}`;
    throw new SchedulerOptionsError(redact(`${where}: ${what}. ${complaint}`));
  }
  const conflict = conflictIn(options as SchedulerModuleOptions);
  if (conflict !== null) throw new SchedulerOptionsError(`${where}: ${conflict}`);
}

function conflictIn(options: { store?: unknown; connection?: unknown; pool?: unknown; notifications?: unknown }) {
  const { store, connection, pool, notifications = true } = options;
  const beside = connection !== undefined ? 'connection' : pool !== undefined ? 'pool' : null;
  if (store !== undefined && beside !== null) {
    return `store and ${beside} are both given. Remove ${beside}: the store makes its own connections.`;
  }
  if (pool === 'shared' && connection !== undefined) {
    return "connection is given and pool is 'shared'. Remove one of them: a shared pool is the application's.";
  }
  if (pool === 1 && notifications !== false) {
    return 'pool is 1, and listening for notifications needs one connection for itself. Write pool: 2 or more, or notifications: false.';
  }
  return null;
}

/** Says nothing of what the values are: they are full of secrets. */
function checkConnection(value: unknown): string | null {
  const example = 'Write an object, e.g. { url: process.env.DATABASE_URL }.';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return example;
  const stranger = strangerIn(value, CONNECTION_KEYS);
  if (stranger !== null) return stranger;
  const { url, host, port } = value as Record<string, unknown>;
  if ('url' in value) return checkUrl(url);
  if (host !== undefined && typeof host !== 'string') return 'host is not a text. Write the name of the server.';
  return port === undefined || whole(port, 1, 65_535) === null ? null : 'port is not a number from 1 to 65535.';
}

function checkStore(value: unknown): string | null {
  const example = 'Give a JobStore, e.g. new MemoryJobStore().';
  if (typeof value !== 'object' || value === null) return example;
  const lacks = STORE_METHODS.filter((method) => typeof Reflect.get(value, method) !== 'function');
  if (lacks.length === 0) return null;
  return lacks.length === STORE_METHODS.length ? example : `${example} This one lacks ${lacks.join(', ')}.`;
}

/** An "@" or "/" in a password that is not encoded makes the rest of it the name of the server. */
function checkUrl(url: unknown): string | null {
  const shape = 'Write postgres://user:password@host:5432/database';
  if (url === undefined || url === '') return `url is empty. Is the variable set that it comes from? ${shape}.`;
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : null;
  const isPostgres = parsed !== null && ['postgres:', 'postgresql:'].includes(parsed.protocol);
  const isTorn = parsed !== null && (parsed.pathname + parsed.hash).includes('@');
  return isPostgres && !isTorn
    ? null
    : `url is no address of a PostgreSQL database. ${shape}, and percent-encode what is special in the password.`;
}

function checkExecutors(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return 'Write e.g. { reports: { concurrency: 2 } }.';
  for (const [name, executor] of Object.entries(value)) {
    if (!/^[^@]+$/.test(name)) return `The name ${shown(name)} cannot be used: write one without "@".`;
    if (name === 'default') return 'The executor "default" is the one that the option concurrency sizes. Use that.';
    const complaint = strangerIn(executor, ['concurrency']);
    if (complaint !== null) return `${name}: ${complaint}`;
    const { concurrency } = executor as { concurrency: unknown };
    const problem = isConcurrency(concurrency);
    if (problem !== null) return `${name}.concurrency is ${shown(concurrency)}. ${problem}`;
  }
  return null;
}

function checkRetention(value: unknown): string | null {
  const stranger = strangerIn(value, ['succeededMs', 'otherMs']);
  if (stranger !== null) return stranger;
  const isAge = isMs(0, Number.MAX_SAFE_INTEGER);
  for (const [key, ms] of Object.entries(value as object)) {
    if (ms !== undefined && isAge(ms) !== null) return `${key} is ${shown(ms)}. ${isAge(ms)}`;
  }
  return null;
}

function whole(value: unknown, least: number, most: number): string | null {
  const isIn = Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
  return isIn ? null : `Write a whole number from ${least} to ${most}.`;
}

/** What it throws says what to write. */
function messageOf(action: () => unknown): string | null {
  try {
    action();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
