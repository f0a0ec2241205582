import { randomUUID } from 'node:crypto';

import type { JobExecutionEntity } from '../../src/store/job-execution.entity.js';
import type {
  Decisions,
  JobAdvance,
  NewExecution,
  NodeRegistration,
  OutcomeRecord,
  PassRequest,
  PassSnapshot,
} from '../../src/store/job-store.js';
import type { JobEntity } from '../../src/store/job.entity.js';

export const SECOND = 1_000;
export const HOUR = 3_600 * SECOND;

/** Due on every clock. */
export const PAST = new Date('2020-01-01T00:00:00.000Z');
/** Due on none. */
export const FAR_FUTURE = new Date('2200-01-01T00:00:00.000Z');

export const CAPABILITY = 'reports.send@default';

/** A copy of a row with some of it changed. */
export const changed = <T extends object>(row: T, changes: Partial<T>): T =>
  Object.assign(structuredClone(row), changes);

export const plus = (instant: Date, ms: number): Date => new Date(instant.getTime() + ms);

const JOB = {
  id: 'report',
  handler: 'reports.send',
  capability: CAPABILITY,
  description: null,
  trigger: { kind: 'interval', everyMs: HOUR },
  schedule: 'every hour',
  anchor: PAST,
  data: null,
  state: 'active',
  stateReason: null,
  stateBy: null,
  stateAt: PAST,
  orphanedAt: null,
  lastInstant: null,
  misfire: 'coalesce',
  misfireGraceMs: null,
  overlap: 'skip',
  maxInstances: 1,
  maxQueue: 100,
  onNodeLoss: 'rerun',
  retry: { maxAttempts: 1 },
  timeoutMs: null,
  jitterMs: 0,
  priority: 0,
  tags: [],
  runCount: 0,
  missedCount: 0,
  skippedCount: 0,
  queuedCount: 0,
  cancelledCount: 0,
  maxRuns: null,
  consecutiveFailures: 0,
  pauseAfterFailures: null,
  source: 'dynamic',
  codeHash: null,
  overridden: [],
  version: 1,
  tzVersion: null,
  createdAt: PAST,
} satisfies Omit<JobEntity, 'uid' | 'nextRunAt' | 'wakeAt'>;

/** A job that is due; `nextRunAt` and `wakeAt` follow each other unless both are given. */
export function aJob(overrides: Partial<JobEntity> = {}): JobEntity {
  const nextRunAt = overrides.nextRunAt === undefined ? PAST : overrides.nextRunAt;
  return { ...structuredClone(JOB), uid: randomUUID(), nextRunAt, wakeAt: nextRunAt, ...overrides };
}

export function aNode(overrides: Partial<NodeRegistration> = {}): NodeRegistration {
  return {
    incarnation: randomUUID(),
    nodeName: 'node-1',
    host: 'localhost',
    pid: 1,
    version: '0.1.0',
    tzVersion: null,
    leaseMs: 60 * SECOND,
    capabilities: [CAPABILITY],
    definitions: {},
    ...overrides,
  };
}

/** The fire of the job's next instant, claimed by the pass that records it. */
export function recordFor(job: JobEntity, overrides: Partial<NewExecution> = {}): NewExecution {
  return {
    id: randomUUID(),
    jobUid: job.uid,
    kind: 'schedule',
    scheduledAt: job.nextRunAt ?? PAST,
    untilAt: null,
    instantCount: 1,
    isCatchUp: false,
    status: 'running',
    reason: null,
    ...overrides,
  };
}

/** To an instant that is far away, unless told otherwise. */
export function advanceOf(job: JobEntity, overrides: Partial<JobAdvance> = {}): JobAdvance {
  const nextRunAt = overrides.nextRunAt === undefined ? FAR_FUTURE : overrides.nextRunAt;
  const counts = { runs: 1, missed: 0, skipped: 0, queued: 0 };
  const { uid, tzVersion } = job;
  return { uid, nextRunAt, wakeAt: nextRunAt, lastInstant: job.nextRunAt, tzVersion, ...counts, ...overrides };
}

/** `succeeded`, by the owner that holds it now. */
export function outcomeOf(execution: JobExecutionEntity, overrides: Partial<OutcomeRecord> = {}): OutcomeRecord {
  return {
    executionId: execution.id,
    leaseEpoch: execution.leaseEpoch,
    status: 'succeeded',
    delayMs: 0,
    spendsAttempt: true,
    reason: null,
    error: null,
    result: null,
    progress: null,
    logs: null,
    durationMs: 12,
    ...overrides,
  };
}

export function aPass(node: NodeRegistration, overrides: Partial<PassRequest> = {}): PassRequest {
  const { incarnation, nodeName, capabilities } = node;
  return { incarnation, nodeName, capabilities, limit: 100, blocked: [], undecided: [], ...overrides };
}

export function decisions(some: Partial<Decisions> = {}): Decisions {
  return { records: [], advances: [], quarantines: [], claims: [], cancels: [], ...some };
}

/** Fires each due job once, as running, and moves its next run an hour from now; claims nothing that waits. */
export function decideAll({ now, jobs }: PassSnapshot): Decisions {
  const due = jobs.filter(({ isDue }) => isDue).map(({ job }) => job);
  return decisions({
    records: due.map((job) => recordFor(job)),
    advances: due.map((job) => advanceOf(job, { nextRunAt: plus(now, HOUR) })),
  });
}

/** Claims everything that waits and fires nothing. */
export function claimAll({ jobs }: PassSnapshot): Decisions {
  return decisions({ claims: jobs.flatMap(({ pending }) => pending.map(({ id }) => id)) });
}
