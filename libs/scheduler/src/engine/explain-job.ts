import { handlerName } from '../store/declared-job.js';
import type { LiveNode } from '../store/job-store.js';
import type { JobEntity } from '../store/job.entity.js';
import { causeOfQuarantine } from '../store/quarantine.js';
import type { SchedulerState } from './engine-events.js';
import { explainExecutions } from './explain-executions.js';
import { because, canRun, iso, named, type JobFacts } from './job-facts.js';
import { executorOf } from './job-settings.js';

export interface Explanation {
  /** false: its schedule does not go on before somebody, or something outside of the scheduler, changes that. */
  runs: boolean;
  /** Sentences; what stands in the way comes first. */
  because: string[];
}

/** A node in one of these starts nothing. */
const IDLE: ReadonlySet<SchedulerState> = new Set(['stopped', 'paused', 'draining', 'disconnected']);

/** Why a job runs or does not. Pure. */
export function explainJob(facts: JobFacts): Explanation {
  const { job } = facts;
  const obstacles = [...stateOf(job), ...pauseOf(facts), ...(job.state === 'active' ? nodesOf(facts) : [])];
  const schedule = job.state === 'active' ? scheduleOf(facts) : [];
  const notes = [...hereOf(facts), ...historyOf(job)];
  return { runs: obstacles.length === 0, because: [...obstacles, ...schedule, ...explainExecutions(facts), ...notes] };
}

function stateOf(job: JobEntity): string[] {
  const { id, state, stateAt, stateBy, stateReason } = job;
  switch (state) {
    case 'active':
      return [];
    case 'paused':
      return [
        `It was paused${by(stateBy)} at ${iso(stateAt)}${because(stateReason)}. resumeJob("${id}") starts it again.`,
      ];
    case 'quarantined': {
      const why = stateReason && causeOfQuarantine(stateReason);
      return [
        `It is quarantined since ${iso(stateAt)}${because(why)}. Mend that with modifyJob or a deploy; resumeJob("${id}") tries again.`,
      ];
    }
    case 'finished':
      return [finishedOf(job)];
    default:
      return [`Its state, "${String(state)}", means nothing. The audit quarantines it.`];
  }
}

function finishedOf({ maxRuns, runCount, trigger, schedule, lastInstant, createdAt }: JobEntity): string {
  if (maxRuns !== null && runCount >= maxRuns) {
    return `It is finished: it has run ${times(runCount)}, as often as maxRuns says. modifyJob with a higher maxRuns lets it go on.`;
  }
  const { kind, at } = (trigger ?? {}) as { kind?: unknown; at?: unknown };
  if (kind === 'at') return `It is finished: it runs once, and its instant, ${String(at)}, is decided.`;
  const last = lastInstant ?? createdAt;
  return `It is finished: its schedule (${schedule}) has no fire after ${iso(last)}. modifyJob with another schedule or a later endAt lets it go on.`;
}

function pauseOf({ pause }: JobFacts): string[] {
  if (pause === null) return [];
  const since = pause.at === null ? '' : ` since ${iso(pause.at)}`;
  return [`The whole cluster is paused${by(pause.by)}${since}${because(pause.reason)}. resume() starts it again.`];
}

/** Who has to run it, and cannot. */
function nodesOf(facts: JobFacts): string[] {
  const { job, nodes, here } = facts;
  if (!nodes.some((node) => canRun(node, job.capability))) return [nobodyOf(job, nodes), ...orphanOf(job)];
  return isHereAlone(facts) ? [`Only this node can run it, and it is ${here.state}${because(here.reason)}.`] : [];
}

/** Whether this node, which starts nothing, is the only one that could. */
function isHereAlone({ job, nodes, here }: JobFacts): boolean {
  const able = nodes.filter((node) => canRun(node, job.capability));
  return IDLE.has(here.state) && able.length > 0 && able.every(({ incarnation }) => incarnation === here.incarnation);
}

function nobodyOf(job: JobEntity, nodes: readonly LiveNode[]): string {
  const executor = executorOf(job.capability);
  const handler = job.capability.slice(0, -executor.length);
  const has = nodes.filter(({ capabilities }) => capabilities.some((each) => each.startsWith(handler)));
  const alive = nodes.length === 0 ? 'No node is alive' : `Alive: ${named(nodes)}`;
  if (has.length > 0) {
    const others = [
      ...new Set(has.flatMap(({ capabilities }) => capabilities.filter((each) => each.startsWith(handler)))),
    ];
    return `No live node runs its handler in the executor "${executor}"; ${named(has)} would in ${others.map(executorOf).join(', ')}. Add the executor to a module, or give the job another one with modifyJob.`;
  }
  const declares = nodes.filter((node) => node.declares.includes(job.id));
  if (declares.length > 0)
    return `It is declared by ${named(declares)}, and no process that declares it runs jobs (runJobs: false).`;
  const what = job.source === 'code' ? 'declares it' : `has its handler "${handlerName(job)}"`;
  return `No live node ${what}. ${alive}. It waits for one that does.`;
}

function orphanOf({ orphanedAt }: JobEntity): string[] {
  return orphanedAt === null
    ? []
    : [`It is labelled orphaned since ${iso(orphanedAt)}: nobody could run it for a day.`];
}

/** When it comes to its next run. */
function scheduleOf({ job, active: { now, queued } }: JobFacts): string[] {
  const { nextRunAt, wakeAt, jitterMs, schedule, maxQueue, misfireGraceMs, misfire } = job;
  if (nextRunAt === null) return ['It is active and has no next run: the audit finds it one within twenty minutes.'];
  const wake = wakeAt ?? nextRunAt;
  const delayMs = wake.getTime() - nextRunAt.getTime();
  const spread = delayMs > 0 && delayMs <= jitterMs ? `, and starts at ${iso(wake)} (jitterMs: ${jitterMs})` : '';
  if (nextRunAt > now) return [`Its next run is at ${iso(nextRunAt)} (${schedule})${spread}.`];
  if (delayMs > jitterMs && wake > now) {
    return [
      `Its fire of ${iso(nextRunAt)} waits for room in its queue, where ${queued} of ${maxQueue} wait: it is tried again at ${iso(wake)}.`,
    ];
  }
  if (misfireGraceMs !== null && now.getTime() - nextRunAt.getTime() > misfireGraceMs + jitterMs) {
    return [
      `Its fire of ${iso(nextRunAt)} is later than misfireGraceMs (${misfireGraceMs}) allows and will be recorded as missed (misfire: '${misfire}').`,
    ];
  }
  return [`It is due since ${iso(nextRunAt)} (${schedule})${spread || ', and the next pass takes it'}.`];
}

/** What may make what is said here old, or hold up this node. */
function hereOf(facts: JobFacts): string[] {
  const { here, nodes, job } = facts;
  const { state, reason, runJobs } = here;
  if (!runJobs) {
    const able = nodes.filter((node) => canRun(node, job.capability));
    return able.length === 0 ? [] : [`This process runs no jobs (runJobs: false); ${named(able)} can run it.`];
  }
  if (state === 'running' || (job.state === 'active' && isHereAlone(facts))) return [];
  return [`This node is ${state}${because(reason)}. All this is what the database says.`];
}

function historyOf({ consecutiveFailures, maxRuns, runCount, state, overridden }: JobEntity): string[] {
  const isLimited = maxRuns !== null && runCount < maxRuns && state !== 'finished';
  return [
    ...(consecutiveFailures === 0
      ? []
      : [`Its last ${consecutiveFailures === 1 ? 'run' : `${consecutiveFailures} runs`} failed.`]),
    ...(isLimited ? [`It has run ${times(runCount)} of ${maxRuns}.`] : []),
    ...(overridden.length === 0 ? [] : [`An operator changed what its code says of ${overridden.join(', ')}.`]),
  ];
}

function by(who: string | null): string {
  return who === null ? '' : ` by ${who}`;
}
function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
