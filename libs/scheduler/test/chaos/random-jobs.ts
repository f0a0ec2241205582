import { backfilledInstants } from '../../src/engine/backfill.js';
import { draftJob, newJobRow } from '../../src/engine/job-draft.js';
import type { JobSettings } from '../../src/engine/job-settings.js';
import type { NewBackfill } from '../../src/store/job-store.js';
import type { JobEntity } from '../../src/store/job.entity.js';
import { cron } from '../../src/triggers/cron.trigger.js';
import { at } from '../../src/triggers/date.trigger.js';
import { anchored } from '../../src/triggers/built-in.js';
import { every } from '../../src/triggers/interval.trigger.js';
import type { Trigger } from '../../src/triggers/trigger.js';
import type { SeededRandom } from './random.js';

/** What a handler does: nothing, work for a while, fail now and then, or never end (until it is asked to, or not even then). */
export interface Behaviour {
  workMs: number;
  failing: number;
  hanging: 'never' | 'until-aborted' | 'for-ever';
}

export interface RandomJob {
  id: string;
  trigger: Trigger;
  settings: JobSettings;
  maxRuns: number | null;
  jitterMs: number;
  behaviour: Behaviour;
  isTransactional?: boolean;
}

export interface Pace {
  /** When the chances begin and when the last fire may be. */
  from: Date;
  until: Date;
  shortestMs: number;
  longestMs: number;
  longestWorkMs: number;
  /** Now and then a job works much longer than its interval; it never queues. */
  longWorkMs: number;
  /** For expressions with seconds. */
  withCron: boolean;
  leastTimeoutMs: number;
  longestRetryMs: number;
  /** Handlers that do not even end when they are asked to. */
  withHanging: boolean;
}

export function randomJobs(random: SeededRandom, pace: Pace): RandomJob[] {
  return Array.from({ length: random.int(1, 4) }, (_, index) => randomJob(random, pace, `job-${index}`));
}

function randomJob(random: SeededRandom, pace: Pace, id: string): RandomJob {
  const drawn = random.pick(['never', 'never', 'never', 'never', 'until-aborted', 'for-ever'] as const);
  const hanging = drawn === 'for-ever' && !pace.withHanging ? 'until-aborted' : drawn;
  const isBounded = hanging !== 'never' || random.chance(0.2);
  const misfire = random.pick(['coalesce', 'coalesce', 'skip', 'all'] as const);
  const settings: JobSettings = {
    misfire,
    ...(random.chance(0.3) && { misfireGraceMs: random.int(1, 30) * 1_000 }),
    overlap: random.pick(['skip', 'queue-one', 'queue-all', 'cancel-running'] as const),
    maxInstances: random.int(1, 3),
    retry: {
      maxAttempts: random.int(1, 3),
      backoff: { kind: 'fixed', delayMs: random.int(0, pace.longestRetryMs), jitter: false },
    },
    onNodeLoss: random.pick(['rerun', 'rerun', 'abandon'] as const),
    // not drawn: a seed goes on meaning the jobs that it meant
    priority: Number(id.at(-1)) % 3,
    ...(isBounded && { timeoutMs: random.int(pace.leastTimeoutMs, pace.leastTimeoutMs * 4) }),
  };
  const behaviour = {
    workMs: random.chance(0.4) ? 0 : random.int(1, pace.longestWorkMs),
    failing: random.pick([0, 0, 0.3, 1] as const),
    hanging,
  };
  if (pace.longWorkMs > 0 && random.chance(0.25)) {
    behaviour.workMs = pace.longWorkMs;
    Object.assign(settings, {
      misfire: 'coalesce',
      overlap: random.pick(['skip', 'queue-one', 'cancel-running'] as const),
    });
  }
  const maxRuns = random.chance(0.15) ? random.int(1, 10) : null;
  return {
    id,
    trigger: randomTrigger(random, pace),
    settings,
    maxRuns,
    jitterMs: random.chance(0.2) ? 500 : 0,
    behaviour,
  };
}

function randomTrigger(random: SeededRandom, { from, until, shortestMs, longestMs, withCron }: Pace): Trigger {
  const bounds = { endAt: until };
  switch (
    random.pick(withCron ? (['every', 'every', 'cron', 'at'] as const) : (['every', 'every', 'every', 'at'] as const))
  ) {
    case 'every':
      return every(`${random.int(shortestMs, longestMs)}ms`, bounds);
    case 'cron':
      return cron(random.pick(['*/2 * * * * *', '*/7 * * * * *', '0,1,30 * * * * *', '0 * * * * *'] as const), bounds);
    case 'at':
      return at(new Date(random.int(from.getTime() - 10_000, until.getTime())));
  }
}

/** What is submitted of a job's last instants, up to now or to the first that is not decided. */
export function backfillOf({ trigger }: RandomJob, ofMs: number, batchId: string): NewBackfill {
  const plan = (job: JobEntity, now: Date): Date[] => {
    const to = new Date(Math.min(now.getTime(), (job.nextRunAt?.getTime() ?? Infinity) - 1));
    const from = new Date(to.getTime() - ofMs);
    return backfilledInstants(job, anchored(trigger, job.anchor), { from, to }, now);
  };
  return { batchId, reason: null, plan };
}

/** The rows of jobs that are added at run time. */
export function rowsOf(jobs: readonly RandomJob[], random: SeededRandom, now: Date): JobEntity[] {
  return jobs.map(({ id, trigger, settings, maxRuns, jitterMs }) => {
    const schedule = { kind: 'trigger', trigger, maxRuns, jitterMs } as const;
    const draft = draftJob({ id, handler: id, schedule, data: null, source: 'dynamic', settings: [settings] });
    // the jitter is drawn from the uid
    return { ...newJobRow(draft, now), uid: random.uuid() };
  });
}
