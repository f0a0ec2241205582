import { describe, expect, it } from 'vitest';

import { explainJob, type Explanation } from '../../src/engine/explain-job.js';
import type { JobFacts } from '../../src/engine/job-facts.js';
import { newExecutionRow } from '../../src/store/execution-row.js';
import type { JobExecutionEntity } from '../../src/store/job-execution.entity.js';
import type { LiveNode } from '../../src/store/job-store.js';
import type { JobEntity } from '../../src/store/job.entity.js';
import { aJob, CAPABILITY, recordFor } from '../store/builders.js';

const at = (time: string): Date => new Date(`2026-03-01T${time}Z`);
const NOW = at('12:00:00');
const iso = (time: string): string => at(time).toISOString();

const node = (nodeName: string, overrides: Partial<LiveNode> = {}): LiveNode => ({
  incarnation: nodeName,
  nodeName,
  capabilities: [CAPABILITY],
  declares: [],
  ...overrides,
});

type Some = Partial<Omit<JobFacts, 'job' | 'active' | 'here'>> & {
  job?: Partial<JobEntity>;
  executions?: Partial<JobExecutionEntity>[];
  backfilled?: number;
  here?: Partial<JobFacts['here']>;
};

/** An hourly job that is active, on a node "a", and runs next at 13:00. */
function explained({ job: said, executions = [], backfilled = 0, here, ...rest }: Some = {}): Explanation {
  const job = aJob({ nextRunAt: at('13:00:00'), ...said });
  const rows = executions.map((each): JobExecutionEntity => {
    const record = recordFor(job, { status: 'pending', scheduledAt: NOW });
    return { ...newExecutionRow(job, record, null, at('11:00:00')), id: 'e1', ...each };
  });
  const isActive = ({ status, leaseEpoch }: JobExecutionEntity): boolean => status === 'running' || leaseEpoch > 0;
  const active = rows.filter(isActive).length;
  return explainJob({
    job,
    active: { now: NOW, executions: rows, active, queued: rows.length - active, backfilled },
    pause: null,
    nodes: [node('a')],
    here: { incarnation: 'a', state: 'running', reason: null, runJobs: true, unwritten: new Set(), ...here },
    ...rest,
  });
}

const NEXT = `Its next run is at ${iso('13:00:00')} (every hour).`;
const runs = (...because: string[]): Explanation => ({ runs: true, because });
const stands = (...because: string[]): Explanation => ({ runs: false, because });
const running = { status: 'running', leaseEpoch: 1, attempt: 1, nodeName: 'b', claimedAt: at('11:30:00') } as const;

describe('A job that is active', () => {
  it.each<[string, Some, Explanation]>([
    ['and has a next run', {}, runs(NEXT)],
    [
      'and is spread out by its jitter',
      { job: { jitterMs: 60_000, wakeAt: at('13:00:30') } },
      runs(`Its next run is at ${iso('13:00:00')} (every hour), and starts at ${iso('13:00:30')} (jitterMs: 60000).`),
    ],
    [
      'and due',
      { job: { nextRunAt: at('11:59:59') } },
      runs(`It is due since ${iso('11:59:59')} (every hour), and the next pass takes it.`),
    ],
    [
      'and due, and waits for its jitter',
      { job: { nextRunAt: at('11:59:59'), wakeAt: at('12:00:20'), jitterMs: 30_000 } },
      runs(`It is due since ${iso('11:59:59')} (every hour), and starts at ${iso('12:00:20')} (jitterMs: 30000).`),
    ],
    [
      'and whose queue is full',
      {
        job: { nextRunAt: at('11:59:59'), wakeAt: at('12:00:01'), overlap: 'queue-all', maxQueue: 2, maxInstances: 9 },
      },
      runs(
        `Its fire of ${iso('11:59:59')} waits for room in its queue, where 0 of 2 wait: it is tried again at ${iso('12:00:01')}.`,
      ),
    ],
    [
      'and too late for its grace',
      { job: { nextRunAt: at('11:50:00'), misfire: 'skip', misfireGraceMs: 60_000 } },
      runs(
        `Its fire of ${iso('11:50:00')} is later than misfireGraceMs (60000) allows and will be recorded as missed (misfire: 'skip').`,
      ),
    ],
    [
      'and without a next run',
      { job: { nextRunAt: null } },
      runs('It is active and has no next run: the audit finds it one within twenty minutes.'),
    ],
    ['and failed the last times', { job: { consecutiveFailures: 3 } }, runs(NEXT, 'Its last 3 runs failed.')],
    ['and runs a number of times', { job: { runCount: 1, maxRuns: 5 } }, runs(NEXT, 'It has run once of 5.')],
    [
      'and was modified',
      { job: { source: 'code', overridden: ['retry', 'schedule'] } },
      runs(NEXT, 'An operator changed what its code says of retry, schedule.'),
    ],
  ])('%s', (_, some, expected) => {
    expect(explained(some)).toEqual(expected);
  });
});

describe('A job that stands still', () => {
  it.each<[string, Some, Explanation]>([
    [
      'because it is paused',
      { job: { state: 'paused', stateBy: 'ann', stateReason: 'holidays', stateAt: at('09:00:00') } },
      stands(`It was paused by ann at ${iso('09:00:00')}: holidays. resumeJob("report") starts it again.`),
    ],
    [
      'because it is quarantined',
      {
        job: {
          state: 'quarantined',
          stateReason: 'no calendar (resumeJob("report") tries again)',
          stateAt: at('09:00:00'),
        },
      },
      stands(
        `It is quarantined since ${iso('09:00:00')}: no calendar. Mend that with modifyJob or a deploy; resumeJob("report") tries again.`,
      ),
    ],
    [
      'because it has run as often as it may',
      { job: { state: 'finished', nextRunAt: null, runCount: 3, maxRuns: 3 } },
      stands(
        'It is finished: it has run 3 times, as often as maxRuns says. modifyJob with a higher maxRuns lets it go on.',
      ),
    ],
    [
      'because it runs once',
      { job: { state: 'finished', nextRunAt: null, trigger: { kind: 'at', at: iso('10:00:00') } } },
      stands(`It is finished: it runs once, and its instant, ${iso('10:00:00')}, is decided.`),
    ],
    [
      'because its schedule has ended',
      { job: { state: 'finished', nextRunAt: null, lastInstant: at('10:00:00') } },
      stands(
        `It is finished: its schedule (every hour) has no fire after ${iso('10:00:00')}. modifyJob with another schedule or a later endAt lets it go on.`,
      ),
    ],
    [
      'because its state means nothing',
      { job: { state: 'asleep' as never } },
      stands('Its state, "asleep", means nothing. The audit quarantines it.'),
    ],
    [
      'because the cluster is paused',
      { pause: { by: 'bob', reason: 'migration.', at: at('08:00:00') } },
      stands(`The whole cluster is paused by bob since ${iso('08:00:00')}: migration. resume() starts it again.`, NEXT),
    ],
    [
      'because nobody has its handler',
      { nodes: [node('a', { capabilities: ['mails.send@default'] })] },
      stands('No live node has its handler "reports.send". Alive: "a". It waits for one that does.', NEXT),
    ],
    [
      'because nobody declares it, for a day',
      { nodes: [], job: { source: 'code', handler: 'job:report', orphanedAt: at('01:00:00') } },
      stands(
        'No live node declares it. No node is alive. It waits for one that does.',
        `It is labelled orphaned since ${iso('01:00:00')}: nobody could run it for a day.`,
        NEXT,
      ),
    ],
    [
      'because nobody has its executor',
      { job: { capability: 'reports.send@heavy' } },
      stands(
        'No live node runs its handler in the executor "heavy"; "a" would in default. Add the executor to a module, or give the job another one with modifyJob.',
        NEXT,
      ),
    ],
    [
      'because who declares it runs no jobs',
      {
        job: { source: 'code' },
        nodes: [node('a', { capabilities: [], declares: ['report'] })],
        here: { runJobs: false },
      },
      stands('It is declared by "a", and no process that declares it runs jobs (runJobs: false).', NEXT),
    ],
    [
      'because only this node could run it, and is shutting down',
      { here: { state: 'draining' } },
      stands('Only this node can run it, and it is draining.', NEXT),
    ],
    [
      'because only this node could run it, and has no database',
      { here: { state: 'disconnected', reason: 'refused' } },
      stands('Only this node can run it, and it is disconnected: refused.', NEXT),
    ],
  ])('%s', (_, some, expected) => {
    expect(explained(some)).toEqual(expected);
  });

  it('names no more nodes than can be read', () => {
    const nodes = Array.from({ length: 14 }, (_, n) => node(`n${n}`, { capabilities: [] }));
    expect(explained({ nodes }).because[0]).toMatch(/Alive: "n0", .*"n9" and 4 more\./);
  });
});

describe('This node', () => {
  const both = [node('a', { capabilities: [] }), node('b')];
  it.each<[string, Some, Explanation]>([
    [
      'that runs no jobs leaves them to others',
      { nodes: both, here: { runJobs: false } },
      runs(NEXT, 'This process runs no jobs (runJobs: false); "b" can run it.'),
    ],
    [
      'that is paused leaves them to others',
      { nodes: [node('a'), node('b')], here: { state: 'paused' } },
      runs(NEXT, 'This node is paused. All this is what the database says.'),
    ],
    [
      'that is degraded says so',
      { here: { state: 'degraded', reason: 'no notifications' } },
      runs(NEXT, 'This node is degraded: no notifications. All this is what the database says.'),
    ],
  ])('%s', (_, some, expected) => {
    expect(explained(some)).toEqual(expected);
  });
});

describe('An execution', () => {
  const skips = `A fire that comes meanwhile is skipped (maxInstances: 1, overlap: 'skip').`;
  const run = `Its run of ${NOW.toISOString()} (execution e1)`;
  it.each<[string, Some, string[]]>([
    ['that runs', { executions: [running] }, [`${run} runs on node "b" since ${iso('11:30:00')}.`, skips]],
    [
      'that runs again and was asked to stop',
      { executions: [{ ...running, attempt: 2, maxAttempts: 3, cancelRequestedAt: at('11:40:00') }] },
      [
        `${run} runs on node "b" since ${iso('11:30:00')}, attempt 2 of 3. It was asked to stop at ${iso('11:40:00')}.`,
        skips,
      ],
    ],
    [
      'that has ended and is not written yet',
      { executions: [running], here: { unwritten: new Set(['e1']) } },
      [`${run} has ended on this node, and its outcome is not written yet.`, skips],
    ],
    [
      'that waits for its next attempt',
      {
        executions: [
          {
            leaseEpoch: 1,
            attempt: 1,
            maxAttempts: 3,
            availableAt: at('12:05:00'),
            error: { name: 'Error', message: 'no mail', cause: { name: 'Error', message: 'no such host' } },
          },
        ],
      },
      [`${run} failed at attempt 1 of 3: no mail (no such host). The next attempt is at ${iso('12:05:00')}.`, skips],
    ],
    [
      'that was handed over',
      { executions: [{ leaseEpoch: 1, reason: 'shutdown' }] },
      [`${run} was handed over: shutdown, and goes on as soon as a slot is free.`, skips],
    ],
    [
      'that waits for room',
      { job: { overlap: 'queue-one' }, executions: [running, { id: 'e2', scheduledAt: at('11:00:00') }] },
      [
        `${run} runs on node "b" since ${iso('11:30:00')}.`,
        `Its run of ${iso('11:00:00')} (execution e2) waits for room (maxInstances: 1): execution e1 holds it on node "b" since ${iso('11:30:00')}.`,
        `A fire that comes meanwhile waits, if no other does (maxInstances: 1, overlap: 'queue-one').`,
      ],
    ],
    [
      'that waits for a slot',
      { executions: [{ kind: 'manual' }], job: { maxInstances: 2 } },
      [
        `Its run by hand of ${NOW.toISOString()} (execution e1) waits for a free slot of the executor "default" on "a".`,
      ],
    ],
    [
      'that waits for a node',
      { executions: [{ capability: 'reports.send@heavy' }], job: { maxInstances: 2 } },
      [`${run} waits for a node that can run it (reports.send@heavy).`],
    ],
    [
      'that is not available yet',
      { executions: [{ availableAt: at('12:00:09') }], job: { maxInstances: 2 } },
      [`${run} waits until ${iso('12:00:09')}.`],
    ],
    [
      'of a backfill',
      { backfilled: 7 },
      ['7 runs of a backfill wait: they start in the room that its schedule leaves.'],
    ],
  ])('%s is told', (_, some, expected) => {
    expect(explained(some)).toEqual(runs(NEXT, ...expected));
  });

  it.each(['paused', 'quarantined'] as const)(
    'of a job that is %s waits for it, unless a person asked for it',
    (state) => {
      const again = { id: 'e3', leaseEpoch: 1, attempt: 1, error: { name: 'Error', message: 'no mail' } };
      const executions: Some['executions'] = [{}, { id: 'e2', kind: 'manual' }, again];
      expect(explained({ job: { state, maxInstances: 3 }, executions }).because.slice(1)).toEqual([
        expect.stringMatching(
          /e3\) failed at attempt 1 of 1: no mail\. The next attempt is when the job is resumed\.$/,
        ),
        `${run} waits, and starts when the job is resumed.`,
        expect.stringMatching(/^Its run by hand .* waits for a free slot/),
      ]);
    },
  );

  it('of a cluster that is paused waits for it', () => {
    const pause = { by: null, reason: null, at: null };
    expect(explained({ pause, job: { maxInstances: 3 }, executions: [{}] }).because).toEqual([
      'The whole cluster is paused. resume() starts it again.',
      NEXT,
      `${run} waits, and starts when the cluster is resumed.`,
    ]);
  });

  it('is one of many, of which some are told and the others counted', () => {
    const executions = Array.from({ length: 9 }, (_, n) => ({ ...running, id: `e${n}` }));
    const { because } = explained({ job: { maxInstances: 20 }, executions });
    expect(because).toHaveLength(7);
    expect(because.at(-1)).toBe('4 runs more like these.');
  });
});
