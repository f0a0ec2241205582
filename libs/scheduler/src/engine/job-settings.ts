import type {
  Backoff,
  JobEntity,
  MisfirePolicy,
  NodeLossPolicy,
  OverlapPolicy,
  RetryPolicy,
} from '../store/job.entity.js';
import { shown } from '../triggers/instant.js';
import { notJson } from './json.js';

/** How runs of a job behave. Precedence: built-in, module `defaults`, `@JobHandler`, `@ScheduledJob` or `addJob`. */
export interface JobPolicies {
  /** What becomes of fires whose time passed while nothing could run them. @default 'coalesce': the latest runs once */
  misfire?: MisfirePolicy;
  /** An instant later than this is not run but recorded `missed`. @default coalesce: none; skip: 60_000; all: 86_400_000 */
  misfireGraceMs?: number;
  /** Executions at once, cluster-wide. @default 1 */
  maxInstances?: number;
  /** What happens to a fire beyond `maxInstances`. @default 'skip' */
  overlap?: OverlapPolicy;
  /** @default { maxAttempts: 1 } */
  retry?: RetryPolicy;
  /** After this long the signal aborts, and the run is recorded `timed-out`. @default none; transactional handlers: 60_000 */
  timeoutMs?: number;
  /** What becomes of a run whose node died. @default 'rerun', at most 3 crashes, whatever `retry` says */
  onNodeLoss?: NodeLossPolicy;
}

export interface JobSettings extends JobPolicies {
  description?: string;
  tags?: readonly string[];
  /**
   * What starts first when more is due than there are slots, on every node and for runs by hand, too: each level is worth
   * a minute. Priority 5 goes before what has priority 0 and waits for less than five minutes more; what has waited longer
   * goes before it, so that nothing waits for ever. A priority beyond 60 or -60 counts as that. Backfills come last.
   * @default 0
   */
  priority?: number;
  /**
   * After so many executions in a row that failed or timed out, all their attempts spent, the job is paused: for the whole
   * cluster, with the error as the reason, `job.paused` and a line. A success or `resumeJob` begins the count anew.
   * @default it is never paused for that
   */
  pauseAfterFailures?: number;
  /** A name in the module's `executors`. @default the module's `concurrency` */
  executor?: string;
}

/** Something about a job cannot work: what, where, and what to write instead. */
export class InvalidJobError extends Error {
  override readonly name = 'InvalidJobError';
}

export const DEFAULT_EXECUTOR = 'default';

/** The one place where the built-in defaults of a job stand. */
export const DEFAULT_SETTINGS = {
  misfire: 'coalesce',
  maxInstances: 1,
  overlap: 'skip',
  retry: { maxAttempts: 1 },
  onNodeLoss: 'rerun',
  priority: 0,
  executor: DEFAULT_EXECUTOR,
  tags: [],
} as const satisfies JobSettings;

/** What transactional handlers have instead: slots of their own, and an end. */
export const TRANSACTIONAL_SETTINGS = { executor: 'transactional', timeoutMs: 60_000 } as const satisfies JobSettings;

export const DEFAULT_BACKOFF = {
  kind: 'exponential',
  delayMs: 1_000,
  maxDelayMs: 3_600_000,
  jitter: true,
} as const satisfies Backoff;

/** null: no bound. */
export const DEFAULT_GRACE_MS: Record<MisfirePolicy, number | null> = { coalesce: null, skip: 60_000, all: 86_400_000 };

/** How many executions of one job may wait. */
export const MAX_QUEUE = 1_000;

export type ResolvedSettings = JobSettings & Required<Pick<JobSettings, keyof typeof DEFAULT_SETTINGS>>;

/** Later layers win, key by key; a key that is `undefined` says nothing. Checked, also for callers without types. */
export function resolveSettings(where: string, ...layers: readonly (JobSettings | undefined)[]): ResolvedSettings {
  const resolved: ResolvedSettings = { ...DEFAULT_SETTINGS };
  for (const layer of layers) {
    const said = Object.entries(layer ?? {}).filter(([key, value]) => value !== undefined && key in CHECKS);
    Object.assign(resolved, Object.fromEntries(said));
  }
  for (const [key, value] of Object.entries(resolved)) {
    const complaint = CHECKS[key as keyof JobSettings](value);
    if (complaint !== null) throw new InvalidJobError(`${where}: ${key} is ${shown(value)}. ${complaint}`);
  }
  return resolved;
}

/** The settings of a row, as they would be written. */
export function settingsOf(job: JobEntity): JobSettings {
  return {
    misfire: job.misfire,
    ...(job.misfireGraceMs === null ? {} : { misfireGraceMs: job.misfireGraceMs }),
    maxInstances: job.maxInstances,
    overlap: job.overlap,
    retry: job.retry,
    ...(job.timeoutMs === null ? {} : { timeoutMs: job.timeoutMs }),
    onNodeLoss: job.onNodeLoss,
    ...(job.description === null ? {} : { description: job.description }),
    tags: job.tags,
    priority: job.priority,
    ...(job.pauseAfterFailures === null ? {} : { pauseAfterFailures: job.pauseAfterFailures }),
    executor: executorOf(job.capability),
  };
}

/** What a node must have to run a job: the handler, and the executor it shall run in. */
export function capabilityOf(handler: string, executor: string): string {
  return `${handler}@${executor}`;
}
export function executorOf(capability: string): string {
  return capability.slice(capability.lastIndexOf('@') + 1);
}

type Check = (value: unknown) => string | null;

const MAX_MS = 100 * 365 * 86_400_000;
/** The longest time a timer takes: 24.8 days. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

const whole =
  (least: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least ? null : `Write a whole number of at least ${least}.`;
const milliseconds =
  (least: number, most = MAX_MS): Check =>
  (value) =>
    typeof value === 'number' && Number.isFinite(value) && value >= least && value <= most
      ? null
      : `Write a number of milliseconds from ${least} to ${most}.`;
const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    values.includes(value as string) ? null : `Write one of ${values.map((each) => `'${each}'`).join(', ')}.`;
const MAX_INSTANCES = 1_000_000;
const MAX_ATTEMPTS = 1_000_000;
const MAX_FAILURES = 1_000_000;

const CHECKS: Record<keyof JobSettings, Check> = {
  misfire: oneOf('coalesce', 'skip', 'all'),
  misfireGraceMs: milliseconds(0),
  maxInstances: (value) =>
    whole(1)(value) ?? ((value as number) <= MAX_INSTANCES ? null : `Write at most ${MAX_INSTANCES}.`),
  overlap: oneOf('skip', 'queue-one', 'queue-all', 'cancel-running'),
  retry: checkRetry,
  timeoutMs: milliseconds(1, LONGEST_TIMEOUT_MS),
  onNodeLoss: oneOf('rerun', 'abandon'),
  description: text,
  tags: (value) =>
    Array.isArray(value) && value.every((tag) => text(tag) === null) ? null : 'Write a list of texts (without U+0000).',
  priority: (value) =>
    Number.isSafeInteger(value) && Math.abs(value as number) < 2 ** 31 ? null : 'Write a whole number.',
  pauseAfterFailures: (value) =>
    whole(1)(value) ?? ((value as number) <= MAX_FAILURES ? null : `Write at most ${MAX_FAILURES}.`),
  executor: (value) =>
    typeof value === 'string' && /^[^@]+$/.test(value) ? null : `Write a name from the module's executors.`,
};

function text(value: unknown): string | null {
  const isText = typeof value === 'string' && notJson(value) === null;
  return isText ? null : 'Write a text (without U+0000 and halves of surrogate pairs).';
}

function checkRetry(value: unknown): string | null {
  const example = `Write { maxAttempts: 3, backoff: { kind: 'exponential', delayMs: 1_000 } }`;
  if (typeof value !== 'object' || value === null) return `${example}.`;
  const { maxAttempts, backoff } = value as Partial<RetryPolicy>;
  if (whole(1)(maxAttempts) !== null || (maxAttempts as number) > MAX_ATTEMPTS) {
    return `${example}; maxAttempts counts the first run too, and is 1 to ${MAX_ATTEMPTS}.`;
  }
  if (backoff === undefined) return null;
  if ((backoff as unknown) === null) return `${example}.`;
  const isKnown = oneOf('exponential', 'linear', 'fixed')(backoff.kind) === null;
  const isTimed = milliseconds(0)(backoff.delayMs) === null;
  const isBounded = backoff.maxDelayMs === undefined || milliseconds(0)(backoff.maxDelayMs) === null;
  const isPlain = backoff.jitter === undefined || typeof backoff.jitter === 'boolean';
  return isKnown && isTimed && isBounded && isPlain ? null : `${example}.`;
}
